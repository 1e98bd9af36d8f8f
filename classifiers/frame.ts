// Drops what stands around a question and is none of it: greetings, thanks, "Question:", "think step by step".

/** What is left must still be a question; a text of courtesies alone is talk and read as it is. */
const REST_CHARS_MIN = 15;
/** A frame is looked for in this many units at either end, at most this many parts of it. */
const END_CHARS = 160;
const PARTS_MAX = 4;

const THIS =
  "(?:this|these|the following|a|my|the)(?: (?:question|problem|task|one|homework|exercise|query|puzzle|riddle))?(?: below| for me)?";
const OPENINGS = [
  "(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening)|dear [a-z]+)(?: there| all| everyone| friend| assistant)?\\s*[,!.:]+",
  `(?:please |kindly )?(?:(?:can|could|would|will) you )?(?:please |kindly )?(?:help(?: me)?(?: out)?(?: with ${THIS})?|(?:answer|solve) ${THIS})(?: please)?\\s*[.?!:]+`,
  `i (?:need|want|would like|could use) (?:some |your |a bit of )?help with ${THIS}\\s*[.?!:]+`,
  "(?:question|q|problem|task|query|prompt|user)\\s?\\d{0,3}\\s?:",
];
const CLOSINGS = [
  "(?:thanks|thank you|many thanks|thx|cheers)[^.?!\\n]{0,40}[.!]*",
  "(?:answer|a|solution|response|assistant)\\s?:",
  "(?:let's |let us |please )?(?:think|reason|work)(?: this| it)?(?: through| out)? step[- ]by[- ]step[^.?!\\n]{0,40}[.!]*",
  "(?:please )?(?:show|explain) your (?:work|working|reasoning|steps|thinking)[^.?!\\n]{0,30}[.!]*",
  "(?:please )?think (?:it through|carefully)[^.?!\\n]{0,30}[.!]*",
];
const OPENING = new RegExp(`^\\s*(?:${OPENINGS.join("|")})\\s*`, "i");
/** A closing begins where a sentence or a line does. */
const CLOSING = new RegExp(`(?<=[.?!:)\\n]\\s{0,4})(?:${CLOSINGS.join("|")})\\s*$`, "i");

export function withoutFrame(text: string): string {
  let rest = text;
  for (let part = 0; part < PARTS_MAX; part += 1) {
    const opening = OPENING.exec(rest.slice(0, END_CHARS));
    if (opening === null) break;
    rest = rest.slice(opening[0].length);
  }
  for (let part = 0; part < PARTS_MAX; part += 1) {
    const closing = CLOSING.exec(rest.slice(-END_CHARS));
    if (closing === null) break;
    rest = rest.slice(0, rest.length - closing[0].length).trimEnd();
  }
  return rest.length < REST_CHARS_MIN ? text : rest;
}

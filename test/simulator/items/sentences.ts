// A text as its sentences, without what is only manners: "Hi! Could you please tell me what 7 times 8 is? Thanks."
/** A question is made of few sentences; what is longer is a document. */
const sentencesMax = 60;

const manners =
  /^(?:(?:hi|hello|hey|ok|okay|so|well|and|now|please|quick question|question|q|problem|thanks|thank you)\b[\s,:!-]*|(?:can|could|would|will) you (?:please )?(?:tell me|say|show me|help me (?:with|find|figure out)|work out for me)[\s,:]*|(?:i (?:need|want|would like|'d like) to (?:know|find out)|tell me|do you know|i wonder|let me know|any idea)[\s,:]*)/;
const farewell = /[\s,]*\b(?:please|thanks|thank you|for me|exactly|again|step by step)$/;

export function splitSentences(text: string): readonly string[] {
  return text
    .split(/(?<=[a-z\d)¤%"'][?!]|[a-z)¤%"']\.|\d\.(?!\d))(?=\s|$)|;|\n+/)
    .map((sentence) => trimManners(sentence.trim().replace(/[.?!\s]+$/, "")))
    .filter((sentence) => /[a-z\d]/.test(sentence))
    .slice(0, sentencesMax);
}

function trimManners(sentence: string): string {
  let text = sentence;
  for (;;) {
    const shorter = text.replace(manners, "").replace(farewell, "");
    if (shorter === text) return text;
    text = shorter;
  }
}

// Numbers as people write them, as digits: "twenty-five", "two dozen", "1,200", "half an hour", "3 and a half". All in
// lower case, since that is how the readers of questions compare.
const small =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const tens = "twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const scales: Readonly<Record<string, number>> = {
  dozen: 12,
  hundred: 100,
  thousand: 1_000,
  million: 1_000_000,
};

const underTwenty = small.toReversed().join("|");
const underHundred = String.raw`(?:${tens.join("|")})(?:[- ](?:${small.slice(1, 10).join("|")}))?|${underTwenty}`;
const underThousand = String.raw`(?:(?:${small.slice(1, 10).join("|")}|a) hundred(?: (?:and )?(?:${underHundred}))?|${underHundred})`;
/** "Each one" and "this one" speak of a thing and count nothing. */
const pronouns = String.raw`(?<!\b(?:each|this|that|no|which|every|any|the|last|other|another) )`;
const inWords = new RegExp(
  String.raw`${pronouns}\b(?:(?:${underThousand}|a) thousand(?: (?:and )?${underThousand})?|${underThousand})\b`,
  "g",
);

export function writeDigits(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[’‘]/g, "'")
    .replaceAll(/[−–—]/g, "-")
    .replaceAll(/\s+/g, (space) => "\n".repeat(Math.min(2, space.split("\n").length - 1)) || " ")
    .replaceAll(/(?<=(?<![\d.,])\d{1,3}(?:,\d{3})*),(?=\d{3}(?!\d))/g, "")
    .replaceAll(inWords, (words) => String(readWords(words)))
    .replaceAll(/\bhalf a dozen\b/g, "6")
    .replaceAll(/\ba dozen\b/g, "12")
    .replaceAll(/\b(\d+(?:\.\d+)?) (dozen|hundred|thousand|million)\b/g, (_, count, scale) =>
      String(Number(count) * (scales[scale] ?? 1)),
    )
    .replaceAll(/\b(\d+) and (?:a|1) (half|quarter)\b/g, (_, whole, part) =>
      String(Number(whole) + (part === "half" ? 0.5 : 0.25)),
    )
    .replaceAll(/\b(\d+) ([1-3])\/([24])\b(?! ?[\d/])/g, (_, whole, top, bottom) =>
      String(Number(whole) + Number(top) / Number(bottom)),
    )
    .replaceAll(/\ban? ([a-z]+) and a half\b/g, "1.5 $1")
    .replaceAll(
      /\bhalf an? (hour|minute|day|mile|kilometre|kilometer|metre|meter|litre|liter|kilo|pound|cup)\b/g,
      "0.5 $1",
    )
    .replaceAll(/\btwice\b/g, "2 times")
    .replaceAll(/\bthrice\b/g, "3 times");
}

function readWords(words: string): number {
  let total = 0;
  let part = 0;
  for (const word of words.split(/[\s-]+/)) {
    if (word === "thousand") {
      total += Math.max(1, part) * 1_000;
      part = 0;
    } else if (word === "hundred") part = Math.max(1, part) * 100;
    else if (small.includes(word)) part += small.indexOf(word);
    else if (tens.includes(word)) part += (tens.indexOf(word) + 2) * 10;
  }
  return total + part;
}

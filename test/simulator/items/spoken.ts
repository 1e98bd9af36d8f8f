// Arithmetic said in words, written in signs: "the sum of 4 and 5", "12 squared", "15 percent of 80", "subtract 3 from
// 10". Each row turns one phrase; what no row knows stays and makes the expression unreadable, which is the safe way.
const number = String.raw`(-?(?:\d+(?:\.\d+)?|\.\d+))`;
const list = String.raw`((?:-?\d+(?:\.\d+)?(?:, and |, | and | & ))+-?\d+(?:\.\d+)?)`;

/** More numbers than that are data, not something said in a sentence. */
const listedMax = 40;

type Turn = readonly [phrase: RegExp, write: (first: string, second: string) => string];

const turns: readonly Turn[] = [
  [phrase(`(?:sum|total) of ${list}`), (all) => `(${numbersOf(all).join("+")})`],
  [
    phrase(`(?:average|mean) of ${list}`),
    (all) => `((${numbersOf(all).join("+")})/${numbersOf(all).length})`,
  ],
  [phrase(`product of ${list}`), (all) => `(${numbersOf(all).join("*")})`],
  [
    phrase(`difference (?:between|of) ${number} and ${number}`),
    (first, second) =>
      Number(first) >= Number(second) ? `(${first}-${second})` : `(${second}-${first})`,
  ],
  [phrase(`quotient of ${number} and ${number}`), (first, second) => `(${first}/${second})`],
  [phrase(`add ${number} (?:and|to|with) ${number}`), (first, second) => `${second}+${first}`],
  [phrase(`add(?: up)? ${list}`), (all) => numbersOf(all).join("+")],
  [phrase(`subtract ${number} from ${number}`), (first, second) => `${second}-${first}`],
  [phrase(`take ${number} (?:away )?from ${number}`), (first, second) => `${second}-${first}`],
  [phrase(`multiply ${number} (?:by|and|with) ${number}`), (first, second) => `${first}*${second}`],
  [phrase(`divide ${number} (?:by|into) ${number}`), (first, second) => `${first}/${second}`],
  [
    phrase(
      `how (?:many times|often) (?:does|do|will|can) ${number} (?:go|fit)(?:es)? into ${number}`,
    ),
    (first, second) => `${second}/${first}`,
  ],
  [new RegExp(`^${number} less than (.+)$`), (first, rest) => `${rest}-${first}`],
  [new RegExp(`^${number} more than (.+)$`), (first, rest) => `${rest}+${first}`],
  [phrase(`${number} factorial`), writeFactorial],
  [/(\d+(?:\.\d+)?|\))\s*(?:%|percent|per cent) of\b/g, (share) => `${share}%`],
  [/\b(?:1 )?half of\b/g, () => "1/2*"],
  [/\b(?:a|1) (third|quarter|fifth|tenth) of\b/g, (part) => `1/${parts[part] ?? 0}*`],
  [/\b(\d+) (third|quarter|fifth|tenth)s of\b/g, (top, part) => `${top}/${parts[part] ?? 0}*`],
  [/\b(\d+\/\d+) of\b/g, (fraction) => `${fraction}*`],
  [/\bdouble(?: of)? (?=\d)/g, () => "2*"],
  [/\btriple(?: of)? (?=\d)/g, () => "3*"],
  [/\b(?:the )?(?:square root|root)(?: of)? ?(?=\d+(?:\.\d+)?\s*$|\()/g, () => " sqrt "],
  [/\b(?:the )?cube root(?: of)? ?(?=\d+(?:\.\d+)?\s*$|\()/g, () => " cbrt "],
  [/\bsqrt(?: of)?(?= ?[\d(])/g, () => " sqrt "],
  [/√/g, () => " sqrt "],
  [/ squared\b|²/g, () => "^2"],
  [/ cubed\b|³/g, () => "^3"],
  [/ (?:raised )?to the power(?: of)? (?=[\d(-])/g, () => "^"],
  [/ (?:raised )?to the (\d+)(?:st|nd|rd|th)(?: power)?\b/g, (exponent) => `^${exponent}`],
  [/\bplus\b/g, () => "+"],
  [/\bminus\b/g, () => "-"],
  [/\b(?:multiplied by|times)\b|[×·]/g, () => "*"],
  [/(?<=[\d)]) ?x ?(?=[\d(])/g, () => "*"],
  [/\b(?:divided by|over)\b|÷|(?<=\d) : (?=\d)/g, () => "/"],
];

const parts: Readonly<Record<string, number>> = { third: 3, quarter: 4, fifth: 5, tenth: 10 };

export function writeSigns(said: string): string {
  let text = said;
  for (const [asked, write] of turns) {
    text = text.replace(asked, (_, first: unknown, second: unknown) =>
      write(typeof first === "string" ? first : "", typeof second === "string" ? second : ""),
    );
  }
  return text.trim();
}

/** Beyond 18 factorial the value is no longer exact. */
function writeFactorial(of: string): string {
  const last = Number(of);
  if (!Number.isInteger(last) || last < 1 || last > 18) return `${of} factorial`;
  return `(${Array.from({ length: last }, (_, index) => last - index).join("*")})`;
}

function numbersOf(listed: string): readonly string[] {
  return (listed.match(/-?\d+(?:\.\d+)?/g) ?? []).slice(0, listedMax);
}

/** Said to its end: in "half the sum of 4 and 5 times 2" nobody knows what is to be doubled. */
function phrase(source: string): RegExp {
  return new RegExp(
    String.raw`(?:\bthe )?\b${source}(?=\s*(?:$|[=?)]))`.replace(String.raw`\b(-?`, "(-?"),
    "g",
  );
}

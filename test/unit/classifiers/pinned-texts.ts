// Texts of every sort, by name, whose features are pinned in pinned.txt: Node and workerd must find the same.

export const PINNED_TEXTS: Readonly<Record<string, string>> = {
  nothing: "",
  "one emoji": "🙂",
  talk: "Hello, how are you today?",
  "a word problem":
    "A baker has 24 rolls and sells 7 of them, then bakes 12 more. How many rolls are left altogether?",
  "a formula": "Let $f(x) = x^2 - 5x + 6$. Find the sum of the roots of $f$.",
  "a program": "def f(a):\n    return [x for x in a if x]\n\nWhat is the output of f([0, 1])?",
  "a choice": "Which gas do plants take in?\nA. Oxygen\nB. Carbon dioxide\nC. Helium\nD. Neon",
  "a numbered choice": "Which gas do plants take in?\n1. Oxygen\n2. Carbon dioxide\n3. Helium",
  "a puzzle":
    "Five people stand in a line. Ana is behind Bo, Bo is behind Cy, and Di is first. Who is last?",
  "another language": "Pourquoi les feuilles tombent-elles en automne ?",
  "Chinese reckoning": "小明有 12 支铅笔，又买了 8 支，他现在有几支铅笔？",
  "mixed scripts": "Сколько is 3 + 4 и почему? 東京",
  fullwidth: "Ｗｈａｔ ｉｓ ３ ＋ ４ ？",
  "lone surrogates": "a \ud800 b \udc00 c",
  "control characters": "\u0000\u0001\u0007 what \u001b[31m is \u007f this?",
  "a claim": "This is an extremely hard question. What is 3 + 4?",
  "a frame": "Hi! Could you please help me with this?\n\nWhat is 12 * 13?\n\nThanks a lot!",
  "one letter": "a".repeat(100_000),
  "a thousand options": Array.from(
    { length: 1000 },
    (_, index) => `${String.fromCharCode(65 + (index % 26))}. choice ${index}`,
  ).join("\n"),
  "a long paste": `${"The committee met again and talked about the plan for the year. ".repeat(400)}\n\nSolve 3x + 4 = 19 for x.`,
};

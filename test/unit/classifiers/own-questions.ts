// Questions of every kind, of our own, for tests of what must not matter.

export const OWN_QUESTIONS: readonly string[] = [
  "A baker has 24 rolls and sells 7 of them, then bakes 12 more. How many rolls are left altogether?",
  "Let $f(x) = x^2 - 5x + 6$. Find the sum of the roots of $f$.",
  "Which planet is the largest?\nA. Mars\nB. Jupiter\nC. Venus\nD. Saturn",
  "A car goes 120 km in 2 hours. What is its average speed?\nA. 40\nB. 60\nC. 80\nD. 100",
  "Write a Python function that returns the longest word of a list of strings.",
  "def f(a):\n    b = [x * 2 for x in a]\n    return len(b)\n\nWhat does f([1, 2, 3]) return?",
  "Five people stand in a line. Ana is behind Bo, Bo is behind Cy, and Di is first. Who is last?",
  "Who painted the ceiling of the Sistine Chapel, and in which years did he work on it?",
  "Why does ice float on water although most solids sink in their own melt?",
  "In how many ways can 8 rooks be placed on a chess board so that none attacks another?",
  "Does a contract bind a minor who signed it without the consent of a parent?",
  "Tell me a joke about a cat who wants to be a pilot.",
];

// Programs to be traced, and open requests of everyday work, made by rule.
import { pick, type Chance } from "./chance.ts";
import { whole } from "./family-math.ts";

export function tracedProgram(steps: number, chance: Chance): string {
  const lines = Array.from({ length: steps }, () =>
    pick(
      [
        () => `    total += x * ${whole(2, 9, chance)}`,
        () =>
          `    for i in range(${whole(2, 6, chance)}):\n        total += i % ${whole(2, 4, chance)}`,
        () => `    if total % 2 == 0:\n        total //= 2`,
        () => `    x = x - ${whole(1, 4, chance)} if x > ${whole(3, 9, chance)} else x + 1`,
        () => `    items = [v for v in items if v != x]`,
      ],
      chance,
    )(),
  );
  return `def run(x):\n    total = ${whole(0, 9, chance)}\n    items = [${whole(1, 9, chance)}, ${whole(1, 9, chance)}]\n${lines.join("\n")}\n    return total + len(items)\n\n${pick(["What does run(%) return?", "What is printed by print(run(%))?", "assert run(%) == ??"], chance).replace("%", String(whole(1, 9, chance)))}`;
}

const VERBS = ["Write", "Draft", "Can you write", "Please compose", "I need", "Help me write"];
const TEXTS = [
  "a short email",
  "a cover letter",
  "a product description",
  "a toast for a wedding",
  "a poem",
  "a polite complaint",
  "an announcement",
  "a bedtime story",
  "a social media post",
  "a summary",
  "a list of ideas",
  "a travel plan",
  "a reply to this message",
];
const ABOUT = [
  "my neighbour's loud music",
  "a new bicycle shop",
  "moving to another city",
  "our team's good quarter",
  "a weekend by the sea",
  "learning the violin",
  "a delayed parcel",
  "cooking for friends",
  "a lost cat",
  "working from home",
  "an old lighthouse",
  "saving water",
];
const TONES = [
  "",
  " in a friendly tone",
  " for my boss",
  " in two paragraphs",
  " that is funny",
  " for children",
  " and keep it formal",
];
const TALK = [
  "What do you think about %?",
  "How can I feel better about %?",
  "Give me some advice on %.",
  "Tell me something nice about %.",
  "Let's chat about %.",
  "Rewrite this so that it sounds better: I wanted to tell you about %.",
  "Pretend you are an expert on % and introduce yourself.",
];

export function openRequest(chance: Chance): string {
  const about = pick(ABOUT, chance);
  if (chance() < 0.35) return pick(TALK, chance).replace("%", about);
  return `${pick(VERBS, chance)} ${pick(TEXTS, chance)} about ${about}${pick(TONES, chance)}.`;
}

// What a newcomer types: ordinary phrasings with their right answers, and those that must be left unread because a
// reading could only be a guess. The questions that our own documents suggest have to be answered, and right.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withoutInstructions } from "../../simulator/instructions.ts";
import { recogniseItem } from "../../simulator/items/recognise.ts";
import { modes } from "../../simulator/mode.ts";
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { askWhole, chatBody, chooseFirst, finalAnswer, modeBody, modeInstructions } from "./ask.ts";

const repository = join(import.meta.dirname, "../../..");

/** Where a question stands that a reader is invited to paste. */
const inviting = ["README.md", "worker/cli/greet.ts"];

/** The right answers to those, worked out by hand. */
const invited: Readonly<Record<string, string>> = {
  "A pen costs 3 and a book 12. What do 4 pens and 2 books cost?": "36",
  "What is 17 times 24?": "408",
};

test.each([
  ["A pen costs 3 and a book 12. What do 4 pens and 2 books cost?", "36"],
  ["Tom has 5 apples. He buys 7 more and gives 3 away. How many are left?", "9"],
  ["3 pens cost 12, how much do 5 cost?", "20"],
  ["Ben is 3 years older than Ann. Ann is 12. How old is Ben?", "15"],
  ["Ben is 3 years older than Ann and Ben is 15. How old is Ann?", "12"],
  ["Ann is 10 and Ben is twice as old as her. How old is Ben?", "20"],
  ["Ann is 10. How old will she be in 5 years?", "15"],
  ["Tom is 8. How old was he 3 years ago?", "5"],
  ["What is 15% of 240?", "36"],
  ["What percent of 50 is 10?", "20"],
  ["10 is what percent of 50?", "20"],
  ["What is 25% off $80?", "60"],
  ["A shirt costs $40. It is 25% off. What is the final price?", "30"],
  ["Increase 200 by 15%", "230"],
  ["What is a 20% tip on a $50 bill?", "10"],
  ["A train goes 80 km per hour for 3 hours. How far does it go?", "240"],
  ["A train travels at 80 km per hour. How far does it travel in 3 hours?", "240"],
  ["A bus covers 240 km in 3 hours. What is its average speed?", "80"],
  ["If a car drives at 60 mph for 2.5 hours, how far does it go?", "150"],
  ["How long does it take to travel 240 km at 80 km/h?", "3"],
  ["How far does a car travel in 2 hours at 60 mph?", "120"],
  ["Maria earns $15 an hour. How much does she earn in 8 hours?", "120"],
  ["Maria earns $15 an hour and works 8 hours. How much does she earn?", "120"],
  ["She reads 20 pages a day. How many pages does she read in a week?", "140"],
  ["A machine makes 12 toys per minute. How many toys does it make in an hour?", "720"],
  ["Tom types 120 words in 3 minutes. How many words per minute is that?", "40"],
  ["Pens cost 3 euros each. How much do 14 pens cost?", "42"],
  ["Mira buys 3 apples at $2 each. How much does she pay?", "6"],
  ["If one pen costs $2, how much do 7 pens cost?", "14"],
  ["Apples are $2 each. How many apples can I buy with $10?", "5"],
  ["Tom buys 3 pens at $2 each and pays with a $10 note. How much change does he get?", "4"],
  ["A coffee is $3 and a cake is $5. How much are 2 coffees and a cake?", "11"],
  [
    "Tom buys a shirt for 20 dollars and a hat for 35 dollars. How much does he spend in total?",
    "55",
  ],
  ["5 pens cost 20 euros. How much is one pen?", "4"],
  ["24 sweets are shared equally among 6 children. How many does each get?", "4"],
  ["Share 24 sweets equally among 6 children.", "4"],
  ["If 6 friends share 24 sweets equally, how many does each get?", "4"],
  ["Divide 30 cookies between 5 kids. How many does each kid get?", "6"],
  ["Mum splits a $90 bill between 3 people. How much does each pay?", "30"],
  ["30 eggs are packed in boxes of 6. How many boxes are there?", "5"],
  ["There are 5 boxes with 6 eggs each. How many eggs are there altogether?", "30"],
  ["Each box holds 6 eggs. How many eggs are in 4 boxes?", "24"],
  ["Tom has 4 boxes. Each box has 6 eggs. How many eggs does he have?", "24"],
  ["Tom has 5 apples and Ann has 7. How many do they have together?", "12"],
  ["Ann has 3 more apples than Ben. Ben has 5 apples. How many does Ann have?", "8"],
  [
    "Ann has twice as many marbles as Ben. Ben has 8 marbles. How many marbles do they have altogether?",
    "24",
  ],
  ["There are 12 birds on a tree. 5 fly away. How many are left?", "7"],
  ["I have 10 cookies and eat 4. How many do I have left?", "6"],
  ["Sarah had 20 dollars. She spent 8 dollars. How much money does she have left?", "12"],
  [
    "A bus has 20 passengers. 5 get off and 8 get on. How many passengers are on the bus now?",
    "23",
  ],
  ["Tom has 5 apples and 3 oranges. How many fruits does he have in total?", "8"],
  ["Tom has 5 apples and 3 oranges. He eats 2 apples. How many apples are left?", "3"],
  ["Lisa had 12 candies. She gave half of them to her brother. How many does she have left?", "6"],
  ["If I have 3 apples and you give me 2 more, how many apples do I have?", "5"],
  ["What is 2 to the power of 10?", "1024"],
  ["What's 12 squared?", "144"],
  ["3 cubed", "27"],
  ["sqrt(81)", "9"],
  ["(3 + 4) * 5", "35"],
  ["What is 100 divided by 8?", "12.5"],
  ["7 x 8", "56"],
  ["What is 15 percent of 80?", "12"],
  ["half of 90", "45"],
  ["What is the sum of 4, 8 and 12?", "24"],
  ["What is the average of 4, 8 and 12?", "8"],
  ["Subtract 7 from 20", "13"],
  ["28 less than five times a number is 232. What is the number?", "52"],
  ["What is the difference between 5 and 12?", "7"],
  ["How many times does 7 go into 56?", "8"],
  ["what is 3/4 of 20", "15"],
  ["what is 2+2?? thanks!", "4"],
  ["Hello! Please calculate 144 / 12.", "12"],
  ["What is 10 minus 3 plus 2?", "9"],
  ["what is -5 + 3", "-2"],
  ["How many minutes in 2.5 hours?", "150"],
  ["Convert 100 F to C", "37.7778"],
  ["What is 0 degrees Celsius in Fahrenheit?", "32"],
  ["How many grams are in 2 kg?", "2000"],
  ["10 kg in pounds", "22.0462"],
  ["How many feet is 2 yards?", "6"],
  ["How many cups are in a gallon?", "16"],
  ["How many seconds are in an hour and a half?", "5400"],
  ["3 litres to ml", "3000"],
  ["Solve 2x - 4 = 10", "7"],
  ["What is x if 5x = 45?", "9"],
  ["x + 3 = 8", "5"],
  ["3 times a number is 21. What is the number?", "7"],
  ["If x = 4, what is 3x + 2?", "14"],
  ["solve for y: y/3 = 4", "12"],
])("reads %j as %s", (question, answer) => {
  expect(recogniseItem(question)?.answer).toBe(answer);
});

test.each([
  "Tom has 5 apples and Ben has 4. He eats 2. How many does he have?",
  "Tom has some apples. He buys 7 more. How many does he have?",
  "Tom has 5 apples. How many oranges does he have?",
  "Tom has 5 apples. He wants to give 3 to each of his 4 friends. How many more does he need?",
  "A farmer has 17 sheep. All but 9 die. How many are left?",
  "There are 30 students in a class. 12 are boys. How many are girls?",
  "Jane has 5 apples. She eats 2 every day. How many are left after 2 days?",
  "Tom shares 12 sweets with 3 friends. How many does each get?",
  "A pen costs 3. How much does a book cost?",
  "A pen costs $3 and a book €12. What do 4 pens and 2 books cost?",
  "A shirt costs $40 plus 10% tax. What is the total?",
  "A bat and a ball cost $1.10 in total. The bat costs $1 more than the ball. How much does the ball cost?",
  "A train goes 80 km per hour for the first 2 hours and 60 km per hour for 3 hours. How far does it go?",
  "A train leaves at 8:15 and arrives at 10:45. How long does it take?",
  "If 3 workers build a wall in 6 days, how long do 9 workers take?",
  "Tom drives 60 km per hour. How much does he earn in 3 hours?",
  "I am 6. My sister is half my age. When I am 70, how old is she?",
  "Ben is 3 years older than Ann. How old is Ben?",
  "20% of the 30 students are girls. How many are boys?",
  "Convert 5 dollars to euros",
  "What is 5 metres in seconds?",
  "What is 9/11?",
  "What is 2024-10-12?",
  "What is 24/7 support?",
  "What is 10 + 10 in binary?",
  "1 2 3 4 what is next?",
  "In Python, what does x = 3 * x + 2 do?",
  "If x + y = 10 and x - y = 2, what is x?",
  "Solve x^2 = 49",
  "What is 2^1000?",
  "What is 5 / 0?",
  "What is the best way to learn 2 languages in 6 months?",
  "Write 3 haikus about 5 trees.",
  "What is 123 / 8? A. 15 B. 15.375 C. 16",
  "5.2-9. Show that the sum of 3 odd numbers is odd.",
  "Luke catches 2 fish every day for 30 days. How many fish does he catch every day?",
  "A shop has 3 green capes and 2 blue capes. If 4 capes are bought, how many are left?",
  "What is the square root of 16 plus 9?",
  "Subtract 3 from 4 times 5.",
])("leaves %j unread", (question) => {
  expect(recogniseItem(question)).toBeNull();
});

describe("the questions that our documents suggest", () => {
  const questions = inviting.flatMap((file) => {
    const text = readFileSync(join(repository, file), "utf8");
    const found = [...text.matchAll(/"content": "([^"]+)"/g)].map((match) => match[1] ?? "");
    // A document that invites to nothing any more would make this test pass for nothing.
    expect(found, file).not.toEqual([]);
    return found.map((question) => ({ file, question }));
  });

  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator(noLatency);
  });
  afterAll(() => simulator.close());

  test.each(questions)("$file: $question is answered right by sim-large in long", async (asked) => {
    const right = invited[asked.question];
    expect(right, "write its right answer above").toBeDefined();
    const { choices } = await askWhole(
      simulator.url,
      modeBody(asked.question, "long", { model: "sim-large" }),
    );
    expect(finalAnswer(choices[0]?.message.content ?? "")).toBe(right);
  });

  test.each(questions)("$file: $question gets a number from every model in every mode", (asked) => {
    for (const model of ["sim-small", "sim-mid", "sim-large", "sim-coder"])
      for (const mode of modes) {
        const { content } = chooseFirst(modeBody(asked.question, mode, { model }));
        expect(finalAnswer(content), `${model} ${mode}`).toMatch(/^-?\d+$/);
      }
  });
});

test.each([
  ...Object.values(modeInstructions).filter((instruction) => instruction !== ""),
  "Answer directly, without working it out in writing first.",
  "Think briefly, in a few short steps, then give the final answer.",
  "Reason by writing a short program for this, trace it by hand, and give the result. Say nothing that suggests it was run.",
  "Before solving anything, list the steps that a solution needs, one short line each. Do not solve them.",
  "Use at most 100 tokens.",
  "Outline:\n1. Multiply by the next number\n2. Add the next amount",
  "Skills:\n- behavior_units: write down the units",
])("no word of %j is asked about", (instruction) => {
  for (const question of [
    "Why is the sky blue over mountains?",
    "A pen costs 3. What do 4 pens cost?",
  ])
    expect(withoutInstructions(`${question}\n\n${instruction}`)).toBe(question);
});

test("an answer in prose speaks of the question and of no instruction", () => {
  const question = "Why is the sky blue over mountains?";
  const topics = new Set(["mountains"]);
  for (const mode of modes)
    for (let seed = 1; seed <= 20; seed += 1) {
      const { content } = chooseFirst(modeBody(question, mode), seed);
      for (const [, topic = ""] of content.matchAll(/ with (\p{L}+), /gu))
        expect(topics).toContain(topic);
    }
});

test.each([
  ["Write a short poem about rain.", "a task"],
  ["I like rain.\n\nWrite a short poem about it.", "a task in a paragraph of its own"],
  ["Be concise.", "all that there is"],
])("%j stays, being %s", (text) => {
  expect(withoutInstructions(text)).toBe(text);
});

test("a text around a question changes nothing, a number that is not understood does", () => {
  const plain = recogniseItem("Tom has 5 apples. He buys 7 more. How many does he have?");
  expect(
    recogniseItem(
      "You are a patient teacher.\n\nTom has 5 apples. He buys 7 more. How many does he have?",
    ),
  ).toEqual(plain);
  expect(
    recogniseItem("Tom has 5 apples. He buys 7 more for 4 friends. How many does he have?"),
  ).toBeNull();
});

test("words and digits are the same item, and so is the same prompt with manners", () => {
  const plain = recogniseItem("What is 7 * 8?");
  for (const said of ["what's seven times eight", "Hi! Can you tell me what 7 × 8 is?", "7 x 8 ="])
    expect(recogniseItem(said)).toEqual(plain);
});

test("two questions have no one answer", () => {
  expect(recogniseItem("What is 2 + 2? What is 3 + 3?")).toBeNull();
  expect(recogniseItem("What is 2 + 2? Again: what is 2 + 2?")?.answer).toBe("4");
  expect(chooseFirst(chatBody("What is 2 + 2? What is 3 + 3?")).content).not.toContain("Answer:");
});

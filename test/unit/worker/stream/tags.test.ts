// Where thinking ends and the answer begins must not depend on how the text was cut. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TagSplitter } from "../../../../worker/stream/tags.ts";

function parts(texts: readonly string[]): { inside: string; outside: string } {
  const splitter = new TagSplitter("<think>", "</think>");
  const pieces = [...texts.flatMap((text) => splitter.push(text)), ...splitter.end()];
  const of = (where: "inside" | "outside"): string =>
    pieces
      .filter((piece) => piece.where === where)
      .map(({ text }) => text)
      .join("");
  return { inside: of("inside"), outside: of("outside") };
}

describe("the tag splitter", () => {
  it.each([
    { name: "tags at the start", text: "<think>a</think>b", inside: "a", outside: "b" },
    {
      name: "white space before the tag",
      text: "\n <think>a</think>\n\nb",
      inside: "a",
      outside: "\n\nb",
    },
    { name: "no tags", text: "just text", inside: "", outside: "just text" },
    { name: "white space alone", text: " \n ", inside: "", outside: " \n " },
    { name: "a tag that is never closed", text: "<think>a", inside: "a", outside: "" },
    { name: "an end within the closing tag", text: "<think>a</thi", inside: "a</thi", outside: "" },
    { name: "an end within the opening tag", text: "<thi", inside: "", outside: "<thi" },
    { name: "thinking that is empty", text: "<think></think>b", inside: "", outside: "b" },
    {
      name: "a second opening tag inside",
      text: "<think>a<think>b</think>c",
      inside: "a<think>b",
      outside: "c",
    },
    {
      name: "a near miss of the closing tag",
      text: "<think></</think></think>",
      inside: "</",
      outside: "</think>",
    },
    {
      name: "tags that are the answer's own",
      text: "Use <think>x</think>.",
      inside: "",
      outside: "Use <think>x</think>.",
    },
    {
      name: "a page of white space",
      text: `${" ".repeat(65)}<think>a`,
      inside: "",
      outside: `${" ".repeat(65)}<think>a`,
    },
    { name: "just not a page of it", text: `${" ".repeat(64)}<think>a`, inside: "a", outside: "" },
  ])("parts $name", ({ text, inside, outside }) => {
    expect(parts([text])).toEqual({ inside, outside });
    expect(parts(text.split(""))).toEqual({ inside, outside });
  });

  it("gives the same pieces however the text is cut", () => {
    const word = fc.constantFrom(
      "<think>",
      "</think>",
      "<",
      "</",
      "think>",
      " ",
      "\n",
      "a",
      "é",
      " ".repeat(33),
    );
    const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(""));
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
        const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].toSorted(
          (a, b) => a - b,
        );
        const texts = places.slice(1).map((end, index) => whole.slice(places[index], end));
        expect(parts(texts)).toEqual(parts([whole]));
      }),
    );
  });

  it("holds no answer back", () => {
    const splitter = new TagSplitter("<think>", "</think>");
    expect(splitter.push("H")).toEqual([{ where: "outside", text: "H" }]);
    expect(splitter.push("<think>")).toEqual([{ where: "outside", text: "<think>" }]);
  });

  it("does no more work for a stream of white space than a test has time for", () => {
    const splitter = new TagSplitter("<think>", "</think>");
    let given = 0;
    for (let count = 0; count < 300_000; count += 1)
      for (const { text } of splitter.push(" ")) given += text.length;
    expect(given).toBe(300_000);
  });
});

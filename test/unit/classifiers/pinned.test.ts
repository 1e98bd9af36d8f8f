// The pinned features, in Node; test/runtime/classifiers/pinned.test.ts finds the same inside workerd. After a change that
// is meant to move them: npm test -- --project unit test/unit/classifiers/pinned.test.ts --update
import { expect, test } from "vitest";
import { PINNED_TEXTS } from "./pinned-texts.ts";
import { pinnedLines } from "./pinned-lines.ts";
import { classify } from "./shipped.ts";

test("the shipped weights give the pinned features", async () => {
  await expect(pinnedLines(PINNED_TEXTS, classify)).toMatchFileSnapshot("./pinned.txt");
});

test("another text has other features, so the comparison can fail", () => {
  const { talk } = PINNED_TEXTS;
  expect(pinnedLines({ talk: talk! }, classify)).not.toBe(
    pinnedLines({ talk: `${talk} Solve 3x = 4.` }, classify),
  );
});

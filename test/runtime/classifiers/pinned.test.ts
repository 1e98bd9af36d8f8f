// Inside workerd the probe that ships finds what Node finds, to the last place.
import { expect, test } from "vitest";
import { probe } from "../../../worker/probe.ts";
import { pinnedLines } from "../../unit/classifiers/pinned-lines.ts";
import { PINNED_TEXTS } from "../../unit/classifiers/pinned-texts.ts";
import pinned from "../../unit/classifiers/pinned.txt";

test("the pinned features of Node are those of workerd", () => {
  expect(pinnedLines(PINNED_TEXTS, probe)).toBe(pinned);
});

// The probe as the Worker ships it: the trained weights, opened once when an isolate starts.
import { classify } from "../classifiers/classify.ts";
import type { Features } from "../classifiers/features.ts";
import bytes from "../classifiers/weights.bin";
import { openWeights } from "../classifiers/weights.ts";

const opened = openWeights(new Uint8Array(bytes));
// A build with weights of another version would answer every request wrongly, so it answers none.
if (opened.kind === "unreadable") throw new Error(`classifiers/weights.bin ${opened.problem}.`);
const { weights } = opened;

export function probe(text: string): Features {
  return classify(text, weights);
}

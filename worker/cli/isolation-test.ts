// `npm run -s isolation-test -- --upstream NAME`: whether the engines of an upstream keep callers with different salts apart.
// Prints one JSON object; 0 only when every replica does.
import { randomBytes } from "node:crypto";
import { StartFailure } from "./failure.ts";
import { runIsolationTest } from "./isolation/run.ts";
import { readOrder, USAGE } from "./isolation/order.ts";

/** Nobody can have asked a prompt that is made of as much chance. */
const SEED_BYTES = 16;

try {
  const order = readOrder(
    process.argv.slice(2),
    process.env,
    randomBytes(SEED_BYTES).toString("hex"),
  );
  if (order === null) console.log(USAGE);
  else {
    const { report, isClear } = await runIsolationTest(order);
    console.log(JSON.stringify(report, null, 2));
    // Also where only an exit code and what was complained of are looked at.
    if (report.warning !== null) console.error(`Warning: ${report.warning}`);
    if (!isClear) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof StartFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

// What a call says, free of any dialect: delta by delta for a client of another API, or all at once for a strategy.
import type { Delta } from "./dialect/dialect.ts";
import type { Failure } from "./failure.ts";
import type { OpenCall } from "./open-call.ts";

/** How deltas tell that they broke off: whoever reads them has begun to answer already. */
export class DeltasBroke extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`The deltas broke: ${failure.kind}.`);
    this.failure = failure;
  }
}

/** What a call says, free of any dialect. Ends it, whatever happens. Throws `DeltasBroke` when the call fails. */
export async function* deltasOf(call: OpenCall): AsyncGenerator<Delta> {
  try {
    for (;;) {
      const heard = await call.peek();
      call.take();
      switch (heard.kind) {
        case "event":
          if (heard.said.kind === "deltas") yield* heard.said.deltas;
          break;
        case "whole":
          yield* heard.deltas;
          call.end("complete");
          return;
        case "end":
          call.end("complete");
          return;
        case "final":
          yield { kind: "finish", reason: "length" };
          yield { kind: "usage", usage: call.reckon("budget").usage };
          call.end("budget");
          return;
        case "failed":
          call.fail(heard.trouble);
          throw new DeltasBroke(heard.trouble.failure);
      }
    }
  } finally {
    // A reader that stopped early has left with its client.
    call.end("client-left");
  }
}

/** Reads a call to its end, for strategies that need its text. */
export async function collect(
  call: OpenCall,
): Promise<
  | { kind: "collected"; text: string; reasoning: string; finishReason: string | null }
  | { kind: "failed"; failure: Failure }
> {
  let text = "";
  let reasoning = "";
  let finishReason: string | null = null;
  try {
    for await (const delta of deltasOf(call)) {
      if (delta.kind === "text") text += delta.text;
      if (delta.kind === "reasoning") reasoning += delta.text;
      if (delta.kind === "finish") finishReason = delta.reason;
    }
  } catch (error) {
    if (error instanceof DeltasBroke) return { kind: "failed", failure: error.failure };
    throw error;
  }
  return { kind: "collected", text, reasoning, finishReason };
}

// What the client gets: one call's bytes untouched, or deltas rendered by the client's dialect; with the explanation
// where it was asked for. However a stream ends, its call is settled once, and a broken one never ends cleanly.
import type { Delta, AnswerHead, Dialect } from "./dialect/dialect.ts";
import type { Heard } from "./attempt.ts";
import { translate, type Failure } from "./failure.ts";
import type { OpenCall } from "./open-call.ts";
import { Outlet } from "./stream/outlet.ts";
import { writeComment } from "./stream/sse.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

export interface AnswerContext {
  readonly dialect: Dialect;
  readonly head: AnswerHead;
  readonly isStream: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  /** The explanation as it is now; null when nobody asked. */
  explain(): string | null;
  /** Ends everything that the request opened. `failure`: why a stream broke off after its headers. */
  close(failure: Failure | null): void;
  finish(work: Promise<unknown>): void;
}

const encoder = new TextEncoder();
const GONE = Symbol("gone");

/** A whole answer. The call has been heard to its end before, or the deltas are read here. */
export async function answerWhole(
  source: OpenCall | AsyncIterable<Delta>,
  context: AnswerContext,
): Promise<Response | Failure> {
  let text: string;
  let contentType = "application/json";
  if (isCall(source)) {
    const heard = await source.peek();
    source.take();
    if (heard.kind === "failed") {
      source.end("upstream-broke", heard.trouble.isFree);
      return heard.trouble.failure;
    }
    if (heard.kind !== "whole") throw new Error("A call that does not stream gave an event.");
    source.end("complete");
    ({ text, contentType } = heard);
  } else {
    const deltas: Delta[] = [];
    for await (const delta of source) deltas.push(delta);
    text = context.dialect.write(context.head, deltas);
  }
  context.close(null);
  const explanation = context.explain();
  const body = explanation === null ? text : context.dialect.explain.body(text, explanation);
  return new Response(body, { headers: { ...context.headers, "content-type": contentType } });
}

/** A stream. Its pump outlives this function, and the client if it must. */
export function answerStream(
  source: OpenCall | AsyncIterable<Delta>,
  context: AnswerContext,
): Response {
  const outlet = new Outlet(context.heartbeatMs * 2);
  context.finish(
    isCall(source) ? pumpCall(source, outlet, context) : pumpDeltas(source, outlet, context),
  );
  return new Response(outlet.readable, {
    headers: {
      ...context.headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Proxies that buffer would undo the stream.
      "x-accel-buffering": "no",
    },
  });
}

/** Bytes as they come, with a comment in every silence. */
async function pumpCall(call: OpenCall, outlet: Outlet, context: AnswerContext): Promise<void> {
  const left = leaving(context.signal);
  let failure: Failure | null = null;
  let isExplained = false;
  const explainOnce = async (): Promise<boolean> => {
    if (isExplained) return true;
    isExplained = true;
    // The account is what the call has used when its last event came; the settlement says the same a moment later.
    Object.assign(call.account, call.reckon("complete"));
    const explanation = context.explain();
    return (
      explanation === null ||
      outlet.write(encoder.encode(context.dialect.explain.event(context.head, explanation)))
    );
  };
  try {
    for (;;) {
      const heard = await within(Promise.race([call.peek(), left.promise]), context.heartbeatMs);
      if (heard === GONE) return call.end("client-left");
      if (heard === TIMED_OUT) {
        if (!(await outlet.write(writeComment("sluice")))) return call.end("client-left");
        continue;
      }
      call.take();
      if (heard.kind === "failed") ({ failure } = heard.trouble);
      const went = await passOn(heard, call, outlet, context, explainOnce);
      if (went === "gone") return call.end("client-left");
      if (went === "over") return;
    }
  } finally {
    left.forget();
    // Whatever happened above, the call ends here and the client is let go.
    call.end("upstream-broke");
    context.close(failure);
    await outlet.close();
  }
}

/** Passes one piece on: `on` to continue, `over` when the stream has ended, `gone` when the client has. */
async function passOn(
  heard: Heard,
  call: OpenCall,
  outlet: Outlet,
  context: AnswerContext,
  explainOnce: () => Promise<boolean>,
): Promise<"on" | "over" | "gone"> {
  const { dialect, head } = context;
  switch (heard.kind) {
    case "event": {
      const { said, bytes } = heard;
      // The usage chunk is asked for on everybody's behalf and passed on only to who asked.
      if (said.kind === "deltas" && said.isUsageOnly && !head.wantsUsage) return "on";
      if (said.kind === "done" && dialect.explain.isLast(said.data) && !(await explainOnce()))
        return "gone";
      return (await outlet.write(bytes)) ? "on" : "gone";
    }
    case "whole": {
      // The engine does not stream though it was asked to; its answer becomes a stream of one piece.
      const events = heard.deltas.map((delta) => dialect.event.delta(head, delta)).join("");
      const isTaken = await outlet.write(encoder.encode(dialect.event.open(head) + events));
      if (!isTaken || !(await explainOnce())) return "gone";
      call.end("complete");
      return (await outlet.write(encoder.encode(dialect.event.close(head)))) ? "over" : "gone";
    }
    case "end":
      if (!(await explainOnce())) return "gone";
      call.end("complete");
      return "over";
    case "failed":
      call.end("upstream-broke", heard.trouble.isFree);
      await outlet.write(failureEvent(heard.trouble.failure, context));
      return "over";
  }
}

async function pumpDeltas(
  deltas: AsyncIterable<Delta>,
  outlet: Outlet,
  context: AnswerContext,
): Promise<void> {
  const { dialect, head } = context;
  const left = leaving(context.signal);
  let failure: Failure | null = null;
  const iterator = deltas[Symbol.asyncIterator]();
  const write = (text: string): Promise<boolean> => outlet.write(encoder.encode(text));
  try {
    if (!(await write(dialect.event.open(head)))) return;
    let pending = iterator.next();
    for (;;) {
      const next = await within(Promise.race([pending, left.promise]), context.heartbeatMs);
      if (next === GONE) return;
      if (next === TIMED_OUT) {
        if (!(await outlet.write(writeComment("sluice")))) return;
        continue;
      }
      if (next.done === true) break;
      if (!(await write(dialect.event.delta(head, next.value)))) return;
      pending = iterator.next();
    }
    const explanation = context.explain();
    if (explanation !== null && !(await write(dialect.explain.event(head, explanation)))) return;
    await write(dialect.event.close(head));
  } catch (error) {
    failure = failureOf(error);
    await outlet.write(failureEvent(failure, context));
  } finally {
    left.forget();
    context.close(failure);
    await outlet.close();
  }
}

/** How a strategy's deltas tell of a failure after the headers went. */
export class DeltasBroke extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`The deltas broke: ${failure.kind}.`);
    this.failure = failure;
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof DeltasBroke) return error.failure;
  console.error(JSON.stringify({ event: "internal-error", problem: String(error) }));
  return { kind: "internal" };
}

function failureEvent(failure: Failure, { dialect, head }: AnswerContext): Uint8Array {
  return encoder.encode(dialect.fail.event(translate(failure), head.requestId));
}

/** Resolves when the client leaves, as far as the runtime tells. */
function leaving(signal: AbortSignal): { promise: Promise<typeof GONE>; forget: () => void } {
  let tell: () => void = () => undefined;
  const promise = new Promise<typeof GONE>((resolve) => {
    tell = () => resolve(GONE);
  });
  if (signal.aborted) tell();
  else signal.addEventListener("abort", tell, { once: true });
  return { promise, forget: () => signal.removeEventListener("abort", tell) };
}

function isCall(source: OpenCall | AsyncIterable<Delta>): source is OpenCall {
  return "awaitFirst" in source;
}

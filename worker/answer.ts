// What the client gets: one call's bytes untouched, or deltas rendered by the client's dialect; with the explanation
// where it was asked for. However a stream ends, its calls are settled once, and a broken one never ends cleanly.
import type { Delta, AnswerHead, Dialect } from "./dialect/dialect.ts";
import type { Heard } from "./heard.ts";
import type { Failure } from "./failure.ts";
import { logError } from "./log.ts";
import type { BudgetEnd } from "./metering.ts";
import { translate } from "./translate.ts";
import { DeltasBroke, deltasOf } from "./call-deltas.ts";
import type { OpenCall } from "./open-call.ts";
import type { Driven } from "./strategy/strategy.ts";
import type { Outlet } from "./stream/outlet.ts";
import type { Patience } from "./stream/patience.ts";
import { writeComment } from "./stream/sse.ts";
import { ABORTED, TIMED_OUT } from "./stream/wait.ts";

/** What a driver made that can be answered with. */
export type Answerable = Exclude<Driven, { kind: "failed" }>;

export interface AnswerContext {
  readonly dialect: Dialect;
  readonly head: AnswerHead;
  readonly heartbeatMs: number;
  /** The request's own clock; it knows when the client has left. */
  readonly patience: Patience;
  /** Why the budget ended the answer; null while it has not. */
  budgetEnd(): BudgetEnd | null;
  /** The explanation as it is now; null when nobody asked. */
  explain(): string | null;
  /** Ends everything that the request opened. `failure`: why a stream broke off after its headers. */
  close(failure: Failure | null): void;
}

const encoder = new TextEncoder();

/** A whole answer: its text, or why there is none. */
export async function answerWhole(
  driven: Answerable,
  context: AnswerContext,
): Promise<{ readonly kind: "answered"; readonly body: string } | Failure> {
  const { dialect, head } = context;
  let text: string;
  if (driven.kind === "relay" && dialect.passesBytes) {
    const heard = await driven.call.peek();
    driven.call.take();
    if (heard.kind === "failed") {
      driven.call.fail(heard.trouble);
      return heard.trouble.failure;
    }
    if (heard.kind !== "whole") throw new Error("A call that does not stream gave an event.");
    driven.call.end("complete");
    ({ text } = heard);
  } else {
    const deltas: Delta[] = [];
    try {
      for await (const delta of rendered(driven)) deltas.push(delta);
    } catch (error) {
      return failureOf(error);
    }
    text = dialect.write(head, deltas);
  }
  context.close(null);
  const explanation = context.explain();
  return {
    kind: "answered",
    body: explanation === null ? text : dialect.explain.body(text, explanation),
  };
}

/**
 * Writes a stream to its end. Begins while the driver may still be at work: headers wait only so long, and from then
 * on the client hears comments until there is something to say.
 */
export async function pump(
  driving: Promise<Driven>,
  outlet: Outlet,
  context: AnswerContext,
): Promise<void> {
  let failure: Failure | null = null;
  try {
    const driven = await beatUntil(driving, outlet, context);
    if (driven === GONE) return;
    if (driven.kind === "failed") {
      ({ failure } = driven);
      await outlet.write(failureEvent(failure, context));
      return;
    }
    failure =
      driven.kind === "relay" && context.dialect.passesBytes
        ? await pumpCall(driven.call, outlet, context)
        : await pumpDeltas(rendered(driven), outlet, context);
  } catch (error) {
    failure = failureOf(error);
    await outlet.write(failureEvent(failure, context));
  } finally {
    context.close(failure);
    await outlet.close();
    context.patience.close();
  }
}

/** Bytes as they come. Answers why they broke off, if they did. */
async function pumpCall(
  call: OpenCall,
  outlet: Outlet,
  context: AnswerContext,
): Promise<Failure | null> {
  try {
    for (;;) {
      const heard = call.ready ?? (await beatUntil(call.peek(), outlet, context));
      if (heard === GONE) break;
      call.take();
      if (isPlain(heard, context)) {
        const pushed = outlet.push(heard.bytes);
        if (!(pushed === true || (await pushed))) break;
        continue;
      }
      const went = await passOn(heard, call, outlet, context);
      if (went === "gone") break;
      if (went === "over") return heard.kind === "failed" ? heard.trouble.failure : null;
    }
    call.end("client-left");
    return null;
  } finally {
    // Whatever happened above, the call ends here.
    call.end("upstream-broke");
  }
}

/** An event that passes and means nothing here. */
function isPlain(
  heard: Heard,
  { head }: AnswerContext,
): heard is Extract<Heard, { kind: "event" }> {
  if (heard.kind !== "event") return false;
  const { said } = heard;
  return (
    said.kind === "nothing" || (said.kind === "deltas" && (head.wantsUsage || !said.isUsageOnly))
  );
}

/** Passes one piece on: `on` to continue, `over` when the stream has ended, `gone` when the client has. */
async function passOn(
  heard: Heard,
  call: OpenCall,
  outlet: Outlet,
  context: AnswerContext,
): Promise<"on" | "over" | "gone"> {
  const { dialect, head } = context;
  const isExplained = async (): Promise<boolean> => {
    // The account is what the call has used when its last event came; the settlement says the same a moment later.
    Object.assign(call.account, call.reckon("complete"));
    return explainTo(outlet, context);
  };
  switch (heard.kind) {
    case "event": {
      const { said, bytes } = heard;
      // The usage chunk is asked for on everybody's behalf and passed on only to who asked.
      if (said.kind === "deltas" && said.isUsageOnly && !head.wantsUsage) return "on";
      if (said.kind === "done" && dialect.explain.isLast(said.data)) {
        if (!(await isExplained())) return "gone";
        call.end("complete");
      }
      return (await outlet.write(bytes)) ? "on" : "gone";
    }
    case "whole": {
      // The engine does not stream though it was asked to; its answer becomes a stream of one piece.
      const events = heard.deltas.map((delta) => dialect.event.delta(head, delta)).join("");
      const isTaken = await outlet.write(encoder.encode(dialect.event.open(head) + events));
      if (!isTaken || !(await isExplained())) return "gone";
      call.end("complete");
      return (await outlet.write(encoder.encode(dialect.event.close(head)))) ? "over" : "gone";
    }
    case "end":
      // Without a last event nothing was explained yet.
      if (call.account.ending === null && !(await isExplained())) return "gone";
      call.end("complete");
      return "over";
    case "final": {
      // As the engine's own bound would have ended it, and then why.
      const settled = call.reckon("budget");
      Object.assign(call.account, settled);
      const ends =
        dialect.event.cut(head, call.openAnswers) +
        dialect.event.delta(head, { kind: "usage", usage: settled.usage });
      call.end("budget");
      if (!(await outlet.write(encoder.encode(ends)))) return "gone";
      await writeClose(outlet, context);
      return "over";
    }
    case "failed":
      call.fail(heard.trouble);
      await outlet.write(failureEvent(heard.trouble.failure, context));
      return "over";
  }
}

async function pumpDeltas(
  deltas: AsyncGenerator<Delta>,
  outlet: Outlet,
  context: AnswerContext,
): Promise<Failure | null> {
  const { dialect, head } = context;
  const write = (text: string): Promise<boolean> => outlet.write(encoder.encode(text));
  try {
    if (!(await write(dialect.event.open(head)))) return null;
    for (;;) {
      const next = await beatUntil(deltas.next(), outlet, context);
      if (next === GONE) return null;
      if (next.done === true) break;
      if (!(await write(dialect.event.delta(head, next.value)))) return null;
    }
    await writeClose(outlet, context);
    return null;
  } finally {
    // Not awaited: a generator that waits for its upstream ends only when that does, and its call is ended by close.
    void deltas.return(undefined);
  }
}

const GONE = Symbol("gone");

/** The promise's value, with a comment to the client in every silence; `GONE` when the client is. */
async function beatUntil<T>(
  promise: Promise<T>,
  outlet: Outlet,
  { heartbeatMs, patience }: AnswerContext,
): Promise<T | typeof GONE> {
  for (;;) {
    const value = await patience.waitUnlessGone(promise, heartbeatMs);
    if (value === ABORTED) return GONE;
    if (value !== TIMED_OUT) return value;
    if (!(await outlet.write(writeComment("sluice")))) return GONE;
  }
}

function explainTo(outlet: Outlet, context: AnswerContext): Promise<boolean> {
  const explanation = context.explain();
  if (explanation === null) return Promise.resolve(true);
  return outlet.write(encoder.encode(context.dialect.explain.event(context.head, explanation)));
}

/** The explanation, what else there is to say of the end, and the end. */
async function writeClose(outlet: Outlet, context: AnswerContext): Promise<void> {
  const end = context.budgetEnd();
  if (end !== null && !(await outlet.write(writeComment(commentOn(end))))) return;
  if (await explainTo(outlet, context))
    await outlet.write(encoder.encode(context.dialect.event.close(context.head)));
}

/** In a comment, which no client shows and everybody finds who looks at the bytes. */
function commentOn(end: BudgetEnd): string {
  return end.kind === "refused"
    ? `sluice ended=budget; scope=${end.scope}; dimension=${end.dimension}; window=${end.window}`
    : "sluice ended=budget; the budget could not be asked for more";
}

function rendered(driven: Answerable): AsyncGenerator<Delta> {
  return driven.kind === "relay" ? deltasOf(driven.call) : driven.deltas;
}

function failureOf(error: unknown): Failure {
  if (error instanceof DeltasBroke) return error.failure;
  logError("internal-error", { problem: String(error) });
  return { kind: "internal" };
}

function failureEvent(failure: Failure, { dialect, head }: AnswerContext): Uint8Array {
  return encoder.encode(dialect.fail.event(translate(failure), head.requestId));
}

// Runs a plan: the strategies drive one function, `call`, and each call is prepared, held, placed, attempted and
// settled. Retry and fallback are further calls, made only while nothing has been sent to the client.
import type { Meter, Offer } from "../policies/account.ts";
import type { Rung } from "../policies/choice.ts";
import { affordableAmong } from "../policies/thrift.ts";
import { attempt } from "./attempt.ts";
import { accountOf, holdCall, meterCall, type RunInput } from "./call-hold.ts";
import type { Dependencies } from "./dependencies.ts";
import { notConfigured, type Failure } from "./failure.ts";
import type { HoldOutcome } from "./hold.ts";
import { nextLadder } from "./ladder.ts";
import { logError } from "./log.ts";
import { OpenCall, type CallAccount, type Settled } from "./open-call.ts";
import { place } from "./place.ts";
import { finish, offerOf, prepare, tokensBeyond } from "./prepare.ts";
import type { CallOrder, Called, Driven } from "./strategy/strategy.ts";
import { pause } from "./stream/wait.ts";
import type { Trouble } from "./trouble.ts";
import { AnswerForm } from "./upstream/wire/form.ts";

/** Before the same upstream is asked again: long enough for a hiccup, short beside any answer. */
const RETRY_PAUSE_MS = 150;

/** The purpose of the call that the client gets; every other is a strategy's own. */
const ANSWER = "answer";

export class Run {
  /** Every call that was held, in order, for the account. */
  readonly accounts: CallAccount[] = [];
  /** The call that answers the client, once it is open. */
  answering: OpenCall | null = null;
  /** The limits as the last hold left them, for headers. */
  meters: readonly Meter[] = [];
  readonly input: RunInput;
  readonly #deps: Dependencies;
  readonly #open: OpenCall[] = [];
  /** What earlier calls of this request still post; a retry waits for it, or their holds would refuse it. */
  #posting: Promise<unknown> = Promise.resolve();
  #calls = 0;
  /** One call of the request has been held that was sent; the rest are its own retries and sub-calls. */
  #isCounted = false;

  constructor(input: RunInput, deps: Dependencies) {
    this.input = input;
    this.#deps = deps;
  }

  /** Runs the plan's driver: the first strategy of the chosen rung that drives, or one call that answers. */
  async drive(): Promise<Driven> {
    const { ladder, admission } = this.input;
    const call = (order: CallOrder): Promise<Called> => this.#call(order);
    for (const id of ladder[0].strategies) {
      const strategy = this.#deps.strategyOf(id);
      if (strategy?.drive !== undefined) return strategy.drive(admission.ask, ladder, call);
    }
    const called = await call({ purpose: ANSWER });
    return called.kind === "failed" ? called : { kind: "relay", call: called.call };
  }

  /** Ends what a strategy left open. */
  close(): void {
    for (const call of this.#open) call.end("abandoned");
  }

  async #call(order: CallOrder): Promise<Called> {
    const { policy, signal } = this.input;
    // One gate for all tries: headers wait no longer because an upstream failed on the way.
    const gateEndsAtMs = this.#deps.now() + policy.gateMs;
    let ladder: readonly Rung[] = order.ladder ?? this.input.ladder;
    for (let tries = 1; ; tries += 1) {
      if (signal.aborted) return { kind: "failed", failure: { kind: "client-left" } };
      const tried = await this.#try(order, ladder, gateEndsAtMs);
      if (tried.kind === "open") return tried;
      if (tried.trouble === null || !tried.trouble.isRetryable || tries >= policy.attemptsMax)
        return tried;
      const next = nextLadder(ladder, tried.rung, mayRepeat(tried.trouble.failure));
      if (next === null) return tried;
      if (next[0] === tried.rung) await pause(RETRY_PAUSE_MS * (0.5 + this.#deps.chance()), signal);
      await this.#posting;
      ladder = next;
    }
  }

  /** One turn of prepare, hold, place, attempt. */
  async #try(
    order: CallOrder,
    ladder: readonly Rung[],
    gateEndsAtMs: number,
  ): Promise<
    | Extract<Called, { kind: "open" }>
    | { kind: "failed"; failure: Failure; rung: Rung; trouble: Trouble | null }
  > {
    const { admission, policy, signal, cacheSalt, patience } = this.input;
    const first = ladder[0];
    if (first === undefined) throw new Error("A ladder has at least one rung.");
    const fail = (failure: Failure, rung: Rung, trouble: Trouble | null = null) => ({
      kind: "failed" as const,
      failure,
      rung,
      trouble,
    });

    const context = {
      ask: admission.ask,
      catalog: admission.catalog,
      policy,
      order,
      previous: this.input.previous,
      strategyOf: this.#deps.strategyOf,
    };
    const preparations = ladder.map((rung) => prepare(rung, context));
    const prepared = preparations.filter((preparation) => preparation !== null);
    if (prepared.length === 0)
      return fail({ kind: "model-unknown", model: first.arm.model }, first);
    const readable = prepared.filter((preparation) => tokensBeyond(preparation) === null);
    if (readable.length === 0) {
      const tokensMin = Math.max(...prepared.map((preparation) => tokensBeyond(preparation) ?? 0));
      const contextTokens = Math.max(...prepared.map(({ model }) => model.contextTokens));
      return fail({ kind: "context-exceeded", tokensMin, contextTokens }, first);
    }
    // An upstream that is known to rest is not held for: its holds would only refuse others their budget.
    const restsMs = readable.map(({ upstream }) => this.#deps.breakers.restingMs(upstream));
    const asked = readable.filter((_, index) => restsMs[index] === 0);
    if (asked.length === 0) {
      return fail({ kind: "upstream-resting", retryAfterMs: Math.min(...restsMs) }, first);
    }
    const isStream = order.isStream ?? admission.ask.isStream;
    const offered = affordableAmong(asked, admission);
    const offers = preparations.flatMap((preparation, index): Offer[] =>
      preparation !== null && offered.includes(preparation)
        ? [offerOf(preparation, index, isStream)]
        : [],
    );

    const outcome = await this.#deps.span("hold", () => this.#hold(offers, isStream));
    if (outcome.kind !== "held") return fail(outcome.failure, first);
    const { held } = outcome;
    const preparation = preparations[held.rung];
    if (preparation === undefined || preparation === null)
      throw new Error("The ledger held a rung that was not offered.");

    const permit = await this.#deps.breakers.permit(preparation.upstream);
    const outgoing = finish(preparation, held, order, cacheSalt);
    const account = accountOf(order, preparation, outcome, offers, outgoing.knobs);
    this.accounts.push(account);
    const secretName = preparation.upstream.secret;
    const secret = secretName === undefined ? null : this.#deps.secret(secretName);
    const obstacle: Failure | null = !permit.permitted
      ? { kind: "upstream-resting", retryAfterMs: permit.retryInMs }
      : secretName !== undefined && secret === null
        ? notConfigured("an upstream's secret is not set")
        : null;
    if (obstacle !== null) {
      this.#release(account, outcome);
      this.#deps.finish(this.#deps.breakers.handBack(preparation.upstream, permit));
      return fail(obstacle, preparation.rung, {
        failure: obstacle,
        isRetryable: true,
        isFault: false,
        isFree: true,
      });
    }
    this.#isCounted = true;
    const placement = place({
      upstream: preparation.upstream,
      model: preparation.model,
      prefixKeys: [],
    });
    const attempted = attempt(
      held,
      {
        url: `${placement.baseUrl.replace(/\/+$/, "")}/chat/completions`,
        secret,
        body: outgoing.body,
        isStream: outgoing.isStream,
        // A call that does not stream is silent until it is done.
        idleMs: outgoing.isStream ? policy.idleMs : policy.deadlineMs,
        deadlineMs: policy.deadlineMs,
      },
      this.#deps.now,
      patience,
    );
    const { wantsJson, hasTools } = admission.ask;
    if (wantsJson || hasTools) attempted.reader.form = new AnswerForm(wantsJson);
    const metering = meterCall(this.input, preparation, outcome, outgoing.isStream, this.#deps);
    const end = async (ending: Settled | Promise<Settled>): Promise<void> => {
      const settled = await ending;
      const isFault = settled.ending === "upstream-broke";
      const { breakers } = this.#deps;
      // A client that left before anything was said tells nothing of the upstream's health.
      const tellsNothing = !isFault && settled.certainty === "unknown";
      this.#deps.finish(
        tellsNothing
          ? breakers.handBack(preparation.upstream, permit)
          : breakers.report(preparation.upstream, permit, !isFault),
      );
      // An extension that came behind its own settlement would be too late to cover it.
      await metering?.stop();
      await outcome.settle({ callId: held.callId, ...settled });
    };
    const call = new OpenCall(
      attempted,
      preparation,
      held,
      account,
      (ending) => this.#post(end(ending)),
      metering,
    );
    this.#open.push(call);
    patience.onGone(() => call.end("client-left"));

    const firstMs = outgoing.isStream ? gateEndsAtMs - this.#deps.now() : Infinity;
    const opened = await this.#deps.span("attempt", () =>
      call.awaitFirst(firstMs, this.#deps.now, patience),
    );
    if (opened.kind === "failed") {
      const { trouble } = opened;
      if (signal.aborted) return fail({ kind: "client-left" }, preparation.rung);
      call.fail(trouble);
      return fail(trouble.failure, preparation.rung, trouble);
    }
    if (order.purpose === ANSWER) this.answering = call;
    return { kind: "open", call };
  }

  async #hold(offers: readonly Offer[], isStream: boolean): Promise<HoldOutcome> {
    this.#calls += 1;
    const outcome = await holdCall(
      this.input,
      { number: this.#calls, isCounted: this.#isCounted, offers, isStream },
      this.#deps,
    );
    if (outcome.meters !== null) this.meters = outcome.meters;
    return outcome;
  }

  #post(work: Promise<unknown>): void {
    this.#posting = Promise.all([this.#posting, work]);
    this.#deps.finish(work);
  }

  /** Voids a hold whose call never left. If that is lost, the hold expires; it was never dispatched. */
  #release(account: CallAccount, { release }: Extract<HoldOutcome, { kind: "held" }>): void {
    account.ending = "released";
    this.#post(
      release().catch((error: unknown) => {
        logError("release-failed", {
          callId: account.callId,
          problem: String(error),
        });
      }),
    );
  }
}

/** The same upstream may do better a moment later, unless it has said that it will not, or had all the time there is. */
function mayRepeat(failure: Failure): boolean {
  if (failure.kind === "upstream-failed") {
    return failure.status === null || failure.status >= 500 || failure.status === 408;
  }
  return failure.kind === "upstream-cut" || failure.kind === "upstream-silent";
}

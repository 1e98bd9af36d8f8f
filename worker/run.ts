// Runs a plan: the strategies drive one function, `call`, and each call is prepared, held, placed, attempted and
// settled. Retry and fallback are further calls, made only while nothing has been sent to the client.
import type { Meter, Offer } from "../policies/account.ts";
import { findModel, findUpstream, type Upstream } from "../policies/catalog.ts";
import type { Rung } from "../policies/choice.ts";
import { affordableAmong } from "../policies/thrift.ts";
import { attempt } from "./attempt.ts";
import { accountOf, holdCall, meterCall, type RunInput } from "./call-hold.ts";
import type { Dependencies } from "./dependencies.ts";
import { findDestination } from "./destination.ts";
import type { Failure } from "./failure.ts";
import type { HoldOutcome } from "./hold.ts";
import { nextLadder } from "./ladder.ts";
import { logError } from "./log.ts";
import { OpenCall, type CallAccount, type Settled } from "./open-call.ts";
import { placingMsMax } from "./place.ts";
import { offerOf, prepare, tokensBeyond } from "./prepare.ts";
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
  /** Replicas that failed this request, or had no room for it. */
  readonly #failed: { readonly upstream: string; readonly replica: string }[] = [];
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
      const { failure } = tried.trouble;
      const isElsewhere = isBusy(failure) && this.#hasOthers(tried.rung);
      const next = nextLadder(ladder, tried.rung, mayRepeat(failure) || isElsewhere);
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
    const { admission, policy, signal, patience } = this.input;
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
    const { breakers } = this.#deps;
    const restsMs = readable.map(({ upstream }) =>
      upstream.pool === undefined ? breakers.restingMs(upstream) : 0,
    );
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

    const placingMs = Math.max(...offered.map(({ upstream }) => placingMsMax(upstream)));
    const outcome = await this.#deps.span("hold", () => this.#hold(offers, isStream, placingMs));
    if (outcome.kind !== "held") return fail(outcome.failure, first);
    const { held } = outcome;
    const preparation = preparations[held.rung];
    if (preparation === undefined || preparation === null)
      throw new Error("The ledger held a rung that was not offered.");

    const sending = {
      preparation,
      held,
      order,
      admission,
      deadlineMs: policy.deadlineMs,
      avoid: this.#failedIn(preparation.upstream),
    };
    const destination = await findDestination(sending, this.#deps, patience).catch(
      (error: unknown) => {
        // A bug; what was held for a call that never left goes back all the same.
        this.#giveBack(held.callId, outcome);
        throw error;
      },
    );
    const account = accountOf(order, preparation, outcome, offers, destination.knobs);
    this.accounts.push(account);
    if (destination.kind === "barred") {
      const { failure } = destination;
      this.#release(account, outcome);
      const trouble = { failure, isRetryable: true, isFault: false, isFree: true };
      return fail(failure, preparation.rung, trouble);
    }
    this.#isCounted = true;
    const { url, secret, outgoing, placement } = destination;
    account.replica = placement.replica;
    account.predictedTokens = placement.cachedTokens;
    const attempted = attempt(
      held,
      {
        url,
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
      destination.report(settled, attempted.reader.isCacheTold);
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
      outgoing.isStream ? () => placement.firstToken() : null,
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
      if (placement.replica !== null && (trouble.isFault || isBusy(trouble.failure)))
        this.#failed.push({ upstream: preparation.upstream.id, replica: placement.replica });
      return fail(trouble.failure, preparation.rung, trouble);
    }
    if (order.purpose === ANSWER) this.answering = call;
    return { kind: "open", call };
  }

  async #hold(
    offers: readonly Offer[],
    isStream: boolean,
    placingMs: number,
  ): Promise<HoldOutcome> {
    this.#calls += 1;
    const outcome = await holdCall(
      this.input,
      { number: this.#calls, isCounted: this.#isCounted, offers, isStream, placingMs },
      this.#deps,
    );
    if (outcome.meters !== null) this.meters = outcome.meters;
    return outcome;
  }

  #failedIn({ id }: Pick<Upstream, "id">): readonly string[] {
    return this.#failed.filter(({ upstream }) => upstream === id).map(({ replica }) => replica);
  }

  /** Whether the rung's pool has a replica that this request has not met. */
  #hasOthers({ arm }: Rung): boolean {
    const { catalog } = this.input.admission;
    const upstream = findUpstream(catalog, findModel(catalog, arm.model)?.upstream ?? "");
    const replicas = upstream?.pool?.replicas.length ?? 0;
    return upstream !== undefined && this.#failedIn(upstream).length < replicas;
  }

  #post(work: Promise<unknown>): void {
    this.#posting = Promise.all([this.#posting, work]);
    this.#deps.finish(work);
  }

  #release(account: CallAccount, outcome: Extract<HoldOutcome, { kind: "held" }>): void {
    account.ending = "released";
    this.#giveBack(account.callId, outcome);
  }

  /** Voids a hold whose call never left. If that is lost, the hold expires; it was never dispatched. */
  #giveBack(callId: string, { release }: Extract<HoldOutcome, { kind: "held" }>): void {
    this.#post(
      release().catch((error: unknown) => {
        logError("release-failed", { callId, problem: String(error) });
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

/** This replica takes no more; another one of its pool may. */
function isBusy({ kind }: Failure): boolean {
  return kind === "upstream-busy";
}

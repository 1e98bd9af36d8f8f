// Where a held call goes: its secret is there, the upstream's breaker lets it pass, a replica has room. Or what stands in
// its way, with nothing left open behind it.
import { enginePriority } from "../policies/placement/engine-priority.ts";
import type { Admission } from "./admit.ts";
import type { Permit } from "./breakers.ts";
import { cacheScopeOf } from "./cache-scope.ts";
import type { Dependencies } from "./dependencies.ts";
import { notConfigured, type Failure } from "./failure.ts";
import type { Held } from "./hold.ts";
import type { Settled } from "./open-call.ts";
import { place, type Placed } from "./place.ts";
import { finish, type Outgoing, type Preparation } from "./prepare.ts";
import type { CallOrder } from "./strategy/strategy.ts";
import { promptKeyOf } from "./prompt-key.ts";
import { promptOf, type Prompt } from "./prompt.ts";
import type { Patience } from "./stream/patience.ts";
import { teachTokens } from "./teach-tokens.ts";
import { engineOf } from "./upstream/table.ts";
import { withPriority } from "./upstream/wire/priority.ts";

export type Destination =
  | Found
  | { readonly kind: "barred"; readonly failure: Failure; readonly knobs: Outgoing["knobs"] };

interface Found {
  readonly kind: "found";
  readonly url: string;
  readonly secret: string | null;
  readonly outgoing: Outgoing;
  readonly knobs: Outgoing["knobs"];
  readonly placement: Placed;
  /** Tells whoever watches over the upstream how the call ended. `isCacheTold`: its usage said what came from a cache. */
  report(settled: Settled, isCacheTold: boolean): void;
}

export interface Sending {
  readonly preparation: Preparation;
  readonly held: Held;
  readonly order: CallOrder;
  readonly admission: Admission;
  readonly deadlineMs: number;
  /** Replicas that failed this request before. */
  readonly avoid: readonly string[];
}

export async function findDestination(
  sending: Sending,
  deps: Dependencies,
  patience: Patience,
): Promise<Destination> {
  const { preparation, held, order, admission, deadlineMs, avoid } = sending;
  const { upstream, model, inputTokens } = preparation;
  const scope = await cacheScopeOf(upstream, admission, (name) => deps.secret(name));
  if (scope === null)
    return barred(
      notConfigured("the secret of an upstream's pool is not set, or shorter than 32 characters"),
    );
  const prompt = (): Prompt => promptOf(preparation.draft.ask, admission.tenant.id);
  const outgoing = finish(preparation, held, order, scope.salt, promptKeyOf(upstream, prompt));
  const { knobs } = outgoing;
  // The catalog says that its models part their caches; whether their engine can is known here.
  const isParted = knobs.some(
    ({ knob, fidelity }) => knob === "cache-salt" && fidelity === "exact",
  );
  if (upstream.pool?.unsalted === false && !isParted)
    return barred(notConfigured("the engine of an upstream's pool takes no salt"), knobs);
  const secret = upstream.secret === undefined ? null : deps.secret(upstream.secret);
  if (upstream.secret !== undefined && secret === null)
    return barred(notConfigured("an upstream's secret is not set"), knobs);
  // Of a pool each replica has a circuit of its own, in the index: one that is down must not close the others.
  const permit = upstream.pool === undefined ? await deps.breakers.permit(upstream) : PASSED;
  if (!permit.permitted)
    return barred({ kind: "upstream-resting", retryAfterMs: permit.retryInMs }, knobs);
  const placement = await place(
    {
      callId: held.callId,
      tenantId: admission.tenant.id,
      upstream,
      model,
      scope,
      body: outgoing.body,
      inputTokens,
      deadlineMs,
      avoid,
    },
    deps,
    patience,
  );
  switch (placement.kind) {
    case "placed":
      break;
    case "full":
      return barred({ kind: "upstream-full", retryAfterMs: placement.retryAfterMs }, knobs);
    case "none-up":
      return barred({ kind: "upstream-resting", retryAfterMs: placement.retryAfterMs }, knobs);
    case "client-left":
      return barred({ kind: "client-left" }, knobs);
  }
  const sent = deps.providerCaches.send(upstream, model, prompt);
  const body = ordered(outgoing.body, preparation, placement, deps.now());
  return {
    kind: "found",
    url: `${placement.baseUrl.replace(/\/+$/, "")}/chat/completions`,
    secret,
    outgoing: { ...outgoing, body },
    knobs,
    placement: sent === null ? placement : { ...placement, cachedTokens: sent.cachedTokens },
    report({ ending, certainty, usage }, isCacheTold) {
      const isFault = ending === "upstream-broke";
      const isRefused = ending === "upstream-refused";
      // A client that left before anything was said tells nothing of the upstream's health.
      const tellsNothing = !isFault && certainty === "unknown";
      const isCounted = certainty === "exact" && !isRefused;
      const call = {
        inputTokens: isCounted ? usage.inputTokens : null,
        cachedTokens: isCounted && isCacheTold ? usage.cachedTokens : null,
        // Of a prompt that was refused nothing was computed, and nothing speaks against who refused it.
        isFault: tellsNothing || isRefused ? null : isFault,
      };
      placement.end(call);
      sent?.ended(call);
      if (upstream.pool !== undefined) {
        const answered = { held, upstream, model, scope, placement, secret, body };
        if (isCounted && ending === "complete") deps.finish(teachTokens(answered, deps));
        return;
      }
      deps.finish(
        tellsNothing
          ? deps.breakers.handBack(upstream, permit)
          : deps.breakers.report(upstream, permit, !isFault),
      );
    },
  };
}

/** With the number that the replica's own queue goes by, where the catalog says that it has one and the pool wants an order. */
function ordered(
  body: string,
  { upstream, model, inputTokens }: Preparation,
  { replica: id, cachedTokens }: Placed,
  nowMs: number,
): string {
  const { pool, engine } = upstream;
  const replica = pool?.replicas.find((one) => one.id === id);
  const isProven =
    model.capabilities.includes("queue-priority") && engineOf(engine).takesPriority === true;
  if (pool === undefined || replica === undefined || pool.order === "arrival" || !isProven)
    return body;
  const uncachedTokens = inputTokens - (cachedTokens ?? 0);
  return withPriority(body, enginePriority(nowMs, uncachedTokens, replica.prefillTokensPerSecond));
}

const PASSED: Permit = { state: "closed", permitted: true, retryInMs: 0 };

function barred(failure: Failure, knobs: Outgoing["knobs"] = []): Destination {
  return { kind: "barred", failure, knobs };
}

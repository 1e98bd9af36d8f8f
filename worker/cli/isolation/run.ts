// One isolation test: each replica by itself, one after another, and what was found is kept at the gateway.
import {
  findUpstream,
  type Catalog,
  type Model,
  type Upstream,
} from "../../../policies/catalog.ts";
import { StartFailure } from "../failure.ts";
import { askReplica, NotAnswered, whyUnsalted, type Target } from "./ask-replica.ts";
import { conclude, type Conclusion, type Leg } from "./conclude.ts";
import { keepFindings, readCatalog } from "./gateway.ts";
import type { IsolationOrder } from "./order.ts";
import { makePrompt, makeSalt } from "./prompt.ts";

interface Tested extends Conclusion {
  readonly id: string;
  readonly legs: readonly Leg[];
}

export interface IsolationReport {
  readonly upstream: string;
  readonly model?: string;
  readonly seed?: string;
  readonly replicas: readonly object[];
  /** Whether the gateway knows it now. */
  readonly isKept: boolean;
  /** Why the gateway acts on nothing that was found, and what to do; null where it does. */
  readonly warning: string | null;
}

export async function runIsolationTest(
  order: IsolationOrder,
): Promise<{ readonly report: IsolationReport; readonly isClear: boolean }> {
  const { gateway, seed } = order;
  const catalog = await readCatalog(gateway);
  const upstream = findUpstream(catalog, order.upstream);
  if (upstream === undefined)
    throw new StartFailure(`The catalog has no upstream "${order.upstream}".`);
  const places = placesOf(upstream, order);
  if (order.forgets) return forget(order, upstream, places);
  const model = modelOf(catalog, order);
  const apiKey = keyOf(upstream, order);
  const tested: Tested[] = [];
  for (const { id, baseUrl } of places)
    tested.push(await test(id, { upstream, model, baseUrl, apiKey }, `${seed}/${id}`));
  const isKept = order.keeps && upstream.pool !== undefined;
  if (isKept) {
    const findings = tested.map(({ id, isolation }) => ({ replica: id, isolation }));
    await keepFindings(gateway, upstream.id, findings);
  }
  return {
    report: {
      upstream: upstream.id,
      model: model.id,
      seed,
      replicas: tested,
      isKept,
      warning: upstream.pool === undefined ? sayUnenforced(upstream.id) : null,
    },
    isClear: tested.every(({ isolation }) => isolation === "kept"),
  };
}

async function forget(order: IsolationOrder, { id, pool }: Upstream, places: readonly Place[]) {
  if (pool === undefined)
    throw new StartFailure(
      `"${id}" has no pool, so nothing is kept of it that could be taken back.`,
    );
  const findings = places.map((place) => ({ replica: place.id, isolation: null }));
  await keepFindings(order.gateway, id, findings);
  const replicas = places.map((place) => ({ id: place.id, isolation: null }));
  return { report: { upstream: id, replicas, isKept: true, warning: null }, isClear: true };
}

/** Nothing remembers a finding but the index of a pool. */
function sayUnenforced(id: string): string {
  return (
    `"${id}" has no pool, so nothing is enforced: the gateway keeps no finding of it, and sends it every tenant's calls ` +
    "whatever was found. Declare a pool of one replica at its address and test it again; then it gets no calls while it shares."
  );
}

/** A prompt of its own for each replica: replicas that share a cache by intention must not find each other's. */
async function test(id: string, target: Target, seed: string): Promise<Tested> {
  const { contextTokens } = target.model;
  const prompt = makePrompt(seed, contextTokens);
  const legs: Leg[] = [];
  try {
    // Whatever an engine does but once, it does now, with another prompt and a salt that is used nowhere else.
    await askReplica(target, makeSalt(seed, "warm"), makePrompt(`${seed}/warm`, contextTokens));
    for (const salt of ["a", "a", "b"] as const)
      legs.push({ salt, ...(await askReplica(target, makeSalt(seed, salt), prompt)) });
  } catch (error) {
    if (!(error instanceof NotAnswered)) throw error;
    const advice = "test it again when it answers";
    return { id, isolation: "unproven", reason: error.message, advice, legs };
  }
  const three = legs as unknown as readonly [Leg, Leg, Leg];
  return { id, ...conclude(three, target.upstream.engine, whyUnsalted(target)), legs };
}

interface Place {
  readonly id: string;
  readonly baseUrl: string;
}

/** The pool's replicas, or the upstream itself. */
function placesOf({ id, baseUrl, pool }: Upstream, { replicas }: IsolationOrder): readonly Place[] {
  const all = pool?.replicas ?? [{ id, baseUrl }];
  for (const name of replicas)
    if (all.every((one) => one.id !== name))
      throw new StartFailure(`"${id}" has no replica "${name}".`);
  return replicas.length === 0 ? all : all.filter((one) => replicas.includes(one.id));
}

function modelOf({ models }: Catalog, { upstream, model }: IsolationOrder): Model {
  const own = models.filter((one) => one.upstream === upstream);
  const found = model === null ? own[0] : own.find(({ id }) => id === model);
  if (found !== undefined) return found;
  throw new StartFailure(
    model === null ? `No model stands at "${upstream}".` : `"${upstream}" has no model "${model}".`,
  );
}

function keyOf({ id, secret }: Upstream, order: IsolationOrder): string | null {
  if (secret === undefined) return null;
  const key = order.secret(secret);
  if (key !== null) return key;
  throw new StartFailure(`${secret}, the API key of "${id}", is not set in the environment.`);
}

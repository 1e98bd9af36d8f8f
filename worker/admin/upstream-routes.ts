// How upstreams are. Nothing here changes anything.
import { CATALOG_ID } from "../../policies/administration.ts";
import { parseCatalog, type Upstream } from "../../policies/catalog.ts";
import { logError } from "../log.ts";
import { TIMED_OUT, within } from "../stream/wait.ts";
import { askRegistry } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { missing } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies, Answered, Call, Route } from "./route.ts";

/** An object answers within milliseconds or is in trouble, and one that is must not hide how the others are. */
const LOOK_MS_MAX = 2_000;

export const UPSTREAM_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/upstreams",
    name: "listUpstreams",
    query: ["after", "limit"],
    run: listUpstreams,
  },
];

async function listUpstreams({ after, limit, deps }: Call): Promise<Answered | Refusal> {
  const stored = await askRegistry(deps, (registry) => registry.read("catalog", CATALOG_ID));
  if (stored === null) return missing("document", CATALOG_ID);
  const catalog = parseCatalog(JSON.parse(stored.documentText));
  if (catalog.kind === "faulty") throw new Error("The registry holds a faulty catalog.");
  const upstreams = catalog.value.upstreams
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .filter(({ id }) => id > after);
  const data = await Promise.all(
    upstreams.slice(0, limit).map((upstream) => describe(upstream, deps)),
  );
  const next = upstreams.length > limit ? (upstreams[limit - 1]?.id ?? null) : null;
  return answer({ object: "list", data, next });
}

async function describe(upstream: Upstream, deps: AdminDependencies): Promise<object> {
  const { id, engine, baseUrl, secret } = upstream;
  return {
    object: "upstream",
    id,
    engine,
    base_url: baseUrl,
    secret: secret === undefined ? null : { name: secret, is_set: deps.isSecretSet(secret) },
    breaker: await look(upstream, deps),
  };
}

async function look(upstream: Upstream, deps: AdminDependencies): Promise<object> {
  try {
    const seen = await within(deps.lookAtBreaker(upstream), LOOK_MS_MAX);
    if (seen !== TIMED_OUT) {
      const { state, permitted, retryInMs, recentFailures } = seen;
      return { state, permitted, retry_in_ms: retryInMs, recent_failures: recentFailures };
    }
  } catch (error) {
    const problem = String(error);
    logError("breaker-unreachable", { upstream: upstream.id, problem });
  }
  // As for a request: without its breaker an upstream is called as usual.
  return { state: "unknown", permitted: true, retry_in_ms: 0, recent_failures: 0 };
}

// Rules that came after documents did. They bind what is written and let be what stands, because a stored document that could
// no longer be read would stop everything that names it.
import type { Catalog } from "./catalog.ts";
import { MODES } from "./mode.ts";
import { faultAt, type Fault } from "./parse.ts";
import type { Policy } from "./policy.ts";

/** What there is in worker/strategy/, whose table is held against this list. */
export const STRATEGY_IDS: readonly string[] = ["mode-prompt", "diffadapt", "outline"];

/** A prompt of some thousand tokens alone takes an engine as long as this, so that a shorter deadline answers nobody. */
const DEADLINE_MS_MIN = 1_000;

/**
 * `standing` is the catalog before. An address that it has already is let be: a start that only moves another upstream
 * must not fail by it.
 */
export function findCatalogFaultsOnWrite(catalog: Catalog, standing: Catalog | null): Fault[] {
  const stands = new Set(standing === null ? [] : addressesOf(standing).map(({ url }) => url));
  return addressesOf(catalog).flatMap(({ path, url }) => {
    const problem = stands.has(url) ? null : problemOfAddress(url);
    return problem === null ? [] : [faultAt(path, problem)];
  });
}

export function findPolicyFaultsOnWrite(policy: Policy): Fault[] {
  const faults = MODES.flatMap((mode) =>
    (policy.strategies[mode] ?? []).flatMap((id, index) =>
      STRATEGY_IDS.includes(id)
        ? []
        : [
            faultAt(
              `strategies.${mode}.${index}`,
              `"${id}" is no strategy; name one of ${STRATEGY_IDS.join(", ")}`,
            ),
          ],
    ),
  );
  if (policy.deadlineMs < DEADLINE_MS_MIN)
    faults.push(
      faultAt("deadlineMs", `must be at least ${DEADLINE_MS_MIN}, or no call would live to answer`),
    );
  return faults;
}

function addressesOf({ upstreams }: Catalog): { readonly path: string; readonly url: string }[] {
  return upstreams.flatMap(({ baseUrl, pool }, index) => [
    { path: `upstreams.${index}.baseUrl`, url: baseUrl },
    ...(pool?.replicas ?? []).map((replica, at) => ({
      path: `upstreams.${index}.pool.replicas.${at}.baseUrl`,
      url: replica.baseUrl,
    })),
  ]);
}

/** It never says the address again, which may hold a password. */
function problemOfAddress(url: string): string | null {
  if (!URL.canParse(url))
    return "is no address that can be called; write http or https, a host and the path, as in http://127.0.0.1:8000/v1";
  const { username, password } = new URL(url);
  if (username !== "" || password !== "")
    return "must have no user and no password, which exports and the audit would show; set a secret and name it in `secret`";
  // Read from the text: the parsed form drops a bare mark, behind which the path that is appended would still be lost.
  if (url.includes("?"))
    return "must have no query, since a path is appended; end it with its path and name the key's secret in `secret`";
  if (url.includes("#"))
    return "must have no fragment, since a path is appended; end it with its path";
  return null;
}

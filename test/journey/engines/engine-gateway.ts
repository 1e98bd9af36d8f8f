// The gateway of the engines' journeys: an upstream for each engine that the simulator passes for, with models that
// stand for what such an engine serves, and one request seen from both ends: what the client and the ledger were told,
// and what the engine really did.
import type { Usage } from "../../../policies/account.ts";
import type { Capability, Catalog, Model } from "../../../policies/catalog.ts";
import type { RecordedRequest } from "../../simulator/recorder.ts";
import { ask, readEvents, readJson } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const TENANT = "engines";
const SECRET = "sk-sluice-engines";
/** Long enough that no answer of these journeys is cut by the policy. */
const CAP_TOKENS = 8_000;

/** A model of an engine; `sim-large` is the engine's strictest, `sim-mid` one that can be told. */
export interface Entry extends Partial<Omit<Model, "capabilities">> {
  readonly engine: string;
  readonly capabilities: readonly Capability[];
}

export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What the engine got, and what it really did. */
  readonly sent: Readonly<Record<string, unknown>>;
  readonly truth: NonNullable<RecordedRequest["truth"]>;
  /** Each knob as `fidelity: reason`. */
  readonly knobs: Readonly<Record<string, string>>;
  readonly settled: {
    readonly usage: Usage;
    readonly certainty: string | null;
    readonly ending: string | null;
    readonly anomaly: string | null;
  };
}

export interface EngineGateway extends GatewayUnderTest {
  /** One question to a model of the catalog in a mode; `as-sent` names the model. */
  see(model: string, mode: string, asked: Asked): Promise<Seen>;
}

export interface Asked {
  readonly text: string;
  readonly isStream: boolean;
  readonly fields?: Readonly<Record<string, unknown>>;
}

interface Explained {
  readonly sluice?: {
    readonly calls: readonly {
      readonly knobs: readonly { knob: string; fidelity: string; reason: string }[];
    }[];
  };
}

export async function startEngineGateway(
  entries: Readonly<Record<string, Entry>>,
  policyFields: Readonly<Record<string, unknown>> = {},
): Promise<EngineGateway> {
  const ids = Object.keys(entries);
  const under = await startGatewayUnderTest({
    catalog: (seeded, simulatorUrl) => catalogOf(entries, seeded, simulatorUrl),
    policies: ids.map((id) => ({
      name: policyOf(id),
      version: "1",
      modes: { direct: id, long: id },
      capTokens: { direct: CAP_TOKENS, short: CAP_TOKENS, code: CAP_TOKENS, long: CAP_TOKENS },
      attemptsMax: 1,
      ...policyFields,
    })),
    tenants: [
      {
        id: TENANT,
        name: "Engines",
        policy: policyOf(ids[0] ?? ""),
        policies: ids.map(policyOf),
        limits: [],
      },
    ],
    keys: [{ secret: SECRET, document: { id: TENANT, tenant: TENANT } }],
  });
  return {
    ...under,
    see: async (model, mode, { text, isStream, fields }) => {
      const before = (await under.ledgerJournal(TENANT)).at(-1)?.seq ?? 0;
      const response = await ask(
        under,
        {
          model: mode === "as-sent" ? model : mode === "auto" ? "auto" : `auto:${mode}`,
          messages: [{ role: "user", content: text }],
          ...(isStream ? { stream: true } : {}),
          ...fields,
        },
        {
          secret: SECRET,
          headers: { "x-sluice-policy": policyOf(model), "x-sluice-explain": "1" },
        },
      );
      const told = isStream ? await readStream(response) : await readWhole(response);
      await under.untilSettled(TENANT);
      const settled = (await under.ledgerJournal(TENANT)).find(
        ({ seq, op }) => seq > before && op === "settle",
      );
      const request = under.simulator.requests.at(-1);
      if (settled === undefined || request?.truth == null)
        throw new Error(`${model} was refused or not settled: ${told.text}`);
      const { usage, certainty, ending, anomaly } = settled;
      return {
        ...told,
        status: response.status,
        headers: response.headers,
        sent: request.json as Seen["sent"],
        truth: request.truth,
        settled: { usage, certainty, ending, anomaly },
      };
    },
  };
}

type Told = Pick<Seen, "text" | "knobs">;

async function readWhole(response: Response): Promise<Told> {
  const body = await readJson<Explained & { choices?: { message: { content: string } }[] }>(
    response,
  );
  return { text: body.choices?.[0]?.message.content ?? JSON.stringify(body), knobs: knobsOf(body) };
}

async function readStream(response: Response): Promise<Told> {
  const events = await readEvents(response);
  const chunks = events
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data) as Explained & { choices?: { delta: { content?: string } }[] });
  const text = chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join("");
  const explained = chunks.find(({ sluice }) => sluice !== undefined);
  return { text: events.at(-1) === "[DONE]" ? text : events.join("\n"), knobs: knobsOf(explained) };
}

function knobsOf(explained: Explained | undefined): Seen["knobs"] {
  const knobs = explained?.sluice?.calls[0]?.knobs ?? [];
  return Object.fromEntries(
    knobs.map(({ knob, fidelity, reason }) => [knob, `${fidelity}: ${reason}`]),
  );
}

/** A policy's name has neither dots nor capitals. */
function policyOf(model: string): string {
  return model.replaceAll(".", "-");
}

function catalogOf(
  entries: Readonly<Record<string, Entry>>,
  seeded: Catalog,
  simulatorUrl: string,
): Catalog {
  const like = seeded.models[0];
  if (like === undefined) throw new Error("The seeded catalog has no model.");
  const engines = new Set(Object.values(entries).map(({ engine }) => engine));
  return {
    ...seeded,
    upstreams: [
      ...seeded.upstreams,
      ...[...engines].map((engine) => ({
        id: `at-${engine}`,
        engine,
        baseUrl: `${simulatorUrl}/as/${engine}/v1`,
        breaker: { failures: 1_000, windowMs: 100, cooldownMs: 1_000 },
      })),
    ],
    models: [
      ...seeded.models,
      ...Object.entries(entries).map(([id, { engine, capabilities, ...entry }]): Model => ({
        ...like,
        contextTokens: 131_072,
        outputTokensMax: 32_768,
        name: "sim-mid",
        ...entry,
        capabilities: [...capabilities],
        id,
        upstream: `at-${engine}`,
      })),
    ],
  };
}

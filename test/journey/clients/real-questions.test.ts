// Two hundred real questions through `auto`: all four modes are chosen, every call is settled, and the ledger's total
// is the sum of what the answers said they used. The questions stand outside the repository; no text of them is kept.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import { MODES } from "../../../policies/mode.ts";
import { drawUniform } from "../../simulator/chance.ts";
import { ask, readError, readEvents, readJson, turn, type UsageFields } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const QUERIES = join(
  import.meta.dirname,
  "..",
  "..",
  "..",
  "..",
  "shared",
  "data",
  "queries.jsonl.gz",
);
const CATALOG = join(import.meta.dirname, "..", "..", "..", "kv-seeds", "catalog.json");
const QUESTIONS = 200;
/** Another sample: SLUICE_SEED=7. */
const SEED = Number(process.env["SLUICE_SEED"] ?? 1);
const AT_ONCE = 8;
/** Reading the file takes some seconds, and a shared machine has slow minutes. */
const TIMEOUT_MS = 120_000;

interface Question {
  readonly id: string;
  readonly kind: string;
  readonly source: string;
  readonly text: string;
}

interface Answered {
  readonly kind: string;
  readonly model: string;
  readonly mode: string;
  readonly reason: string;
  readonly usage: PricedUsage;
}

/** What a price list needs to know of an answer. */
interface PricedUsage extends UsageFields {
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
}

const catalog = readCatalog();
const hasQuestions = existsSync(QUERIES);
if (!hasQuestions)
  console.warn(
    "The journey of real questions is skipped: ../shared/data/queries.jsonl.gz is absent.",
  );

let gateway: GatewayUnderTest;
beforeAll(async () => {
  // Room for all of them: what is measured here is the account, not a refusal.
  if (hasQuestions)
    gateway = await startGatewayUnderTest({
      tenants: [{ id: "demo", name: "Demo", policy: "balanced" }],
    });
});
afterAll(() => gateway?.dispose());

test.skipIf(!hasQuestions)(
  `${QUESTIONS} real questions spread over the four modes and are accounted for`,
  { timeout: TIMEOUT_MS },
  async () => {
    const questions = await sample(SEED);
    const startedAtMs = performance.now();
    const answered = await inTurns(questions, AT_ONCE, answer);
    const tookMs = Math.round(performance.now() - startedAtMs);
    const standing = await gateway.untilSettled("demo");
    const rows = await gateway.ledgerJournal("demo");
    console.log(describe(answered, tookMs));

    expect(questions).toHaveLength(QUESTIONS);
    for (const mode of MODES)
      expect(answered.filter((one) => one.mode === mode).length, mode).toBeGreaterThan(0);

    // One hold and one exact settlement a question, and besides only long answers that hold more on their way.
    const kept = rows.filter(({ op }) => op !== "extend");
    expect(count(kept.map(({ op }) => op))).toEqual({ hold: QUESTIONS, settle: QUESTIONS });
    expect(rows.length - kept.length).toBeLessThan(QUESTIONS / 2);
    expect(
      count(
        rows.flatMap(({ ending, certainty }) =>
          ending === null ? [] : [`${ending} ${certainty}`],
        ),
      ),
    ).toEqual({ "complete exact": QUESTIONS });
    expect(
      rows.filter(({ anomaly, over }) => anomaly !== null || over.tokens > 0 || over.nanos > 0),
    ).toEqual([]);

    const today = standing.buckets.find(
      ({ scope, window }) => scope === "tenant" && window === "day",
    );
    expect(today?.spent).toMatchObject({
      tokens: sum(answered.map(({ usage }) => usage.total_tokens)),
      requests: QUESTIONS,
      nanos: sum(answered.map(costNanos)),
    });
    expect(today?.held).toEqual(NOTHING);
    expect(today?.over).toEqual(NOTHING);
    expect(gateway.simulator.requests).toHaveLength(QUESTIONS);
    // Beside a record of each request the Worker logs only trouble, as an event; the runtime's own remarks are about this
    // test's look into the ledger.
    expect(
      gateway.logged.filter(
        (line) => line.includes('"event"') && !line.includes('"event":"request"'),
      ),
    ).toEqual([]);
  },
);

/** Every second one streams, so that both ways are accounted for. */
async function answer(question: Question, index: number): Promise<Answered> {
  const isStream = index % 2 === 1;
  const response = await ask(
    gateway,
    turn(question.text, isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
  );
  if (response.status !== 200)
    throw new Error(
      `${question.id} was answered ${response.status}: ${(await readError(response)).message}`,
    );
  const usage = isStream
    ? (await readEvents(response))
        .filter((data) => data !== "[DONE]")
        .flatMap((data) => (JSON.parse(data) as { usage?: PricedUsage | null }).usage ?? [])[0]
    : (await readJson<{ usage: PricedUsage }>(response)).usage;
  if (usage === undefined) throw new Error(`${question.id} came without its usage.`);
  return {
    kind: question.kind,
    model: response.headers.get("x-sluice-model") ?? "",
    mode: response.headers.get("x-sluice-mode") ?? "",
    reason: response.headers.get("x-sluice-reason") ?? "",
    usage,
  };
}

/** The catalog's prices times what the answer said it used, each call rounded up to a whole nano-dollar. */
function costNanos({ model, usage }: Answered): number {
  const prices = catalog.models.find(({ id }) => id === model)?.prices;
  if (prices === undefined) throw new Error(`The catalog has no prices for "${model}".`);
  const cachedTokens = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const costPerMtok =
    (usage.prompt_tokens - cachedTokens) * prices.inputNanosPerMtok +
    cachedTokens * prices.cachedInputNanosPerMtok +
    usage.completion_tokens * prices.outputNanosPerMtok;
  return Math.ceil(costPerMtok / 1_000_000);
}

function readCatalog(): Catalog {
  const parsed = parseCatalog(JSON.parse(readFileSync(CATALOG, "utf8")));
  if (parsed.kind === "faulty") throw new Error("The seeded catalog is faulty.");
  return parsed.value;
}

/** The same number of each kind, and inside a kind of each source, as far as there are so many. */
async function sample(seed: number): Promise<readonly Question[]> {
  const groups = new Map<
    string,
    Map<string, { readonly question: Question; readonly rank: number }[]>
  >();
  const lines = createInterface({
    input: createReadStream(QUERIES).pipe(createGunzip()),
    crlfDelay: 0,
  });
  for await (const line of lines) {
    const { id, kind4, source, text } = JSON.parse(line) as {
      id: string;
      kind4: string;
      source: string;
      text: string;
    };
    const sources = groups.get(kind4) ?? new Map<string, { question: Question; rank: number }[]>();
    const drawn = sources.get(source) ?? [];
    groups.set(kind4, sources.set(source, drawn));
    drawn.push({ question: { id, kind: kind4, source, text }, rank: drawUniform(`${seed}|${id}`) });
  }
  const kinds = [...groups.keys()].toSorted();
  const taken = kinds.flatMap((kind, index) => {
    const share = Math.floor(QUESTIONS / kinds.length) + (index < QUESTIONS % kinds.length ? 1 : 0);
    const lists = [...(groups.get(kind)?.values() ?? [])];
    return takeAround(
      lists.map((list) => list.toSorted((left, right) => left.rank - right.rank)),
      share,
    );
  });
  return taken.toSorted((left, right) => left.rank - right.rank).map(({ question }) => question);
}

/** One of each list in turn, until there are enough. */
function takeAround<Value>(lists: readonly (readonly Value[])[], enough: number): readonly Value[] {
  const taken: Value[] = [];
  for (
    let round = 0;
    taken.length < enough && lists.some((list) => list.length > round);
    round += 1
  ) {
    for (const list of lists) {
      const value = list[round];
      if (value !== undefined && taken.length < enough) taken.push(value);
    }
  }
  return taken;
}

async function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let index = next++; index < items.length; index = next++)
        results[index] = await work(items[index]!, index);
    }),
  );
  return results;
}

function describe(answered: readonly Answered[], tookMs: number): string {
  const kinds = [...new Set(answered.map(({ kind }) => kind))].toSorted();
  return [
    `${answered.length} real questions, seed ${SEED}, ${AT_ONCE} at once, ${tookMs} ms`,
    ...kinds.map(
      (kind) =>
        `  ${kind}: ${JSON.stringify(count(answered.filter((one) => one.kind === kind).map(({ mode }) => mode)))}`,
    ),
    `  all: ${JSON.stringify(count(answered.map(({ mode }) => mode)))}`,
    `  reasons: ${JSON.stringify(count(answered.map(({ reason }) => reason)))}`,
    `  tokens: ${sum(answered.map(({ usage }) => usage.total_tokens))}`,
  ].join("\n");
}

function count(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

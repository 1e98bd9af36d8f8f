// Where the gateway's own time goes: its pure steps, each by itself, in this process.
import { classify } from "../unit/classifiers/shipped.ts";
import { parseCatalog } from "../../policies/catalog.ts";
import type { Question } from "../../policies/choice.ts";
import { choose } from "../../policies/choose.ts";
import { parsePolicy } from "../../policies/policy.ts";
import { chat } from "../../worker/dialect/chat.ts";
import { SseSplitter } from "../../worker/stream/sse.ts";
import { AnswerReader } from "../../worker/upstream/wire/read.ts";
import { writeWire } from "../../worker/upstream/wire/write.ts";
import type { BenchDocuments } from "./documents.ts";

const WARM_RUNS = 200;
const RUNS = 1000;

/** Microseconds a call, by step. */
export function timeSteps(
  body: string,
  events: Uint8Array,
  documents: BenchDocuments,
): Readonly<Record<string, number>> {
  const read = chat.read(body);
  const catalog = parseCatalog(documents.catalog);
  const policy = parsePolicy(documents.policy);
  if (read.kind !== "read" || catalog.kind === "faulty" || policy.kind === "faulty")
    throw new Error("The bench's own documents are faulty.");
  const { ask } = read;
  const question: Question = {
    features: classify(ask.query),
    policy: policy.value,
    catalog: catalog.value,
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    inputTokens: 100,
    needs: [],
    lambda: 0.2,
    advice: null,
    chance: null,
  };
  return {
    "JSON.parse alone": time(() => JSON.parse(body)),
    "read the body": time(() => chat.read(body)),
    "classify the query": time(() => classify(ask.query)),
    "choose the ladder": time(() => choose(question)),
    "write the body": time(() =>
      writeWire(ask.wire, {
        model: "bench",
        isStream: ask.isStream,
        asksUsage: ask.isStream,
        outputTokens: 4096,
        capField: "max_completion_tokens",
        isSoleCapField: false,
        fields: { chat_template_kwargs: '{"enable_thinking":false}' },
        drops: [],
        notes: [],
        turnNotes: ["Think briefly, in a few short steps, then give the final answer."],
        isSteady: false,
      }),
    ),
    "read a stream of 35 events": time(() => {
      const splitter = new SseSplitter();
      const reader = new AnswerReader();
      for (const { data } of splitter.push(events)) if (data !== null) reader.readEvent(data);
    }),
  };
}

function time(run: () => unknown): number {
  for (let at = 0; at < WARM_RUNS; at += 1) run();
  const startedAt = process.hrtime.bigint();
  for (let at = 0; at < RUNS; at += 1) run();
  return Number(process.hrtime.bigint() - startedAt) / 1000 / RUNS;
}

// The same model as a pooling server (vLLM's `--runner pooling --convert embed`): for a chat it gives the hidden state of the
// last token, whose first numbers say in which of three ways the model would do, as far as the simulator knows the question.
import { drawNormal } from "./chance.ts";
import { isFields, parseChat } from "./chat-request.ts";
import { renderPrompt } from "./completion.ts";
import { refuse, refuseOnRequest, sendJson, type Engine, type Exchange } from "./engine.ts";
import { recogniseItem } from "./items/recognise.ts";
import { splitModel } from "./misbehaviour.ts";
import { tokenIds } from "./tokens.ts";

/** Numbers in a state: enough that three of them are few, and small in a test. */
export const poolingWidth = 64;

/** In the order of the numbers that stand for them. Below the first bound easy, above the second hard. */
const easyMax = 0.12;
const hardMin = 0.3;
/** How far the number of a class stands out of the noise of all. */
const signal = 4;
const noise = 0.4;
const slowFirstByteMs = 5_000;

/** Lies of this endpoint alone, asked for by the model's name as misbehaviours are: `sim-large!wrong-width`. */
const lies: Readonly<Record<string, (state: Float32Array) => Float32Array>> = {
  "wrong-width": (state) => state.slice(1),
  "not-a-number": (state) => state.with(5, Number.NaN),
  "no-state": () => new Float32Array(),
};

export function answerPooling(
  engine: Engine,
  asked: { readonly body: unknown; readonly misbehaveHeader: string },
): Exchange {
  const parsed = parseChat(asked.body);
  if (!parsed.ok || !isFields(asked.body))
    return refuse(400, "Give a model and messages.", "invalid_request_error", null, null);
  const { model, messages } = parsed.request;
  const text = messages.findLast(({ role }) => role === "user")?.content ?? "";
  const misbehaviours = engine.control.collect({
    model,
    header: asked.misbehaveHeader,
    lastUserText: text,
  });
  const refusal = refuseOnRequest(misbehaviours);
  if (refusal !== null) return refusal;

  const named = splitModel(model);
  let state = stateOf(engine.settings.seed, named.model, text);
  // vLLM normalises unless it is told not to.
  if (asked.body["use_activation"] !== false) state = normalise(state);
  for (const spec of named.specs) state = lies[spec]?.(state) ?? state;
  const promptTokens = tokenIds(renderPrompt(parsed.request)).length;
  const isBase64 = asked.body["encoding_format"] === "base64";
  const exchange = sendJson(200, {
    object: "list",
    model,
    data: [
      {
        object: "embedding",
        index: 0,
        embedding: isBase64 ? Buffer.from(state.buffer).toString("base64") : [...state],
      },
    ],
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens, completion_tokens: 0 },
  });
  const slow = misbehaviours.get("slow-first-byte");
  return slow === undefined
    ? exchange
    : { ...exchange, beforeHeadersMs: slow.waitMs ?? slowFirstByteMs };
}

function stateOf(seed: number, model: string, text: string): Float32Array {
  const difficulty = recogniseItem(text)?.difficulty ?? (easyMax + hardMin) / 2;
  const stands = difficulty < easyMax ? 0 : difficulty <= hardMin ? 1 : 2;
  return Float32Array.from(
    { length: poolingWidth },
    (_, index) =>
      noise * drawNormal(`${seed}|${model}|${text}|state${index}`) +
      (index === stands ? signal : 0),
  );
}

function normalise(state: Float32Array): Float32Array {
  const length = Math.sqrt(state.reduce((sum, one) => sum + one * one, 0));
  return state.map((one) => one / length);
}

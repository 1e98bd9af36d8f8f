// Which path does what. Everything but a chat completion and a hidden state is answered at once.
import { isFields, parseChat } from "./chat-request.ts";
import { renderPrompt } from "./completion.ts";
import type { EngineDialect } from "./dialects/dialect.ts";
import { ENGINE_DIALECTS } from "./dialects/table.ts";
import { answerChat, refuse, sendJson, type Engine, type Exchange } from "./engine.ts";
import { modelNames } from "./parameters.ts";
import { answerPooling } from "./pooling.ts";
import type { RecordedRequest } from "./recorder.ts";
import { contextTokensMax, tokenIds } from "./tokens.ts";

export type Incoming = {
  readonly method: string;
  /** Without query and replica prefix. */
  readonly path: string;
  readonly replica: number;
  readonly body: unknown;
  readonly misbehaveHeader: string;
};

export type Desk = {
  readonly engine: Engine;
  readonly requests: readonly RecordedRequest[];
  reset(): void;
};

/** Any date does; this one is the same for all, so that listings compare. */
const modelsCreatedSeconds = 1_760_000_000;

export function route(incoming: Incoming, desk: Desk): Exchange {
  const { engine } = desk;
  const [path, dialect] = splitEngine(incoming.path, engine.settings.engine);
  if (dialect === undefined)
    return refuse(404, "There is no such engine.", "invalid_request_error", null, "not_found");
  switch (`${incoming.method} ${path}`) {
    case "POST /v1/chat/completions":
      if (incoming.body === undefined)
        return refuse(400, "The body is not valid JSON.", "invalid_request_error", null, null);
      return answerChat(engine, dialect, incoming);
    case "POST /v1/embeddings":
      return answerPooling(engine, incoming);
    case "GET /v1/models":
      return sendJson(200, {
        object: "list",
        data: modelNames.map((id) => ({
          id,
          object: "model",
          created: modelsCreatedSeconds,
          owned_by: "simulator",
          max_model_len: contextTokensMax,
        })),
      });
    case "POST /tokenize":
      return tokenize(incoming.body);
    case "GET /health":
      return sendJson(200, { status: "ok" });
    case "POST /sim/misbehave":
      return order(engine, incoming.body);
    case "POST /sim/reset":
      desk.reset();
      return sendJson(200, { status: "reset" });
    case "GET /sim/requests":
      return sendJson(200, desk.requests);
    default:
      return refuse(
        404,
        `There is nothing at ${incoming.method} ${incoming.path}.`,
        "invalid_request_error",
        null,
        "not_found",
      );
  }
}

/** `/as/openai/v1/models` is what OpenAI would answer to `/v1/models`; without a prefix the settings say who answers. */
function splitEngine(
  path: string,
  usual: string,
): [path: string, dialect: EngineDialect | undefined] {
  const match = /^\/as\/([^/]+)(\/.*)$/.exec(path);
  return match === null
    ? [path, ENGINE_DIALECTS.get(usual)]
    : [match[2] ?? "/", ENGINE_DIALECTS.get(match[1] ?? "")];
}

/** vLLM's shape, for a plain prompt or for messages. */
function tokenize(body: unknown): Exchange {
  const given = isFields(body) ? body["prompt"] : undefined;
  let prompt = typeof given === "string" ? given : null;
  if (prompt === null) {
    const parsed = parseChat(body);
    if (!parsed.ok)
      return refuse(
        400,
        "Give a prompt, or a model and messages.",
        "invalid_request_error",
        "prompt",
        null,
      );
    prompt = renderPrompt(parsed.request);
  }
  const tokens = tokenIds(prompt);
  return sendJson(200, { count: tokens.length, max_model_len: contextTokensMax, tokens });
}

function order(engine: Engine, body: unknown): Exchange {
  const { model = "*", name, times = null } = isFields(body) ? body : {};
  const timesFit =
    times === null || (typeof times === "number" && Number.isInteger(times) && times > 0);
  if (
    typeof model !== "string" ||
    typeof name !== "string" ||
    !timesFit ||
    !engine.control.order(model, name, times)
  ) {
    return refuse(
      400,
      "Give {model, name, times}: a model or *, a known misbehaviour, and how often.",
      "invalid_request_error",
      null,
      null,
    );
  }
  return sendJson(200, { status: "ordered" });
}

// Every route, and the one place where a bug becomes an answer.
import type { Context } from "hono";
import { Hono } from "hono/tiny";
import type { Dependencies } from "./dependencies.ts";
import { chat } from "./dialect/chat.ts";
import type { Dialect } from "./dialect/dialect.ts";
import { DIALECTS } from "./dialect/table.ts";
import type { Failure } from "./failure.ts";
import { takeFeedback } from "./feedback.ts";
import { hearKvEvents } from "./kv-events.ts";
import { logError } from "./log.ts";
import { readModels } from "./models.ts";
import { previewChoice } from "./preview.ts";
import { failureResponse, serve } from "./serve.ts";
import { readUsage } from "./usage.ts";

type InContext = Context<{ Bindings: Env }>;

export function createApp(
  dependenciesOf: (env: Env, context: ExecutionContext) => Dependencies,
  admin: Pick<Hono<{ Bindings: Env }>, "fetch">,
  metrics: (request: Request, env: Env) => Promise<Response>,
) {
  const app = new Hono<{ Bindings: Env }>();
  const depsOf = (context: InContext): Dependencies =>
    dependenciesOf(context.env, context.executionCtx as ExecutionContext);

  app.get("/healthz", (context) => context.json({ ok: true }));
  // Some clients ask for the root before anything else, to see that somebody is there.
  app.get("/", (context) => context.json({ name: "sluice" }));

  // The control plane has its own authentication and its own errors.
  app.get("/metrics", ({ req, env }) => metrics(req.raw, env));
  app.all("/admin/v1/*", ({ req, env, executionCtx }) => admin.fetch(req.raw, env, executionCtx));

  const models = async (context: InContext, id: string | null): Promise<Response> => {
    const deps = depsOf(context);
    const read = await readModels(context.req.raw, id, deps);
    return read.kind === "found" ? context.json(read.body) : fail(read, chat, deps.newId());
  };
  app.get("/v1/models", (context) => models(context, null));
  // A model's id may hold slashes.
  app.get("/v1/models/:id{.+}", (context) => models(context, context.req.param("id")));

  app.post("/v1/choose", async (context) => {
    const deps = depsOf(context);
    const previewed = await previewChoice(context.req.raw, deps);
    if (previewed.kind !== "chosen") return fail(previewed, chat, deps.newId());
    return context.body(previewed.body, 200, { "content-type": "application/json" });
  });
  app.post("/v1/feedback", async (context) => {
    const deps = depsOf(context);
    const taken = await takeFeedback(context.req.raw, deps);
    return taken.kind === "kept" ? context.json(taken.body) : fail(taken, chat, deps.newId());
  });
  app.get("/v1/usage", async (context) => {
    const deps = depsOf(context);
    const read = await readUsage(context.req.raw, deps);
    return read.kind === "read" ? context.json(read.body) : fail(read, chat, deps.newId());
  });

  // Relays beside engines have a token of their own.
  app.post("/internal/v1/kv-events", async (context) => {
    const deps = depsOf(context);
    const heard = await hearKvEvents(context.req.raw, deps);
    return heard.kind === "heard" ? context.json(heard.body) : fail(heard, chat, deps.newId());
  });

  for (const dialect of DIALECTS) {
    app.post(dialect.path, (context) => serve(context.req.raw, dialect, depsOf(context)));
  }

  const allowed = new Map<string, string>([
    ["/healthz", "GET"],
    ["/", "GET"],
    ["/metrics", "GET"],
    ["/v1/models", "GET"],
    ["/v1/choose", "POST"],
    ["/v1/feedback", "POST"],
    ["/v1/usage", "GET"],
    ["/internal/v1/kv-events", "POST"],
    ...DIALECTS.map(({ path }): [string, string] => [path, "POST"]),
  ]);
  app.notFound((context) => {
    const { method, path } = context.req;
    const methods = allowed.get(path);
    const failure: Failure =
      methods === undefined
        ? { kind: "route-unknown", method, path }
        : { kind: "method-not-allowed", method, path, allowed: methods };
    return fail(failure, dialectOf(path), crypto.randomUUID());
  });
  app.onError((error, context) => {
    const requestId = crypto.randomUUID();
    logError("internal-error", {
      requestId,
      problem: error.message,
      stack: error.stack,
    });
    return fail({ kind: "internal" }, dialectOf(context.req.path), requestId);
  });
  return app;
}

/** A failure has the shape of the API that was called; where none was, OpenAI's, which most clients read. */
function dialectOf(path: string): Dialect {
  return DIALECTS.find((dialect) => path.startsWith(dialect.path)) ?? chat;
}

function fail(failure: Failure, dialect: Dialect, requestId: string): Response {
  return failureResponse(failure, dialect, { "x-request-id": requestId });
}

// The control plane: every route of the table behind the one secret. Whoever is not let in learns nothing but that.
import type { Context } from "hono";
import { Hono } from "hono/tiny";
import { logError, logEvent } from "../log.ts";
import { login, mayWrite, whyOff } from "./login.ts";
import { readCall } from "./read-call.ts";
import { refuse, type Refusal } from "./refusal.ts";
import { ObjectUnreachable, type AdminDependencies, type Answered, type Route } from "./route.ts";
import { BASE_PATH, ROUTES } from "./table.ts";

type AdminContext = Context<{ Bindings: Env }>;

export function createAdmin(dependenciesOf: (env: Env) => AdminDependencies) {
  const app = new Hono<{ Bindings: Env }>().basePath(BASE_PATH);
  /** Said once in each isolate: an operator who looks for the reason finds it, and a flood does not bury it. */
  let isOffTold = false;

  const enter = async (request: Request, deps: AdminDependencies): Promise<Refusal | null> => {
    const problem = whyOff(deps);
    if (problem === null) return login(request, deps);
    if (!isOffTold) logError("admin-off", { problem });
    isOffTold = true;
    return { kind: "off", problem };
  };

  for (const route of ROUTES) {
    app.on(route.method, pathOf(route), async (context) => {
      const requestId = crypto.randomUUID();
      const request = context.req.raw;
      const deps = dependenciesOf(context.env);
      const outcome =
        (route.isPublic === true ? null : await enter(request, deps)) ??
        (route.method === "GET" ? null : await mayWrite(deps)) ??
        (await run(route, context, deps));
      report(route, request, outcome, requestId);
      return outcome.kind === "answered"
        ? respond(route, outcome, requestId)
        : refuse(outcome, requestId);
    });
  }

  const shut = async (context: AdminContext, otherwise: Refusal): Promise<Response> => {
    const refusal = await enter(context.req.raw, dependenciesOf(context.env));
    return refuse(refusal ?? otherwise, crypto.randomUUID());
  };
  for (const path of new Set(ROUTES.map(pathOf))) {
    const allowed = ROUTES.filter((route) => pathOf(route) === path).map(({ method }) => method);
    app.all(path, (context) =>
      shut(context, {
        kind: "method-not-allowed",
        method: context.req.method,
        path: context.req.path,
        allowed: allowed.join(", "),
      }),
    );
  }
  app.notFound((context) =>
    shut(context, {
      kind: "route-unknown",
      method: context.req.method,
      path: context.req.path,
    }),
  );
  app.onError((error, _context) => {
    const requestId = crypto.randomUUID();
    const { message: problem, stack } = error;
    logError("internal-error", { requestId, problem, stack });
    return refuse({ kind: "internal" }, requestId);
  });
  return app;
}

async function run(
  route: Route,
  context: AdminContext,
  deps: AdminDependencies,
): Promise<Answered | Refusal> {
  const call = await readCall(context.req.raw, route, context.req.param(), deps);
  if (call.kind !== "read") return call;
  try {
    return await route.run(call.value);
  } catch (error) {
    if (!(error instanceof ObjectUnreachable)) throw error;
    const { what, message: problem } = error;
    logError("object-unreachable", { what, problem });
    return { kind: "unreachable", what };
  }
}

function respond(
  { contentType = "application/json" }: Route,
  { status, body, version }: Answered,
  requestId: string,
): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), {
    status,
    headers: {
      "content-type": contentType,
      // An answer may hold a secret, and an older one may mislead.
      "cache-control": "no-store",
      "x-request-id": requestId,
      ...(version === undefined ? {} : { etag: `"${version}"` }),
    },
  });
}

/** A line for every write and every refused login; what was written stands in the audit and not in a log. */
function report(
  { method, name, isPublic }: Route,
  request: Request,
  outcome: Answered | Refusal,
  requestId: string,
): void {
  const isLoginRefused = outcome.kind === "secret-missing" || outcome.kind === "secret-wrong";
  if (isPublic === true || (method === "GET" && !isLoginRefused)) return;
  const address = request.headers.get("cf-connecting-ip");
  const event = isLoginRefused ? "admin-login-refused" : "admin-write";
  logEvent(event, { requestId, route: name, outcome: outcome.kind, address });
}

function pathOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

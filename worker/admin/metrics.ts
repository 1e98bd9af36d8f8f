// `GET /metrics`: the isolate's counts for Prometheus, behind the operator's secret, since they tell of every tenant's
// traffic. Off where the admin API is off.
import { login, whyOff, type LoginSurroundings } from "./login.ts";
import { refuse } from "./refusal.ts";

export async function readMetrics(
  request: Request,
  surroundings: LoginSurroundings,
  text: () => string,
): Promise<Response> {
  const problem = whyOff(surroundings);
  const refusal =
    problem === null ? await login(request, surroundings) : ({ kind: "off", problem } as const);
  if (refusal !== null) return refuse(refusal, crypto.randomUUID());
  return new Response(text(), {
    headers: {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
      "cache-control": "no-store",
    },
  });
}

// `POST /v1/choose`: what would be chosen for a request, and why. The same plan as a real request's, and no call:
// nothing is held, nothing is sent, nothing is remembered.
import type { Dependencies } from "./dependencies.ts";
import { chat } from "./dialect/chat.ts";
import { explanation } from "./explain.ts";
import type { Failure } from "./failure.ts";
import { plan } from "./plan.ts";
import { Patience } from "./stream/patience.ts";

export async function previewChoice(
  request: Request,
  deps: Dependencies,
): Promise<{ readonly kind: "chosen"; readonly body: string } | Failure> {
  const patience = new Patience();
  // A preview shows the choice that is not explored, whatever chance would have a real request do.
  const settled = { ...deps, chance: () => 1 };
  const planned = await plan(request, chat, deps.newId(), settled, patience, true);
  patience.close();
  if (planned.kind === "refused") return planned.failure;
  return { kind: "chosen", body: explanation(planned.explained, []) };
}

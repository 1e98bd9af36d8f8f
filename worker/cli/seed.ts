// Gives a gateway its first configuration through the admin API. A gateway that has one already keeps it: the import is
// bound to the revision 0, so that two who seed at once cannot both win, and an operator's later changes stay.
import * as z from "zod/mini";

export type Seeded =
  | { readonly kind: "seeded" }
  /** It was configured before. */
  | { readonly kind: "kept" }
  /** `status` null: nobody answered. */
  | { readonly kind: "refused"; readonly status: number | null; readonly problem: string };

/** The registry's own work takes milliseconds; a far network and a cold start take the rest. */
const ANSWER_MS_MAX = 30_000;
const CONFLICT = 409;
const refusal = z.object({ error: z.object({ message: z.string() }) });

export async function seedGateway(
  url: string,
  adminSecret: string,
  documentText: string,
): Promise<Seeded> {
  try {
    const response = await fetch(`${url}/admin/v1/import`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${adminSecret}`,
        "content-type": "application/json",
        "if-match": '"0"',
        "x-sluice-actor": "seed",
      },
      body: documentText,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const text = await response.text();
    if (response.ok) return { kind: "seeded" };
    if (response.status === CONFLICT) return { kind: "kept" };
    return { kind: "refused", status: response.status, problem: readProblem(text) };
  } catch (error) {
    return { kind: "refused", status: null, problem: (error as Error).message };
  }
}

function readProblem(text: string): string {
  try {
    return z.parse(refusal, JSON.parse(text)).error.message;
  } catch {
    // Somebody between here and the gateway answered.
    return text.slice(0, 200);
  }
}

// The shape of what a tenant's clients said of an answer.
import * as z from "zod/mini";
import { requestId } from "./bodies.ts";
import { instant } from "./ledger-shapes.ts";

export const opinion = z.strictObject({
  object: z.literal("feedback"),
  request_id: requestId,
  /** The key that said it, by the id that names it in logs. */
  key_id: z.string(),
  /** 0 is useless, 1 is as good as could be. */
  score: z.number(),
  comment: z.nullable(z.string()),
  /** When the last one of this request came: a later one takes the place of the one before. */
  at: instant,
});

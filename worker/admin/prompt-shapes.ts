// The shape of what is said of a tenant's prompts.
import * as z from "zod/mini";
import { PART_KINDS } from "../../policies/prefix/part-kind.ts";
import { instant } from "./ledger-shapes.ts";

const count = z.int().check(z.gte(0));

export const prompts = z.strictObject({
  object: z.literal("prompts"),
  tenant: z.string(),
  at: instant,
  /** Isolates that told something since then, each of the prompts that it has met in its life. */
  since: instant,
  /** Of all prompts of 1,024 UTF-16 units and more; the counts below are of these. */
  looked_at_share: z.number(),
  data: z.array(
    z.strictObject({
      model: z.string(),
      /** Prompts that share most of their text with another one of these, and part from it too early for any cache. */
      prompts: count,
      /** Of their text, the mean part that an earlier one had as well. */
      shared_share: z.number(),
      /** The first place where two of them part, in UTF-16 units of the tools' and messages' JSON. */
      parts_at_units: count,
      part_kind: z.enum(PART_KINDS),
      advice: z.string(),
    }),
  ),
});

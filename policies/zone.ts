// The calendar that windows turn by, as operators name it.
import * as z from "zod/mini";
import { isZone } from "./ledger/window.ts";
import type { Fault } from "./parse.ts";

/** The longest name in the IANA database has 30 characters. */
export const zone = z._default(z.string().check(z.minLength(1), z.maxLength(64)), "UTC");

export function zoneFaults(name: string): Fault[] {
  const problem = `"${name}" is no time zone that is known here; give an IANA name, as in "Europe/Berlin", or "UTC"`;
  return isZone(name) ? [] : [{ path: "zone", problem }];
}

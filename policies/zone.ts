// The calendar that windows turn by, as operators name it.
import * as z from "zod/mini";
import { text } from "./fields.ts";
import { isZone } from "./ledger/window.ts";
import { faultAt, type Fault } from "./parse.ts";

/** The longest name in the IANA database has 30 characters. */
export const zone = z._default(text(64), "UTC");

export function zoneFaults(name: string): Fault[] {
  const problem = `"${name}" is no time zone that is known here; give an IANA name, as in "Europe/Berlin", or "UTC"`;
  return isZone(name) ? [] : [faultAt("zone", problem)];
}

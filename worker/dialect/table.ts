// The client APIs that Sluice speaks. The app makes a route of each.
import { chat } from "./chat.ts";
import type { Dialect } from "./dialect.ts";

export const DIALECTS: readonly Dialect[] = [chat];

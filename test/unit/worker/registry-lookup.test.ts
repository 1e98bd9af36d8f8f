// How often an isolate asks the registry, and that what one request asks for, others of the isolate wait for.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { FoundDocument } from "../../../policies/administration.ts";
import {
  LOOKUPS_PER_SECOND_MAX,
  newLookupState,
  registryLookup,
  type LookupState,
  type RegistryLookup,
} from "../../../worker/registry-lookup.ts";

type Find = (name: string) => Promise<FoundDocument | null>;

let state: LookupState;
beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2030-05-15T12:00:00Z") });
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  state = newLookupState();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function open(find: Find): RegistryLookup {
  return registryLookup(find, state, () => Date.now());
}

const answering = (document: unknown) =>
  vi.fn<Find>(async () => ({ version: 1, documentText: JSON.stringify(document) }));
const absent = () => vi.fn<Find>(async () => null);

it("tells what was found from what is absent, by the name that KV has for it", async () => {
  const find = answering({ id: "acme" });
  expect(await open(find)("tenant:acme", true, true)).toEqual({
    kind: "found",
    document: { id: "acme" },
  });
  expect(find).toHaveBeenCalledWith("tenant:acme", true);
  expect(await open(absent())("catalog", true, true)).toEqual({ kind: "absent" });
});

it.each<[string, Find]>([
  ["rejects", () => Promise.reject(new Error("away"))],
  ["answers what is not JSON", async () => ({ version: 1, documentText: "{" })],
  ["says nothing for two seconds", () => new Promise(() => undefined)],
])("knows nothing of a document when the registry %s, and may ask again", async (_, find) => {
  const lookUp = open(find);
  const first = lookUp("catalog", true, true);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await first).toEqual({ kind: "unasked" });
  expect(state.asking.size).toBe(0);
});

it("counts keys and other documents apart, each ten a second", async () => {
  const find = absent();
  const lookUp = open(find);
  const kindsOf = async (prefix: string) => {
    const kinds: string[] = [];
    for (let number = 0; number < LOOKUPS_PER_SECOND_MAX + 5; number += 1)
      kinds.push((await lookUp(`${prefix}:${number}`, true, true)).kind);
    return kinds;
  };
  const bounded = [
    ...Array<string>(LOOKUPS_PER_SECOND_MAX).fill("absent"),
    ...Array<string>(5).fill("unasked"),
  ];
  expect(await kindsOf("key")).toEqual(bounded);
  expect(await kindsOf("tenant")).toEqual(bounded);
  expect(await lookUp("policy:plain", true, true)).toEqual({ kind: "unasked" });
  vi.advanceTimersByTime(1_000);
  expect(await lookUp("policy:plain", true, true)).toEqual({ kind: "absent" });
  expect(await lookUp("key:0", true, true)).toEqual({ kind: "absent" });
  expect(find).toHaveBeenCalledTimes(2 * LOOKUPS_PER_SECOND_MAX + 2);
});

it("asks once for what several requests want, and they wait until it is answered", async () => {
  let answer: (found: FoundDocument | null) => void = () => undefined;
  const find = vi.fn<Find>(() => new Promise((resolve) => (answer = resolve)));
  const lookUp = open(find);
  const first = lookUp("catalog", true, true);
  const told: string[] = [];
  const others = [1, 2, 3].map(async () => told.push((await lookUp("catalog", true, true)).kind));
  await vi.advanceTimersByTimeAsync(500);
  expect(told).toEqual([]);
  answer({ version: 1, documentText: "{}" });
  expect(await first).toMatchObject({ kind: "found" });
  await vi.advanceTimersByTimeAsync(20);
  await Promise.all(others);
  expect(told).toEqual(["elsewhere", "elsewhere", "elsewhere"]);
  expect(find).toHaveBeenCalledTimes(1);
});

it("keeps nobody waiting who has a good copy", async () => {
  const lookUp = open(() => new Promise(() => undefined));
  void lookUp("catalog", true, true);
  expect(await lookUp("catalog", false, true)).toEqual({ kind: "elsewhere" });
});

it("waits two seconds for a request that was cut while it asked, then asks by itself", async () => {
  const find = absent();
  const lookUp = open(find);
  // As it is left by a request that never came to its end.
  state.asking.set("catalog", Date.now() + 2_000);
  const waiting = lookUp("catalog", true, true);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await waiting).toEqual({ kind: "elsewhere" });
  expect(find).not.toHaveBeenCalled();
  expect(await lookUp("catalog", true, true)).toEqual({ kind: "absent" });
});

it("forgets requests that were cut, however many they are", async () => {
  const lookUp = open(absent());
  for (let number = 0; number < 500; number += 1)
    state.asking.set(`key:${number}`, Date.now() + 2_000);
  vi.advanceTimersByTime(3_000);
  await lookUp("key:new", true, true);
  expect(state.asking.size).toBe(0);
});

// Asks several objects the same, a few at a time, so that one that does not answer keeps nobody from hearing the others.

/** A Worker has six connections; objects that are asked beyond that would only wait inside it. */
const ASKED_AT_ONCE = 6;

export type Heard<T> =
  | { readonly kind: "answered"; readonly name: string; readonly answer: T }
  | { readonly kind: "failed"; readonly name: string; readonly error: unknown };

/** In the order of the names. `ask` has to bound its own wait. */
export async function askEach<T>(
  names: readonly string[],
  ask: (name: string) => Promise<T>,
): Promise<Heard<T>[]> {
  const heard = new Map<string, Heard<T>>();
  const waiting = names.values();
  const askOn = async (): Promise<void> => {
    for (const name of waiting) {
      try {
        heard.set(name, { kind: "answered", name, answer: await ask(name) });
      } catch (error) {
        heard.set(name, { kind: "failed", name, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, names.length) }, askOn));
  return [...heard.values()].toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}

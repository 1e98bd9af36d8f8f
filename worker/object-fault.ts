// Tells what an object's own code threw from a way to it that is broken: the one is a bug, the other passes.

/** The platform marks what the object's own code threw, and apart from it an object that is overloaded or was reset. */
export function isBugInside(error: unknown): boolean {
  const { remote, overloaded, retryable, durableObjectReset } = Object(error) as {
    readonly [K in "remote" | "overloaded" | "retryable" | "durableObjectReset"]?: boolean;
  };
  return (
    remote === true && overloaded !== true && retryable !== true && durableObjectReset !== true
  );
}

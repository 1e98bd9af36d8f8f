// The lock file holds for every platform: npm drops a native package that its registry lacks without a word,
// and only `npm ci` on that platform would find out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
}

const repository = join(import.meta.dirname, "..", "..", "..");
const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8")) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

it("locks what each package needs on any platform", () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {})
      .filter((name) => !isLocked(path, name))
      .map((name) => `${path} needs ${name}`),
  );
  expect(missing).toEqual([]);
});

it("names no registry, so that any may serve it", () => {
  const hosts = Object.entries(packages).filter(([, { resolved }]) => resolved?.startsWith("http"));
  expect(hosts.map(([path]) => path)).toEqual([]);
});

it("locks exact versions of what we asked for", () => {
  const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const asked = { ...manifest.dependencies, ...manifest.devDependencies };
  expect(Object.entries(asked).filter(([, version]) => !/^\d/.test(version))).toEqual([]);
});

/** As Node looks for it: beside the package's own dependencies, then in every folder above. */
function isLocked(path: string, name: string): boolean {
  const folders = [path];
  for (let at = path; at.includes("/node_modules/");) {
    at = at.slice(0, at.lastIndexOf("/node_modules/"));
    folders.push(at);
  }
  return (
    folders.some((folder) => packages[`${folder}/node_modules/${name}`] !== undefined) ||
    packages[`node_modules/${name}`] !== undefined
  );
}

// Where a secret is kept, nobody else on the machine may read it.
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEMO_KEY, keepSecret } from "../../../../worker/cli/kept-secret.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "sluice-kept-"));
});
afterEach(() => rm(parent, { recursive: true }));

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe("a kept secret", () => {
  it("is made once, in a folder that is open to nobody else", async () => {
    const folder = join(parent, "state");
    const secret = await keepSecret(folder, DEMO_KEY);
    expect(secret).toMatch(/^sk-sluice-[\w-]{32}$/);
    expect(await keepSecret(folder, DEMO_KEY)).toBe(secret);
    expect(await modeOf(folder)).toBe("700");
    expect(await modeOf(join(folder, "demo-key"))).toBe("600");
  });

  it("closes a folder and a file that were open before", async () => {
    const folder = join(parent, "state");
    await mkdir(folder);
    await chmod(folder, 0o777);
    const secret = await keepSecret(folder, DEMO_KEY);
    expect(await modeOf(folder)).toBe("700");
    await chmod(join(folder, "demo-key"), 0o644);
    expect(await keepSecret(folder, DEMO_KEY)).toBe(secret);
    expect(await modeOf(join(folder, "demo-key"))).toBe("600");
    expect(await readFile(join(folder, "demo-key"), "utf8")).toBe(`${secret}\n`);
  });

  it("is not kept where the folder cannot be closed", async () => {
    const folder = join(parent, "state");
    await symlink(join(parent, "gone"), folder);
    await expect(keepSecret(folder, DEMO_KEY)).rejects.toThrow();
    await writeFile(join(parent, "file"), "");
    await expect(keepSecret(join(parent, "file"), DEMO_KEY)).rejects.toThrow();
  });
});

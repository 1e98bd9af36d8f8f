// Portkey's gateway, from a folder where npm put it; it is never installed into this repository. It runs on Node as it
// ships, and on the runtime that the others run on: its one script is the Worker's application with a server behind it.
import { spawn } from "node:child_process";
import { access, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { end, until } from "./processes.ts";
import { bundleWorker, HOST, startWorker, type Started } from "./start-targets.ts";

const SCRIPT = "node_modules/@portkey-ai/gateway/build/start-server.js";
/** Only its server on Node needs them, and they do not start in a Worker. */
const NODE_PACKAGES = ["@hono/node-server", "@hono/node-ws", "ws"];
const PORT_MIN = 20_000;

function headersTo(baseUrl: string): Readonly<Record<string, string>> {
  return {
    authorization: "Bearer any",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": baseUrl,
  };
}

export async function startPortkeyOnNode(folder: string, baseUrl: string): Promise<Started> {
  const script = join(folder, SCRIPT);
  await access(script);
  const port = PORT_MIN + Math.floor(Math.random() * PORT_MIN);
  // It listens everywhere unless it is told where; a bench must not open a port to the network.
  const preload = `data:text/javascript,import net from "node:net";const l=net.Server.prototype.listen;net.Server.prototype.listen=function(p,...r){return typeof p==="number"?l.call(this,p,"${HOST}",...r.filter((x)=>typeof x==="function")):l.call(this,{...p,host:"${HOST}"},...r)}`;
  const child = spawn(
    process.execPath,
    ["--import", preload, script, `--port=${port}`, "--headless"],
    {
      cwd: folder,
      env: { ...process.env, NODE_ENV: "production", TRUSTED_CUSTOM_HOSTS: HOST },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  if (child.pid === undefined) throw new Error("Portkey did not start.");
  try {
    await until(async () => (await fetch(`http://${HOST}:${port}/`)).status < 500);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    name: "portkey (Node)",
    url: `http://${HOST}:${port}/v1/chat/completions`,
    headers: headersTo(baseUrl),
    model: "bench",
    pid: child.pid,
    close: () => end(child, "SIGKILL"),
  };
}

export async function startPortkeyOnWorkerd(
  folder: string,
  baseUrl: string,
  workFolder: string,
): Promise<Started> {
  const source = join(workFolder, "portkey");
  await mkdir(source, { recursive: true });
  await symlink(join(folder, "node_modules"), join(source, "node_modules"));
  const script = join(source, "portkey.js");
  await writeFile(script, workerOf(await readFile(join(folder, SCRIPT), "utf8")));
  const config = join(source, "wrangler.toml");
  await writeFile(
    config,
    'name = "portkey"\ncompatibility_date = "2026-10-20"\ncompatibility_flags = ["nodejs_compat"]\n',
  );
  const bundle = join(source, "bundle");
  await bundleWorker(script, config, bundle, ["--minify"]);
  const worker = await startWorker(
    "portkey (workerd)",
    bundle,
    { TRUSTED_CUSTOM_HOSTS: HOST, ENVIRONMENT: "production" },
    { flags: ["nodejs_compat"] },
  );
  return { ...worker, headers: headersTo(baseUrl), model: "bench" };
}

/** Its application without the server: what stands before its command line is read, exported as a Worker is. */
function workerOf(script: string): string {
  const app = /\{fetch:(\w+)\.fetch,port:/.exec(script)?.[1];
  const server = script.search(/const \w+=process\.argv\.slice\(2\)/);
  if (app === undefined || server < 0)
    throw new Error("its script is not that of 1.15.2, whose application is known to be cut out");
  let source = script.slice(0, server).replace(/^#!.*\n/, "");
  for (const name of NODE_PACKAGES)
    source = source.replace(new RegExp(`import[^;"]*from"${name}";`), "");
  return `${source};export default ${app};\n`;
}

// `npm run deploy`: creates what is missing at Cloudflare, deploys, seeds and asks whether it works. With --dry-run it
// needs no account and touches nothing.
import { runDeployCommand } from "./deploy/command.ts";
import { SMOKE_WAIT_MS } from "./deploy/smoke.ts";
import { openWrangler } from "./deploy/wrangler.ts";

process.exitCode = await runDeployCommand({
  words: process.argv.slice(2),
  environment: process.env,
  wrangler: openWrangler({ environment: process.env }),
  waitMs: SMOKE_WAIT_MS,
  log: (line) => console.log(line),
  complain: (line) => console.error(line),
});

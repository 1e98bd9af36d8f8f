// How the tests run: pure code in Node, objects inside workerd, and the built Worker over real HTTP.
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Neither a test nor the build that the journeys start from may ask the network for anything.
process.env["WRANGLER_SEND_METRICS"] = "false";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";

/** A journey starts workerd, and two cores are shared with it. */
const JOURNEY_TIMEOUT_MS = 30_000;

export default defineConfig({
  test: {
    root: join(import.meta.dirname, ".."),
    maxWorkers: 4,
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["test/unit/**/*.test.ts"],
          // Pure code keeps nothing from file to file; modules loaded anew for each cost a third of the time.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            // Without this the plugin looks for an account as soon as a binding has no local form.
            remoteBindings: false,
            wrangler: { configPath: "./wrangler.toml" },
          }),
        ],
        test: {
          name: "runtime",
          include: ["test/runtime/**/*.test.ts"],
          // Its files are modules in a package that says they are not; only inlined do they load.
          server: { deps: { inline: ["itty-durable"] } },
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "journey",
          environment: "node",
          include: ["test/journey/**/*.test.ts"],
          // Each file starts and ends gateways of its own; clients and tools need no second loading.
          isolate: false,
          globalSetup: ["test/journey/build.ts"],
          testTimeout: JOURNEY_TIMEOUT_MS,
          hookTimeout: JOURNEY_TIMEOUT_MS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});

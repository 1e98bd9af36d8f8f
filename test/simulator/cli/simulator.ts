// Runs the simulator alone: `node test/simulator/cli/simulator.ts --port 4242`. Prints its URL
// and ends cleanly on SIGINT and SIGTERM.
import { parseArgs } from "node:util";
import { defaultSettings, noLatency, type SimulatorSettings } from "../settings.ts";
import { startSimulator } from "../simulator.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    seed: { type: "string" },
    replicas: { type: "string" },
    engine: { type: "string" },
    "chunk-tokens": { type: "string" },
    "no-latency": { type: "boolean", default: false },
  },
});

const settings: SimulatorSettings = {
  ...defaultSettings,
  ...(values["no-latency"] ? noLatency : {}),
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.engine === undefined ? {} : { engine: values.engine }),
  ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  ...(values.replicas === undefined ? {} : { replicas: Number(values.replicas) }),
  ...(values["chunk-tokens"] === undefined ? {} : { chunkTokens: Number(values["chunk-tokens"]) }),
};

const simulator = await startSimulator(settings);
console.log(simulator.url);

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void simulator.close());

// `npm start`: the built Worker on this machine, in front of the simulator or of one engine, until a signal.
import { serveLocally } from "./serve-locally.ts";

// Exits by itself: an open connection must not hold the process once everything is closed.
process.exit(await serveLocally({ rebuild: false }));

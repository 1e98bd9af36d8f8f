// `npm run dev`: what `npm start` does, built again whenever a source or a seed changes.
import { serveLocally } from "./serve-locally.ts";

process.exit(await serveLocally({ rebuild: true }));

// `npm run backup -- FILE`: the state folder as one file, also while the gateway runs on it.
import { makeBackup } from "./self-host/archive.ts";
import { StartFailure } from "./failure.ts";
import { findStateFolder } from "./self-host/settings.ts";
import { readVariables } from "./settings.ts";
import { devNull } from "node:os";

const [file, ...more] = process.argv.slice(2);
try {
  if (file === undefined || more.length > 0)
    throw new StartFailure("npm run backup -- FILE; SLUICE_STATE names the state folder.");
  const stateFolder = findStateFolder(await readVariables(devNull, process.env));
  const count = await makeBackup(stateFolder, file);
  console.log(`${file} holds ${count} files of ${stateFolder}.`);
} catch (error) {
  if (!(error instanceof StartFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

// `npm run restore -- FILE`: a state folder as it was when the backup was made. The gateway must not run on it; what stood
// there is put aside, not thrown away.
import { devNull } from "node:os";
import { StartFailure } from "./failure.ts";
import { restoreBackup } from "./self-host/archive.ts";
import { findStateFolder } from "./self-host/settings.ts";
import { lockState } from "./self-host/state-lock.ts";
import { readVariables } from "./settings.ts";

const [file, ...more] = process.argv.slice(2);
try {
  if (file === undefined || more.length > 0)
    throw new StartFailure("npm run restore -- FILE; SLUICE_STATE names the state folder.");
  const stateFolder = findStateFolder(await readVariables(devNull, process.env));
  const unlock = lockState(stateFolder);
  try {
    const { madeAt, files, asideFolder } = await restoreBackup(stateFolder, file, new Date());
    console.log(`${stateFolder} is as it was at ${madeAt}: ${files} files.`);
    if (asideFolder !== null) console.log(`What stood there is in ${asideFolder}.`);
  } finally {
    unlock();
  }
} catch (error) {
  if (!(error instanceof StartFailure)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

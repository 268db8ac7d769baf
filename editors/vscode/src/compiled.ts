/** Loads the language client in the form that V8 has compiled it to before: compiling is most of what loading takes. */
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { Script } from "node:vm";

type Client = typeof import("./client");
type Wrapped = (exports: object, require: NodeJS.Require, module: { exports: object }) => void;

const CLIENT = path.join(__dirname, "client.js");

export interface Loaded extends Client {
  /** Keep what V8 has compiled by now, if that is new. */
  keep(): Promise<void>;
}

/** The client; `folder` is ours alone, and holds nothing that cannot be made again. */
export async function loadClient(folder: string): Promise<Loaded> {
  const [source, { mtimeMs, size }] = await Promise.all([readFile(CLIENT, "utf8"), stat(CLIENT)]);
  // V8 itself checks its version, its flags and the length of the source, but not what is written there.
  const compiled = path.join(folder, `${process.version}-${mtimeMs}-${size}.v8`);
  const cachedData = await readFile(compiled).catch(() => undefined);
  const script = new Script(`(function (exports, require, module) {${source}\n})`, { filename: CLIENT, cachedData });
  const module = { exports: {} };
  (script.runInThisContext() as Wrapped)(module.exports, require, module);
  const isNew = cachedData === undefined || script.cachedDataRejected === true;
  const keep = async (): Promise<void> => {
    if (isNew) {
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      const part = `${compiled}.${process.pid}`; // another window may read meanwhile
      await writeFile(part, script.createCachedData());
      await rename(part, compiled);
    }
  };
  return { ...(module.exports as Client), keep };
}

/** Which `devstral-ls` to run, and how to install one of our own. */
import { execFile } from "node:child_process";
import { access, constants, mkdir, readdir, rm } from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { pythonPath, serverPath } from "./settings";

const run = promisify(execFile);
const IS_WINDOWS = process.platform === "win32";
const PROGRAM = IS_WINDOWS ? "devstral-ls.exe" : "devstral-ls";
const PYTHONS = IS_WINDOWS ? ["py", "python"] : ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];
const IS_NEW_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 11))";
const INSTALL_DEADLINE_MS = 15 * 60_000;

/** Why no server can be run or installed, in words for the user. */
export class ProgramError extends Error {}

/** The program that the settings, the PATH or our own environment offer, in this order. */
export async function findProgram(context: vscode.ExtensionContext): Promise<string | undefined> {
  const chosen = serverPath();
  if (chosen !== "") {
    if (await isExecutable(chosen)) {
      return chosen;
    }
    throw new ProgramError(`The setting devstral.server.path names ${chosen}, which is not a program`);
  }
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const folder of [...folders, path.dirname(ownProgram(context))]) {
    const candidate = path.join(folder, PROGRAM);
    if (await isExecutable(candidate)) {
      return candidate;
    }
  }
  return undefined;
}

/** Make an environment of our own and install the server that came with this extension into it. */
export async function installProgram(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
  cancel: vscode.CancellationToken,
  tell: (step: string) => void,
): Promise<string> {
  const abort = new AbortController();
  cancel.onCancellationRequested(() => abort.abort());
  const step = async (program: string, ...argv: string[]): Promise<void> => {
    log.info(`run ${program} ${argv.join(" ")}`);
    const { stdout, stderr } = await run(program, argv, { signal: abort.signal, timeout: INSTALL_DEADLINE_MS });
    log.debug(stdout + stderr);
  };
  const environment = environmentFolder(context);
  const wheel = await packedWheel(context);
  try {
    tell("looking for Python 3.11 or newer");
    const python = await findPython();
    tell("making an environment");
    await mkdir(path.dirname(environment), { recursive: true });
    await rm(environment, { recursive: true, force: true });
    await step(python, "-m", "venv", environment);
    tell("installing the server and its model");
    const pip = [path.join(path.dirname(ownProgram(context)), IS_WINDOWS ? "python.exe" : "python"), "-m", "pip"] as const;
    await step(pip[0], ...pip.slice(1), "install", "--quiet", "--disable-pip-version-check", `${wheel}[cpu]`);
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    throw error instanceof ProgramError ? error : new ProgramError(lastLine(error));
  }
  return ownProgram(context);
}

function environmentFolder(context: vscode.ExtensionContext): string {
  return path.join(context.globalStorageUri.fsPath, "environment");
}

function ownProgram(context: vscode.ExtensionContext): string {
  return path.join(environmentFolder(context), IS_WINDOWS ? "Scripts" : "bin", PROGRAM);
}

async function packedWheel(context: vscode.ExtensionContext): Promise<string> {
  const folder = path.join(context.extensionPath, "server");
  const names = await readdir(folder).catch(() => []);
  const wheel = names.find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    throw new ProgramError("This build of the extension carries no server; name one in devstral.server.path");
  }
  return path.join(folder, wheel);
}

async function findPython(): Promise<string> {
  const chosen = pythonPath();
  for (const python of chosen === "" ? PYTHONS : [chosen]) {
    const isGood = await run(python, ["-c", IS_NEW_ENOUGH]).then(
      () => true,
      () => false,
    );
    if (isGood) {
      return python;
    }
  }
  const looked = chosen === "" ? PYTHONS.join(", ") : chosen;
  throw new ProgramError(`No Python 3.11 or newer (looked at ${looked}); install one or set devstral.server.python`);
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What a program said last, or why it did not run. */
export function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr ?? "").trim().split("\n");
  return lines.at(-1) || (message ?? String(error));
}

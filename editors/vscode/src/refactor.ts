/** One change across several files, asked for in words; what comes back is looked at as a diff before it is applied. */
import { execFile } from "node:child_process";
import * as vscode from "vscode";
import { lastLine } from "./program";
import { model } from "./settings";

const TITLE = "devstral-ls: change several files as asked";
const APPLY = "Apply to all files";
/** Texts that lie nowhere but in a diff. */
const SCHEME = "devstral-refactor";
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

interface FileChoice extends vscode.QuickPickItem {
  readonly file: string;
}

interface Changed {
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

interface Answer {
  readonly files: readonly Changed[];
  readonly checked_by: readonly string[];
  readonly objection: string;
}

export async function refactor(program: string, log: vscode.LogOutputChannel): Promise<void> {
  const words = await vscode.window.showInputBox({
    title: TITLE,
    prompt: "What to change",
    placeHolder: "rename area to surface, and its callers",
  });
  if (words === undefined || words.trim() === "") {
    return;
  }
  const files = await chosenFiles();
  const where = files.length === 0 ? undefined : await chosenModel();
  if (where === undefined) {
    return;
  }
  await vscode.workspace.saveAll(false);
  const argv = ["refactor", "--json", ...where, "--", words, ...files];
  log.info(`run ${program} refactor ${where.join(" ")} on ${files.length} files`);
  try {
    const answer = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: TITLE, cancellable: true },
      (_, cancel) => ask(program, argv, cancel),
    );
    await show(answer);
  } catch (error) {
    void vscode.window.showErrorMessage(`devstral-ls: ${lastLine(error).replace(/^devstral-ls: /, "")}`);
  }
}

/** The files in tabs, of which some may change; all are shown to the model. */
async function chosenFiles(): Promise<string[]> {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  const uris = tabs.flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri] : []));
  const files = new Set(uris.filter((uri) => uri.scheme === "file").map((uri) => uri.fsPath));
  if (files.size === 0) {
    void vscode.window.showInformationMessage("devstral-ls: open the files that may change first.");
    return [];
  }
  const choices = [...files].map((file) => ({ label: vscode.workspace.asRelativePath(file), file, picked: true }));
  const title = "Which files may change? The model is shown all of these.";
  const chosen = await vscode.window.showQuickPick<FileChoice>(choices, { title, canPickMany: true });
  return (chosen ?? []).map((each) => each.file);
}

/** Options of the command for the model that is to write it. */
async function chosenModel(): Promise<string[] | undefined> {
  const here = { label: "On this machine", argv: model() === "" ? [] : ["--model", model()] };
  const away = { label: "By the remote model that you chose", argv: ["--remote"] };
  const chosen = await vscode.window.showQuickPick([here, away], { title: "Who writes it?" });
  return chosen?.argv;
}

function ask(program: string, argv: readonly string[], cancel: vscode.CancellationToken): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, argv, { maxBuffer: MAX_ANSWER_BYTES }, (error, stdout, stderr) => {
      if (stdout !== "") {
        resolve(JSON.parse(stdout) as Answer);
      } else {
        reject(Object.assign(error ?? new Error("no answer"), { stderr }));
      }
    });
    child.stdin?.end(); // what asks in a terminal, as a preview of what is sent, is answered with no
    cancel.onCancellationRequested(() => child.kill());
  });
}

/** Nothing is changed before it was seen; what is applied is one step to undo. */
async function show(answer: Answer): Promise<void> {
  if (answer.objection !== "") {
    void vscode.window.showWarningMessage(`devstral-ls: nothing was changed, for a checker objects: ${answer.objection}`);
    return;
  }
  const texts = new Map(answer.files.map(({ path, after }) => [inDiff(vscode.Uri.file(path)).toString(), after]));
  const provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: (uri) => texts.get(uri.toString()),
  });
  try {
    const documents = await Promise.all(answer.files.map(({ path }) => vscode.workspace.openTextDocument(path)));
    const pairs = documents.map(({ uri }) => [uri, uri, inDiff(uri)]);
    await vscode.commands.executeCommand("vscode.changes", TITLE, pairs);
    const said = `devstral-ls: a model wrote this; nothing new is wrong, say ${answer.checked_by.join(" and ")}.`;
    // A warning stays until it is answered.
    if ((await vscode.window.showWarningMessage(said, APPLY, "Discard")) !== APPLY) {
      return;
    }
    await apply(answer.files, documents);
  } finally {
    provider.dispose();
  }
}

async function apply(files: readonly Changed[], documents: readonly vscode.TextDocument[]): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  for (const [n, { before, after }] of files.entries()) {
    const document = documents[n];
    if (document === undefined || lines(document.getText()) !== lines(before)) {
      const name = document === undefined ? "a file" : vscode.workspace.asRelativePath(document.uri);
      void vscode.window.showWarningMessage(`devstral-ls: nothing was changed, for ${name} has changed meanwhile.`);
      return;
    }
    const whole = new vscode.Range(document.positionAt(0), document.positionAt(document.getText().length));
    edit.replace(document.uri, whole, after);
  }
  await vscode.workspace.applyEdit(edit, { isRefactoring: true });
}

function inDiff(uri: vscode.Uri): vscode.Uri {
  return uri.with({ scheme: SCHEME });
}

function lines(text: string): string {
  return text.replace(/\r\n/g, "\n");
}

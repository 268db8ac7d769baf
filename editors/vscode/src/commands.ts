/** What the palette and the status bar offer. */
import * as vscode from "vscode";
import type { Connection } from "./connection";
import { isEnabled, toggle } from "./settings";
import type { Status } from "./status";
import { refactor } from "./refactor";
import { runInTerminal } from "./terminal";

const FIX_ALL = "source.fixAll.devstral";

interface Choice extends vscode.QuickPickItem {
  readonly command: string;
}

export class Commands {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly connection: Connection,
    private readonly status: Status,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  register(): vscode.Disposable[] {
    const commands: Record<string, () => unknown> = {
      "devstral.menu": () => this.menu(),
      "devstral.trigger": () => vscode.commands.executeCommand("editor.action.inlineSuggest.trigger"),
      "devstral.toggle": () => this.toggle(),
      "devstral.install": () => this.connection.install(),
      "devstral.restart": () => this.connection.restart(),
      "devstral.doctor": () => this.inTerminal("doctor"),
      "devstral.complete": () => this.hereInTerminal("complete"),
      "devstral.context": () => this.hereInTerminal("context"),
      "devstral.stats": () => this.inTerminal("stats"),
      "devstral.refactor": () => this.refactor(),
      "devstral.fixOnSave": () => this.fixOnSave(),
      "devstral.log": () => this.log.show(),
    };
    return Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run));
  }

  private async menu(): Promise<void> {
    const choices: Choice[] = [
      { label: "$(sparkle) Suggest here", command: "devstral.trigger" },
      { label: `$(circle-slash) ${this.toggleLabel()}`, command: "devstral.toggle" },
      { label: "$(wrench) Fix proven problems on save", command: "devstral.fixOnSave" },
      { label: "$(files) Change several files as asked", command: "devstral.refactor" },
      { label: "$(pulse) Check the installation", command: "devstral.doctor" },
      { label: "$(eye) Show what the model would see here", command: "devstral.context" },
      { label: "$(graph) Show what became of suggestions", command: "devstral.stats" },
      { label: "$(terminal) Complete here in a terminal", command: "devstral.complete" },
      { label: "$(refresh) Restart the server", command: "devstral.restart" },
      { label: "$(cloud-download) Install the server", command: "devstral.install" },
      { label: "$(output) Show the log", command: "devstral.log" },
    ];
    const choice = await vscode.window.showQuickPick(choices, { title: this.status.words() });
    if (choice !== undefined) {
      await vscode.commands.executeCommand(choice.command);
    }
  }

  private toggleLabel(): string {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined) {
      return "Turn suggestions on or off";
    }
    return `${isEnabled(document.languageId) ? "No suggestions" : "Suggestions"} in ${document.languageId}`;
  }

  private async toggle(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document !== undefined) {
      await toggle(document.languageId);
    }
  }

  private async fixOnSave(): Promise<void> {
    const editor = vscode.workspace.getConfiguration("editor");
    const actions = editor.get<Record<string, string>>("codeActionsOnSave", {});
    const target = vscode.ConfigurationTarget.Global;
    await editor.update("codeActionsOnSave", { ...actions, [FIX_ALL]: "explicit" }, target);
    void vscode.window.showInformationMessage("Proven fixes are now applied when you save a file.");
  }

  /** Run a command of the server's at the cursor; it reads the file as it is saved. */
  private async hereInTerminal(command: string): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined || editor.document.uri.scheme !== "file") {
      void vscode.window.showInformationMessage("devstral-ls: open a file of the disk first, and put the cursor somewhere.");
      return;
    }
    await editor.document.save();
    const { line, character } = editor.selection.active;
    this.inTerminal(command, `${editor.document.fileName}:${line + 1}:${character + 1}`);
  }

  private async refactor(): Promise<void> {
    if (this.connection.program === undefined) {
      await vscode.commands.executeCommand("devstral.install");
      return;
    }
    await refactor(this.connection.program, this.log);
  }

  private inTerminal(...argv: string[]): void {
    if (this.connection.program === undefined) {
      void vscode.commands.executeCommand("devstral.install");
      return;
    }
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    this.context.subscriptions.push(runInTerminal(this.connection.program, argv, folder));
  }
}

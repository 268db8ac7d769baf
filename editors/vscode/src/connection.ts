/** The one server of this window: found or installed, started, watched and restarted. */
import * as path from "node:path";
import * as vscode from "vscode";
import type { LanguageClient, LanguageClientOptions } from "vscode-languageclient/node";
import { findProgram, installProgram, ProgramError } from "./program";
import { forServer, needsRestart, serverSettings, startSettings } from "./settings";
import type { ServerStatus, Status } from "./status";

const SELECTOR = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
];

export class Connection {
  private client: LanguageClient | undefined;
  program: string | undefined;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly status: Status,
    private readonly log: vscode.LogOutputChannel,
  ) {
    const names = startSettings(context);
    const restart = vscode.workspace.onDidChangeConfiguration((change) => {
      if (needsRestart(change, names)) {
        void this.restart();
      }
    });
    const trust = vscode.workspace.onDidGrantWorkspaceTrust(() => void this.restart());
    context.subscriptions.push(restart, trust);
  }

  /** Start the server; when there is none, offer once to install it. */
  async start(): Promise<void> {
    try {
      this.program = await findProgram(this.context);
      if (this.program === undefined) {
        this.status.reached("missing", "The server is not installed yet; click to install it");
        await this.offerInstallation();
        return;
      }
      await this.connect(this.program);
    } catch (error) {
      this.failed(error);
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose();
    this.status.reached("stopped");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Install the server into an environment of our own, and start it. */
  async install(): Promise<void> {
    const options = { location: vscode.ProgressLocation.Notification, title: "devstral-ls", cancellable: true };
    try {
      await vscode.window.withProgress(options, async (progress, cancel) => {
        await this.stop();
        this.status.reached("starting", "The server is being installed");
        await installProgram(this.context, this.log, cancel, (message) => progress.report({ message }));
      });
    } catch (error) {
      this.failed(error);
      return;
    }
    await this.start();
  }

  private async offerInstallation(): Promise<void> {
    const answer = await vscode.window.showInformationMessage(
      "devstral-ls needs its server. Install it into a Python environment of its own, inside this extension's folder?",
      "Install",
      "Not now",
    );
    if (answer === "Install") {
      await this.install();
    }
  }

  private async connect(program: string): Promise<void> {
    this.log.info(`start ${program} serve`);
    this.status.reached("starting");
    // No `transport`: naming stdio would add an argument that the server does not know.
    const server = { command: program, args: ["serve"] };
    const { loadClient } = await import("./compiled.js");
    const { LanguageClient, State, keep } = await loadClient(path.join(this.context.globalStorageUri.fsPath, "compiled"));
    const client = new LanguageClient("devstral", "devstral-ls", server, this.options());
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Stopped) {
        this.ended(client);
      } else {
        this.status.reached(newState === State.Running ? "running" : "starting");
      }
    });
    client.onNotification("$/devstral/status", (status: ServerStatus) => this.status.heard(status));
    this.client = client;
    await client.start();
    await keep().catch((error: unknown) => this.log.warn(`cannot keep the compiled client: ${error}`));
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: SELECTOR,
      outputChannel: this.log,
      initializationOptions: serverSettings(),
      middleware: {
        workspace: {
          configuration: async (params, token, next) => {
            const answers = await next(params, token);
            return Array.isArray(answers) ? answers.map((each) => forServer(each ?? {})) : answers;
          },
        },
        // The server completes in the menu for editors without ghost text; here it would say everything twice.
        provideCompletionItem: () => undefined,
        provideInlineCompletionItems: async (document, position, context, token, next) => {
          const start = performance.now();
          const items = await next(document, position, context, token);
          if (!token.isCancellationRequested) {
            this.status.answered(performance.now() - start);
          }
          return items;
        },
      },
    };
  }

  /** A server that we did not stop ourselves is gone. */
  private ended(client: LanguageClient): void {
    if (this.client === client) {
      this.status.reached("failed", "The server has stopped; the log says why");
    }
  }

  private failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.log.error(reason);
    this.status.reached("failed", reason);
    const isOurs = error instanceof ProgramError;
    void vscode.window.showErrorMessage(`devstral-ls: ${reason}`, ...(isOurs ? ["Settings"] : ["Log"])).then((answer) => {
      if (answer === "Settings") {
        void vscode.commands.executeCommand("workbench.action.openSettings", "devstral.server");
      } else if (answer === "Log") {
        this.log.show();
      }
    });
  }
}

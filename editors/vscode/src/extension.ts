/** Starts the server beside the files and shows what it says. What to suggest is decided there, not here. */
import * as vscode from "vscode";
import { Commands } from "./commands";
import { Connection } from "./connection";
import { Status } from "./status";

let connection: Connection | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("devstral-ls", { log: true });
  const status = new Status();
  connection = new Connection(context, status, log);
  const commands = new Commands(context, connection, status, log);
  context.subscriptions.push(log, status, ...commands.register());
  // Not awaited: other extensions start meanwhile, and the status bar says how far it is.
  void connection.start();
}

export async function deactivate(): Promise<void> {
  await connection?.stop();
}

/** The status bar: what the server is doing, how fast it answered, and why it is silent. */
import * as vscode from "vscode";

export type State = "missing" | "starting" | "running" | "stopped" | "failed";

/** What the server says about itself; the words are those of Copilot's `didChangeStatus`. */
export interface ServerStatus {
  readonly busy?: boolean;
  readonly message?: string;
  readonly kind?: "Normal" | "Error" | "Warning" | "Inactive";
}

const ICONS: Record<State, string> = {
  missing: "cloud-download",
  starting: "loading~spin",
  running: "sparkle",
  stopped: "circle-slash",
  failed: "error",
};

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("devstral", vscode.StatusBarAlignment.Right, 100);
  private state: State = "stopped";
  private reason = "";
  private latencyMs: number | undefined;
  private server: ServerStatus = {};

  constructor() {
    this.item.name = "devstral-ls";
    this.item.command = "devstral.menu";
    this.draw();
    this.item.show();
  }

  /** The server's life has reached `state`; `reason` explains a bad one. */
  reached(state: State, reason = ""): void {
    this.state = state;
    this.reason = reason;
    this.server = {};
    void vscode.commands.executeCommand("setContext", "devstral.isRunning", state === "running");
    this.draw();
  }

  /** The server has said how it is. */
  heard(server: ServerStatus): void {
    this.server = server;
    this.draw();
  }

  /** A suggestion was answered. */
  answered(latencyMs: number): void {
    this.latencyMs = latencyMs;
    this.draw();
  }

  dispose(): void {
    this.item.dispose();
  }

  /** Everything there is to say, most important first. */
  words(): string {
    const latency = this.latencyMs === undefined ? "" : `last answer in ${Math.round(this.latencyMs)} ms`;
    const parts = [this.state, this.reason, this.server.message ?? "", latency];
    return `devstral-ls: ${parts.filter((part) => part !== "").join(", ")}`;
  }

  private draw(): void {
    const icon = this.server.busy === true ? "loading~spin" : ICONS[this.state];
    this.item.text = `$(${icon}) devstral`;
    const isBad = this.state === "failed" || this.server.kind === "Error";
    this.item.backgroundColor = isBad ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
    this.item.tooltip = this.words();
  }
}

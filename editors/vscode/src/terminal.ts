/** A program in a terminal that stays when the program has ended, so that what it said can be read. */
import { type ChildProcess, spawn } from "node:child_process";
import * as vscode from "vscode";

const DEFAULT_COLUMNS = 100;

export function runInTerminal(program: string, argv: readonly string[], folder: string | undefined): vscode.Terminal {
  const name = `devstral-ls ${argv[0] ?? ""}`;
  const terminal = vscode.window.createTerminal({ name, pty: new Run(program, argv, folder) });
  terminal.show(true);
  return terminal;
}

/** Starts the program itself: no shell has to understand its arguments. */
class Run implements vscode.Pseudoterminal {
  private readonly written = new vscode.EventEmitter<string>();
  private readonly closed = new vscode.EventEmitter<void>();
  private process: ChildProcess | undefined;
  private isDone = false;
  readonly onDidWrite = this.written.event;
  readonly onDidClose = this.closed.event;

  constructor(
    private readonly program: string,
    private readonly argv: readonly string[],
    private readonly folder: string | undefined,
  ) {}

  open(size: vscode.TerminalDimensions | undefined): void {
    const columns = String(size?.columns ?? DEFAULT_COLUMNS);
    const env = { ...process.env, FORCE_COLOR: "1", TERM: "xterm-256color", COLUMNS: columns, PYTHONUTF8: "1" };
    this.process = spawn(this.program, this.argv, { env, cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => this.written.fire(text.replace(/\r?\n/g, "\r\n")));
    }
    this.process.on("error", (error) => this.ended(error.message));
    this.process.on("close", () => this.ended(""));
  }

  /** Any key closes what has ended; Ctrl+C ends what has not. */
  handleInput(keys: string): void {
    if (this.isDone) {
      this.closed.fire();
    } else if (keys === "\u0003") {
      this.process?.kill();
    }
  }

  close(): void {
    this.process?.kill();
  }

  private ended(reason: string): void {
    if (!this.isDone) {
      this.isDone = true;
      this.written.fire(`${reason}\r\n\u001b[2mPress any key to close this.\u001b[0m\r\n`);
    }
  }
}

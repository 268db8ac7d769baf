// Builds the server's wheel, model included, into server/, so that an installed extension needs no other source of it.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

const python = process.env.PYTHON ?? "python3";
rmSync("server", { recursive: true, force: true });
execFileSync(python, ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "server", "../.."], { stdio: "inherit" });

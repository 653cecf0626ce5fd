#!/usr/bin/env bash
# setup.sh - what a fresh Debian 12 lacks for building plimsoll: a C compiler, and Rust of the version Cargo.toml asks for.
# Does nothing, quickly, where all is there.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

deploy/setup/apt.sh gcc=cc libc6-dev=/usr/include/stdio.h ca-certificates=/etc/ssl/certs/ca-certificates.crt

min=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
enough() { [[ -n $1 && $(printf '%s\n' "$min" "$1" | sort -V | head -n 1) == "$min" ]]; }
version() { "$@" --version 2>/dev/null | awk '{ print $2; exit }' || true; }

have=$(version cargo)
enough "$have" && exit 0

where=$(command -v cargo || true)
if [[ -z $where || $where == /usr/bin/cargo ]] && command -v apt-cache >/dev/null; then
  # Debian 12's own rustc is 1.63. Its security archive carries the one that browsers are built with, under the name rustc-web.
  candidate() { apt-cache policy "$1" | awk '$1 == "Candidate:" { sub(/[+~-].*/, "", $2); print $2 }'; }
  if ! enough "$(candidate cargo-web)"; then
    if (($(id -u) == 0)); then apt-get -q update >/dev/null; fi
  fi
  if enough "$(candidate cargo-web)"; then
    deploy/setup/apt.sh cargo-web=/usr/share/doc/cargo-web rustc-web=/usr/share/doc/rustc-web rustfmt-web=/usr/share/doc/rustfmt-web
    hash -r
    have=$(version cargo)
    enough "$have" && exit 0
  fi
fi

{
  echo "plimsoll needs Rust $min or newer; here is ${have:-none}${where:+ ($where)}."
  if command -v rustup >/dev/null; then
    echo "Run: rustup update stable"
  else
    echo "Install it with rustup, as https://www.rust-lang.org/tools/install says; then try again."
  fi
} >&2
exit 1

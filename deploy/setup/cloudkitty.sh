#!/usr/bin/env bash
# cloudkitty.sh - OpenStack's own rating, for benches/rating.rs alone: a virtual environment in target/cloudkitty. Nothing else needs it, and without it the
# benchmark says so and goes on.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

version=25.0.0
venv=${CARGO_TARGET_DIR:-target}/cloudkitty
[[ -f $venv/$version ]] && exit 0
command -v python3 >/dev/null || { echo "cloudkitty.sh: no python3" >&2; exit 1; }
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "cloudkitty==$version"
# Of the last step only: what was broken off is made anew.
touch "$venv/$version"

#!/usr/bin/env bash
# bench.sh - runs the benchmarks, which write target/bench.json, and shows it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

compgen -G 'benches/*.rs' >/dev/null || { echo "there are no benchmarks: benches/ is empty" >&2; exit 1; }
out=${CARGO_TARGET_DIR:-target}/bench.json
rm -f "$out"
deploy/setup/cloudkitty.sh || echo "CloudKitty could not be installed: its rating is not measured" >&2
cargo bench --locked --benches
[[ -s $out ]] || { echo "the benchmarks ran, but wrote no $out" >&2; exit 1; }
cat "$out"

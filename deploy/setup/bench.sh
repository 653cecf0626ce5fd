#!/usr/bin/env bash
# bench.sh - runs the benchmarks, which write target/bench.json, and shows it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

compgen -G 'benches/*.rs' >/dev/null || { echo "there are no benchmarks: benches/ is empty" >&2; exit 1; }
out=${CARGO_TARGET_DIR:-target}/bench.json
rm -f "$out"
cargo bench --locked --benches
[[ -s $out ]] || { echo "the benchmarks ran, but wrote no $out" >&2; exit 1; }
cat "$out"

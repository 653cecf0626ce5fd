#!/usr/bin/env bash
# bench.sh - a real Ceph on this machine with 10,000 buckets of 500 users, and how long plimsoll takes to read them (benches/rgw_pass.rs). Filled once, in about
# two minutes; afterwards the lab is stopped, and its data kept. It runs beside the lab of the tests: in a directory and on ports of its own.
set -euo pipefail
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../../.." && pwd)
export CEPH_LAB_DIR=${CEPH_LAB_DIR:-$ROOT/target/lab/ceph-bench} CEPH_LAB_PORT=${CEPH_LAB_PORT:-27400}
lab=$HERE/ceph-lab.sh

cd "$ROOT"
cargo bench --locked --bench rgw_pass --no-run
trap '"$lab" down' EXIT
"$lab" up
if [[ ! -e $CEPH_LAB_DIR/var/scaled ]]; then
  "$lab" scale 500 20 1
  touch "$CEPH_LAB_DIR/var/scaled"
fi
eval "$("$lab" env)"
cargo bench --locked --bench rgw_pass

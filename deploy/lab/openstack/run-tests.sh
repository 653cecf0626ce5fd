#!/usr/bin/env bash
# run-tests.sh - brings the laboratory up, seeds it while plimsoll collects, then runs tests/lab_openstack.rs against both.
# The lab stays up for the next run, unless CI is set or LAB_DOWN=1. Tests get `openstack-lab.sh env` and the variables below.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."

target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
lab=deploy/lab/openstack/openstack-lab.sh
export PLIMSOLL_LAB_CONFIG=$PWD/deploy/lab/openstack/plimsoll.yaml  # what the collector ran with
export PLIMSOLL_LAB_DATA_DIR=$target/lab-openstack                  # what it collected; nobody has it open while the tests run
page=127.0.0.1:19469

collector='' began=$SECONDS times=()
lap() { # name seconds-at-its-start
  times+=("$1 $((SECONDS - $2)) s")
  echo "lab: ${times[-1]}" >&2
}
stop_collector() {
  [[ -n $collector ]] || return 0
  local rc=0
  kill -TERM "$collector" 2>/dev/null || true
  wait "$collector" || rc=$?
  collector=''
  return "$rc"
}
# shellcheck disable=SC2317  # a trap calls it
finish() {
  local rc=$?
  trap '' INT TERM HUP
  stop_collector || true
  if [[ -n ${CI:-} || ${LAB_DOWN:-0} == 1 ]]; then "$lab" down || true; fi
  echo "lab: ${times[*]/%/;} all $((SECONDS - began)) s, exit $rc" >&2
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

t=$SECONDS
cargo build --locked --features lab
lap build "$t"

t=$SECONDS
"$lab" up
eval "$("$lab" env)"
lap up "$t"

t=$SECONDS
mkdir -p "$PLIMSOLL_LAB_DATA_DIR"
log=$PLIMSOLL_LAB_DATA_DIR/collector.log
setsid "$target/debug/plimsoll" run --config "$PLIMSOLL_LAB_CONFIG" --data-dir "$PLIMSOLL_LAB_DATA_DIR" >"$log" 2>&1 &
collector=$!
until curl -fsS -o /dev/null "http://$page/readyz" 2>/dev/null; do
  kill -0 "$collector" 2>/dev/null || { tail -n 20 "$log" >&2; echo "lab: the collector ended; all of its log: $log" >&2; exit 1; }
  ((SECONDS - t < 120)) || { tail -n 20 "$log" >&2; echo "lab: http://$page/readyz was not ready after 120 s" >&2; exit 1; }
  sleep 0.2
done
lap collector "$t"

t=$SECONDS
"$lab" seed
lap seed "$t"

# Ten seconds until Nova's records are settled, one interval until a pass reads them, and some for the pass.
t=$SECONDS
sleep 40
stop_collector || { tail -n 20 "$log" >&2; echo "lab: the collector did not end well; all of its log: $log" >&2; exit 1; }
lap settle "$t"

t=$SECONDS
cargo test --locked --features lab --test lab_openstack -- --nocapture
lap tests "$t"

#!/usr/bin/env bash
# run-tests.sh - brings the laboratory up from nothing, seeds it while plimsoll collects, then runs tests/lab_ceph against the manifest and what was collected.
# The seed moves RGW through hours on both sides of a month's end, and waits for the collector before anything is lost (`sync`, which it runs). In the third
# hour the collector is stopped and started. The lab is stopped afterwards where CI is set or LAB_DOWN=1. Tests get `ceph-lab.sh env` and the variables below.
set -euo pipefail
here=$(realpath -- "${BASH_SOURCE[0]}")
cd -- "$(dirname -- "$here")/../../.."

target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
lab=deploy/lab/ceph/ceph-lab.sh
export PLIMSOLL_LAB_CONFIG=$target/lab-ceph/plimsoll.yaml  # what it ran with
export PLIMSOLL_LAB_DATA_DIR=$target/lab-ceph/data
http=127.0.0.1:$((${CEPH_LAB_PORT:-27000} - 27000 + 19479))
log=$target/lab-ceph/plimsoll.log
pid_file=$target/lab-ceph/plimsoll.pid

broken() { # what
  tail -n 20 "$log" >&2
  echo "lab: the collector $1; all of its log: $log" >&2
  exit 1
}
runs() { [[ -e $pid_file ]] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }
start() {
  setsid "$target/debug/plimsoll" run --config "$PLIMSOLL_LAB_CONFIG" --data-dir "$PLIMSOLL_LAB_DATA_DIR" >>"$log" 2>&1 </dev/null &
  echo "$!" >"$pid_file"
}
stop() {
  runs || { rm -f "$pid_file"; return 0; }
  local p
  p=$(cat "$pid_file")
  kill -TERM "$p"
  for _ in $(seq 600); do
    kill -0 "$p" 2>/dev/null || { rm -f "$pid_file"; return 0; }
    sleep 0.1
  done
  kill -KILL "$p"
  broken "did not end within a minute"
}
# Until lists have a complete pass that began later: those of RGW by its clock, those of the cluster by ours.
reached() { # RGW's time, how many lists
  local t=$SECONDS ours
  ours=$(($(date +%s) + 1))  # a pass that began within this very second may have been too early
  until curl -fsS "http://$http/metrics" 2>/dev/null | awk -v theirs="$1" -v ours="$ours" -v lists="$2" '
    /^plimsoll_pass_watermark_timestamp_seconds\{/ && /list="(usage_log|buckets)"/ && $NF > theirs { n++ }
    lists > 2 && /^plimsoll_pass_watermark_timestamp_seconds\{/ && /list="(rbd_images|subvolumes|ceph_pools)"/ && $NF > ours { n++ }
    END { exit n < lists }'; do
    runs || broken "ended"
    ((SECONDS - t < 150)) || broken "has lists that were not read within 150 s"
    sleep 0.2
  done
}

if [[ ${1:-} == sync ]]; then  # run by the seed: RGW's time, and why
  case $3 in
    begin) start;;
    mid-hour) reached "$2" 2; stop; start;;
    made | end) reached "$2" 5; exit;;  # images and subvolumes, too
  esac
  reached "$2" 2
  exit
fi

began=$SECONDS times=()
lap() { # name seconds-at-its-start
  times+=("$1 $((SECONDS - $2)) s")
  echo "lab: ${times[-1]}" >&2
}
# shellcheck disable=SC2317  # a trap calls it
finish() {
  local rc=$?
  trap '' INT TERM HUP
  stop || true
  if [[ -n ${CI:-} || ${LAB_DOWN:-0} == 1 ]]; then "$lab" down || true; fi
  echo "lab: ${times[*]/%/;} all $((SECONDS - began)) s, exit $rc" >&2
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

t=$SECONDS
cargo test --locked --features lab --test lab_ceph --no-run
lap build "$t"

t=$SECONDS
"$lab" destroy  # a lab is seeded once, and hours do not come again
"$lab" up
eval "$("$lab" env)"
lap up "$t"

t=$SECONDS
rm -rf "$target/lab-ceph"
mkdir -p "$target/lab-ceph"
sed "s/127.0.0.1:27020/${LAB_RGW_URL#http://}/; s/127.0.0.1:19479/$http/" deploy/lab/ceph/plimsoll.yaml >"$PLIMSOLL_LAB_CONFIG"
LAB_SYNC="'$here' sync" "$lab" seed --stay
stop
lap seed "$t"

t=$SECONDS
cargo test --locked --features lab --test lab_ceph -- --nocapture
lap tests "$t"

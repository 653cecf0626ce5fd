#!/usr/bin/env bash
# run.sh [CONFIG] - runs plimsoll until Ctrl-C. Without CONFIG: on a made-up OpenStack that runs beside it and ends with it.
set -euo pipefail
config=${1:+$(realpath -- "$1")}
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

bin=${CARGO_TARGET_DIR:-target}/release/plimsoll
cloud=127.0.0.1:9470 page=127.0.0.1:9469

pids=()
# The last started ends first: the collector before the cloud it reads.
# shellcheck disable=SC2317  # traps call it
stop() {
  local i
  trap '' INT TERM HUP
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[i]}" 2>/dev/null || true
    wait "${pids[i]}" 2>/dev/null || true
  done
  pids=()
}
trap stop EXIT
trap 'stop; exit 0' INT TERM HUP

# In a session of its own, so that the terminal's Ctrl-C reaches only this script, which then stops all in order.
start() {
  setsid "$@" &
  pids+=($!)
}
open() { (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; }
await() { # address what: until it listens, as long as the process started last lives
  until open "$1"; do
    kill -0 "${pids[-1]}" 2>/dev/null || { echo "$2 ended before it listened on $1; its message is above" >&2; exit 3; }
    sleep 0.1
  done
}

if [[ -n $config ]]; then
  start "$bin" run --config "$config"
else
  for address in "$cloud" "$page"; do
    if open "$address"; then echo "$address is in use already: is another 'make run' running?" >&2; exit 3; fi
  done
  # Git keeps no such modes; the password opens nothing real, but the warning about it would be right.
  chmod 600 deploy/sim-password
  # A made-up cloud lives for a month, so each month has a store of its own. What has passed of this one is collected first, by the path that real facts
  # take, as if plimsoll had been there from the first day.
  month=$(TZ=Europe/Stockholm date +%Y-%m)
  export PLIMSOLL_CONFIG=deploy/quickstart.yaml PLIMSOLL_DATA_DIR=data/quickstart/$month
  made=(simulate --scenario deploy/scenarios/small.yaml --seed 1)
  start "$bin" "${made[@]}" --month "$month" --until now
  wait "${pids[-1]}"
  pids=()
  start "$bin" "${made[@]}" --listen "$cloud"
  await "$cloud" "the made-up cloud"
  start "$bin" run
  await "$page" "plimsoll"
  printf '\n  plimsoll is at http://%s/   (Ctrl-C stops it)\n\n' "$page"
fi
rc=0
wait "${pids[-1]}" || rc=$?
exit "$rc"

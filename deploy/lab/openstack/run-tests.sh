#!/usr/bin/env bash
# run-tests.sh - brings the laboratory up, seeds it while plimsoll collects, then runs tests/lab_openstack against what happened and what was collected.
# Four collectors read the same cloud at once: `one` and `two` all the time, at intervals of their own, with notifications; `blind` without them; `away`
# without them too, stopped amid the changes and started again when they are over. The lab stays up for the next run, unless CI is set or LAB_DOWN=1.
# LAB_LINGER=1200: after the changes they collect for 1200 s more. Tests get `openstack-lab.sh env` and the variables below.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../.."

target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
lab=deploy/lab/openstack/openstack-lab.sh
export PLIMSOLL_LAB_CONFIG=$PWD/deploy/lab/openstack/plimsoll.yaml  # what `one` ran with
export PLIMSOLL_LAB_DATA_DIR=$target/lab-openstack                  # a data directory for each collector, which nobody has open while the tests run
export PLIMSOLL_LAB_TRUTH=$PLIMSOLL_LAB_DATA_DIR/truth.jsonl        # what this run's seed did and saw
# Seconds. The smallest of Nova's changes is found at any interval; a size that is held only so long is not.
intervals=([1]=5 [2]=7 [3]=5 [4]=5)
names=([1]=one [2]=two [3]=away [4]=blind)

collectors=() seed='' began=$SECONDS times=()
lap() { # name seconds-at-its-start
  times+=("$1 $((SECONDS - $2)) s")
  echo "lab: ${times[-1]}" >&2
}
log() { echo "$PLIMSOLL_LAB_DATA_DIR/${names[$1]}.log"; }
port() { echo $((18469 + 1000 * $1)); }
start() { # number
  local n=${names[$1]} config
  config=$PLIMSOLL_LAB_DATA_DIR/$n.yaml
  sed "s/interval: 5s/interval: ${intervals[$1]}s/; s/:19469/:$(port "$1")/; s/plimsoll\.one/plimsoll.$n/" "$PLIMSOLL_LAB_CONFIG" >"$config"
  if [[ $n == away || $n == blind ]]; then sed -i '/^    notifications:/,/^        queue:/d' "$config"; fi
  setsid "$target/debug/plimsoll" run --config "$config" --data-dir "$PLIMSOLL_LAB_DATA_DIR/$n" >>"$(log "$1")" 2>&1 &
  collectors[$1]=$!
}
ready() { # number
  local t=$SECONDS page
  page=http://127.0.0.1:$(port "$1")/readyz
  until curl -fsS -o /dev/null "$page" 2>/dev/null; do
    kill -0 "${collectors[$1]}" 2>/dev/null || broken "$1" "ended"
    ((SECONDS - t < 120)) || broken "$1" "was not ready ($page) after 120 s"
    sleep 0.2
  done
}
reached() { # number time: all lists that are read often have been read since
  local t=$SECONDS
  until curl -fsS "http://127.0.0.1:$(port "$1")/metrics" 2>/dev/null | awk -v since="$2" '
    /^plimsoll_pass_watermark_timestamp_seconds\{/ && !/list="(flavors|servers\.deleted)"/ { if ($NF >= since) n++; else late++ }
    END { exit late || n < 12 }'; do
    ((SECONDS - t < 300)) || broken "$1" "has lists that were not read since $2, 300 s ago"
    sleep 1
  done
}
stop() { # number
  [[ -n ${collectors[$1]:-} ]] || return 0
  local rc=0
  kill -TERM "${collectors[$1]}" 2>/dev/null || true
  wait "${collectors[$1]}" || rc=$?
  unset "collectors[$1]"
  return "$rc"
}
broken() { # number what
  tail -n 20 "$(log "$1")" >&2
  echo "lab: the collector ${names[$1]} $2; all of its log: $(log "$1")" >&2
  exit 1
}
# shellcheck disable=SC2317  # a trap calls it
finish() {
  local rc=$? c
  trap '' INT TERM HUP
  for c in "${!names[@]}"; do stop "$c" || true; done
  if [[ -n $seed ]]; then kill -TERM -- "-$seed" 2>/dev/null || true; fi
  if [[ -n ${CI:-} || ${LAB_DOWN:-0} == 1 ]]; then "$lab" down || true; fi
  echo "lab: ${times[*]/%/;} all $((SECONDS - began)) s, exit $rc" >&2
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

t=$SECONDS
cargo test --locked --features lab --test lab_openstack --no-run
lap build "$t"

t=$SECONDS
if [[ -n ${CI:-} ]]; then "$lab" destroy; fi  # what an earlier run left must not decide this one
"$lab" up
eval "$("$lab" env)"
lap up "$t"

t=$SECONDS
rm -rf "$PLIMSOLL_LAB_DATA_DIR"
mkdir -p "$PLIMSOLL_LAB_DATA_DIR"
for c in "${!names[@]}"; do start "$c"; done
for c in "${!names[@]}"; do ready "$c"; done
lap collectors "$t"

t=$SECONDS
before=$(stat -c %s "$LAB_TRUTH" 2>/dev/null || echo 0)
truth() { tail -c "+$((before + 1))" "$LAB_TRUTH"; }
setsid "$lab" seed &
seed=$!
# The first resizes are asked for, servers are being built: nobody will have seen the sizes that come and go from here on.
until truth 2>/dev/null | grep -q '"server.resize"'; do
  kill -0 "$seed" 2>/dev/null || break
  sleep 0.2
done
stop 3 || broken 3 "did not end well"
wait "$seed"
seed=''
truth >"$PLIMSOLL_LAB_TRUTH"
lap seed "$t"

if ((${LAB_LINGER:-0} > 0)); then sleep "$LAB_LINGER"; fi

# Ten seconds until Nova's records are settled, then a pass over everything, however long it takes. `one` reads on when the others have ended: so it
# reaches as far as they do.
t=$SECONDS
settled=$(($(date +%s) + 12))
start 3
ready 3
for c in 2 3 4; do reached "$c" "$settled"; done
stop 2 || broken 2 "did not end well"
stop 3 || broken 3 "did not end well"
stop 4 || broken 4 "did not end well"
reached 1 "$(date +%s)"
stop 1 || broken 1 "did not end well"
lap settle "$t"

t=$SECONDS
cargo test --locked --features lab --test lab_openstack -- --nocapture
lap tests "$t"

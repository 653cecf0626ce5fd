#!/usr/bin/env bash
# processes.sh - what the laboratories share: starting, finding and stopping their processes. To be sourced, with RUN (pid files), LOG, LAB_DIR and H (their
# address) set, and MARK: a port that only one laboratory at a time can have.

say()  { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
die()  { say "ERROR: $*"; exit 1; }
# A pid file holds "pid starttime": a recycled pid has another start time.
# Every process leads its own session (setsid), so its group can be killed.
birth() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
ours() { # name
  local p t; [[ -e $RUN/$1.pid ]] || return 1
  read -r p t <"$RUN/$1.pid" || return 1
  [[ -n $p && -n $t && $(birth "$p") == "$t" ]]
}
pid() { cut -d' ' -f1 "$RUN/$1.pid"; }
start() { # name cmd...
  local n=$1; shift
  ours "$n" && return 0
  echo "=== $(date -Is) $*" >>"$LOG/$n.log"
  PLIMSOLL_LAB="$MARK $LAB_DIR $n" setsid "$@" >>"$LOG/$n.log" 2>&1 </dev/null &
  echo "$! $(birth $!)" >"$RUN/$n.pid"
}
stop() { # name
  local p; ours "$1" || { rm -f "$RUN/$1.pid"; return 0; }
  p=$(pid "$1")
  kill -TERM "$p" 2>/dev/null || true
  for _ in $(seq 100); do [[ -d /proc/$p ]] || break; sleep 0.1; done
  kill -KILL -- "-$p" 2>/dev/null || true
  rm -f "$RUN/$1.pid"
}
wait_for() { # seconds what cmd...
  local t=$1 w=$2 end; shift 2; end=$((SECONDS + t))
  until "$@" >/dev/null 2>&1; do
    (( SECONDS < end )) || die "$w not ready after ${t}s (see $LOG)"
    [[ -e $RUN/$w.pid ]] && ! ours "$w" && die "$w died: tail $LOG/$w.log"
    sleep 0.2
  done
}
port_open() { (exec 3<>"/dev/tcp/$H/$1") 2>/dev/null; }
# What an earlier lab on the same ports left running, of this directory or another, whose pid files may be gone: its processes carry a mark.
stop_strays() {
  local p port dir name stray=() dirs=''
  while read -r p; do
    p=${p#/proc/}; p=${p%/environ}
    read -r port dir name < <(tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | sed -n 's/^PLIMSOLL_LAB=//p') || continue
    [[ $port == "$MARK" ]] || continue
    if [[ $dir == "$LAB_DIR" ]] && ours "$name"; then continue; fi
    stray+=("$p")
    [[ " $dirs" == *" $dir "* ]] || dirs+="$dir "
  done < <(grep -lsz "^PLIMSOLL_LAB=$MARK " /proc/[0-9]*/environ)
  ((${#stray[@]})) || return 0
  say "stopping ${#stray[@]} processes that an earlier lab left on the same ports (its data is kept): $dirs"
  kill -TERM "${stray[@]}" 2>/dev/null || true
  for _ in $(seq 100); do
    for p in "${stray[@]}"; do [[ ! -d /proc/$p ]] || { sleep 0.1; continue 2; }; done
    return 0
  done
  kill -KILL "${stray[@]}" 2>/dev/null || true
  sleep 0.2
}
port_free() { # name port: ours already, or nobody's
  ours "$1" || ! port_open "$2" || die "$1: port $2 is in use, by none of our processes; see the ports at the top of $0"
}
http_up()   { [[ $(curl -s -o /dev/null -w '%{http_code}' --max-time 30 "$1") =~ ^(200|300|401)$ ]]; }


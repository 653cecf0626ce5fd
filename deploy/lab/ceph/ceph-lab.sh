#!/usr/bin/env bash
# ceph-lab.sh - a real Ceph on one machine: monitor, manager, three OSDs, an RGW, an MDS.
#
#   install    Debian's packages, where they are missing
#   up         install if needed, configure, start everything
#   seed       users, S3 traffic over several hours, RBD images, subvolumes; what to expect goes to manifest.json
#   scale      USERS BUCKETS OBJECTS: many users, with buckets each, with objects in each
#   status     what runs, RSS, and `ceph -s`
#   env        print the variables a collector needs (eval "$(ceph-lab.sh env)")
#   rgw-shift  SECONDS: restart RGW with its clock so far from ours (0: with ours)
#   kill9      [NAME]: kill RGW, or another of the daemons, at once; "up" starts it again
#   down       stop every process this lab started (data is kept)
#   destroy    down + delete all data
#
# Everything listens on 127.0.0.1. No systemd; root only for the packages. State lives in $CEPH_LAB_DIR only. Idempotent.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$HERE/../../.." && pwd)
LAB_DIR=${CEPH_LAB_DIR:-$ROOT/target/lab/ceph}
# First of a range below the ephemeral ports: +0 and +1 monitor, +10 the manager's Prometheus page, +20 RGW, +100 to +300 OSDs, manager, MDS.
PORT=${CEPH_LAB_PORT:-27000}
OSDS=${CEPH_LAB_OSDS:-3}
OSD_GB=${CEPH_LAB_OSD_GB:-8}       # a sparse file each
REPLICAS=${CEPH_LAB_REPLICAS:-2}   # two show that stored and used differ
STORE=${CEPH_LAB_STORE:-bluestore} # or memstore
TICK=${CEPH_LAB_USAGE_TICK:-2}     # seconds between flushes of the usage log; RGW's own default is 30
H=127.0.0.1
RGW_PORT=$((PORT + 20)) PROMETHEUS_PORT=$((PORT + 10))
# Not secret here; deterministic, so that a collector's configuration outlives the lab.
METER_ACCESS_KEY=PLIMSOLLMETERING METER_SECRET_KEY=plimsoll-lab-metering-secret-key

RUN=$LAB_DIR/run LOG=$LAB_DIR/log ETC=$LAB_DIR/etc VAR=$LAB_DIR/var
MARK=$PORT
# shellcheck source=deploy/lab/processes.sh
source "$HERE/../processes.sh"
unset CEPH_ARGS
export CEPH_CONF=$ETC/ceph.conf
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

ceph_() { timeout 120 ceph "$@"; }

cmd_install() {
  [[ $LAB_DIR != *[[:space:]%]* ]] || die "CEPH_LAB_DIR=$LAB_DIR: Ceph's configuration cannot name a path with a blank or a percent sign; set CEPH_LAB_DIR to another"
  mkdir -p "$RUN" "$LOG" "$ETC" "$VAR"
  "$HERE/../../setup/apt.sh" ceph-mon=/usr/bin/ceph-mon ceph-mgr=/usr/bin/ceph-mgr ceph-mgr-modules-core=/usr/share/ceph/mgr/prometheus/module.py \
    ceph-osd=/usr/bin/ceph-osd ceph-mds=/usr/bin/ceph-mds radosgw=/usr/bin/radosgw ceph-common=/usr/bin/rbd python3-cephfs=/usr/share/doc/python3-cephfs \
    faketime=/usr/bin/faketime curl=/usr/bin/curl python3=/usr/bin/python3 || die "packages are missing"
}

write_config() {
  [[ -e $ETC/fsid ]] || cat /proc/sys/kernel/random/uuid >"$ETC/fsid"
  cat >"$CEPH_CONF" <<E
[global]
fsid = $(cat "$ETC/fsid")
mon host = [v2:$H:$PORT,v1:$H:$((PORT + 1))]
public addr = $H
cluster addr = $H
ms bind port min = $((PORT + 100))
ms bind port max = $((PORT + 300))
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = $ETC/\$name.keyring
run dir = $RUN
admin socket =
pid file =
log file = $LOG/\$name.ceph.log
log to stderr = false
err to stderr = true
crash dir = $VAR/crash
osd crush chooseleaf type = 0
osd pool default size = $REPLICAS
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon allow pool delete = true
mon warn on pool no redundancy = false
mon max pg per osd = 2000
mon data avail warn = 2
mon data avail crit = 1
[mon]
mon data = $VAR/\$name
mon cluster log file = $LOG/cluster.log
[mgr]
mgr data = $VAR/\$name
mgr module path = $VAR/modules
mgr stats period = 5
[mds]
mds data = $VAR/\$name
mds cache memory limit = 134217728
[osd]
osd data = $VAR/\$name
osd objectstore = $STORE
bluestore block create = true
bluestore block size = $((OSD_GB * 1024 * 1024 * 1024))
bluestore block wal create = false
bluestore block db create = false
memstore device bytes = $((OSD_GB * 1024 * 1024 * 1024 / 4))
osd memory target = 939524096
osd check max object name len on startup = false
[client]
log file =
[client.rgw.a]
rgw data = $VAR/\$name
log file = $LOG/\$name.ceph.log
rgw frontends = beast endpoint=$H:$RGW_PORT
rgw thread pool size = 32
rgw enable usage log = true
rgw usage log tick interval = $TICK
rgw gc obj min wait = 5
rgw gc processor period = 10
rgw user quota bucket sync interval = 10
rgw user quota sync interval = 20
rgw bucket quota ttl = 5
rgw dynamic resharding = false
rgw init timeout = 60
E
}
# bcrypt, which a manager's module imports, cannot be loaded twice in one process from Ceph 17 on: a stand-in shadows it, for no module here needs it.
write_modules() {
  mkdir -p "$VAR/modules"
  local m
  for m in /usr/share/ceph/mgr/*; do ln -sfn "$m" "$VAR/modules/"; done
  [[ $(ceph --version) =~ \ 1[67]\. ]] || printf 'def gensalt(*_):\n    return b""\ndef hashpw(*_):\n    raise RuntimeError\ndef checkpw(*_):\n    return False\n' >"$VAR/modules/bcrypt.py"
}
write_keys() {
  local admin=$ETC/client.admin.keyring
  [[ ! -e $admin ]] || return 0
  ceph-authtool --create-keyring "$ETC/mon.keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
  ceph-authtool --create-keyring "$admin.new" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mds 'allow *' --cap mgr 'allow *' >/dev/null
  ceph-authtool "$ETC/mon.keyring" --import-keyring "$admin.new" >/dev/null
  mv "$admin.new" "$admin"
}
key() { # name caps...
  local n=$1; shift
  [[ -s $ETC/$n.keyring ]] || ceph_ auth get-or-create "$n" "$@" -o "$ETC/$n.keyring"
}

up_mon() {
  if [[ ! -e $VAR/mon.a/keyring ]]; then
    rm -rf "$VAR/mon.a"
    mkdir -p "$VAR/mon.a"
    monmaptool --create --clobber --fsid "$(cat "$ETC/fsid")" --addv a "[v2:$H:$PORT,v1:$H:$((PORT + 1))]" "$ETC/monmap" >/dev/null
    ceph-mon -i a --mkfs --monmap "$ETC/monmap" --keyring "$ETC/mon.keyring"
  fi
  port_free mon "$PORT"
  start mon ceph-mon -f -i a --keyring "$VAR/mon.a/keyring"
  wait_for 60 mon timeout 10 ceph mon stat
}
up_mgr() {
  mkdir -p "$VAR/mgr.x"
  key mgr.x mon 'allow profile mgr' osd 'allow *' mds 'allow *'
  start mgr ceph-mgr -f -i x
}
up_osd() { # number
  local d=$VAR/osd.$1 id secret
  if [[ ! -e $d/ready ]]; then
    rm -rf "$d"
    mkdir -p "$d"
    id=$(cat /proc/sys/kernel/random/uuid) secret=$(ceph-authtool --gen-print-key)
    ceph_ osd purge "$1" --yes-i-really-mean-it >/dev/null 2>&1 || true # what an interrupted attempt left
    printf '{"cephx_secret": "%s"}' "$secret" | ceph_ osd new "$id" "$1" -i - >/dev/null
    printf '[osd.%s]\n\tkey = %s\n' "$1" "$secret" >"$ETC/osd.$1.keyring"
    ceph-osd -i "$1" --mkfs --osd-uuid "$id" 2>>"$LOG/osd.$1.log"
    touch "$d/ready"
  fi
  start "osd.$1" ceph-osd -f -i "$1"
}
up_mds() {
  if ! ceph_ fs ls -f json | grep -q '"cephfs"'; then
    ceph_ osd pool create cephfs_metadata 8
    ceph_ osd pool create cephfs_data 8
    ceph_ fs new cephfs cephfs_metadata cephfs_data
  fi >>"$LOG/mds.log" 2>&1
  mkdir -p "$VAR/mds.a"
  key mds.a mon 'allow profile mds' osd 'allow rwx' mds 'allow *' mgr 'allow profile mds'
  start mds ceph-mds -f -i a
}
# Only RGW's clock moves: the usage log's hours, days and months need no waiting then, and the cluster notices nothing.
up_rgw() {
  local shift library=()
  mkdir -p "$VAR/client.rgw.a"
  key client.rgw.a mon 'allow rw' osd 'allow rwx' mgr 'allow rw'
  shift=$(cat "$VAR/rgw.shift" 2>/dev/null || echo +0)
  if [[ $shift != +0 ]]; then
    library=(/usr/lib/*/faketime/libfaketimeMT.so.1)
    library=(env "LD_PRELOAD=${library[0]}" "FAKETIME=$shift" FAKETIME_DONT_FAKE_MONOTONIC=1)
  fi
  port_free rgw "$RGW_PORT"
  start rgw "${library[@]}" radosgw -f -n client.rgw.a
  wait_for 120 rgw rgw_up
}
rgw_up() { [[ $(curl -s -o /dev/null -w '%{http_code}' --max-time 30 "http://$H:$RGW_PORT/admin/usage") == 403 ]]; } # which the usage log does not count
osds_up() { [[ $(ceph_ osd stat -f json | tr ',{}' '\n' | sed -n 's/^"num_up_osds"://p') == "$OSDS" ]]; }
mds_up() { ceph_ fs status cephfs -f json | grep -q '"active"'; }
# What a collector may be given: a Ceph user that can read what plimsoll reads and change nothing, and an RGW user with the same limits.
meters() {
  key client.plimsoll mon 'allow r' mgr 'allow r' osd 'profile rbd-read-only'
  [[ -e $VAR/meter ]] || {
    radosgw-admin user create --uid metering --display-name 'metering' --access-key "$METER_ACCESS_KEY" --secret-key "$METER_SECRET_KEY" \
      --caps 'usage=read;buckets=read;metadata=read' >>"$LOG/meter.log" 2>&1 || die "radosgw-admin: see $LOG/meter.log"
    touch "$VAR/meter"
  }
}
settings() {
  [[ ! -e $VAR/settings ]] || return 0
  ceph_ config set global osd_pool_default_pg_autoscale_mode off
  ceph_ config set --force mgr mgr/prometheus/server_addr $H
  ceph_ config set --force mgr mgr/prometheus/server_port $PROMETHEUS_PORT
  ceph_ config set --force mgr mgr/prometheus/scrape_interval 5
  ceph_ mgr module enable prometheus --force
  touch "$VAR/settings"
}
cmd_up() {
  local t0=$SECONDS p all=() i
  cmd_install
  stop_strays
  write_config
  write_modules
  write_keys
  up_mon;                     say "monitor   +$((SECONDS - t0))s"
  up_mgr & all+=($!)
  for i in $(seq 0 $((OSDS - 1))); do up_osd "$i" & all+=($!); done
  for p in "${all[@]}"; do wait "$p" || die "a daemon could not be made; see $LOG"; done
  wait_for 120 osds osds_up;  say "OSDs      +$((SECONDS - t0))s"
  settings
  all=()
  up_rgw & all+=($!)
  up_mds & all+=($!)
  for p in "${all[@]}"; do wait "$p" || die "RGW or the MDS did not come up; see $LOG"; done
  meters
  wait_for 60 mds mds_up
  wait_for 120 mgr http_up "http://$H:$PROMETHEUS_PORT/metrics"
  say "up        +$((SECONDS - t0))s; eval \"\$($0 env)\" gives a collector's credentials"
}

env_vars() {
  cat <<E
export CEPH_LAB_DIR=$LAB_DIR CEPH_LAB_PORT=$PORT CEPH_CONF=$CEPH_CONF LAB_CEPH_ID=plimsoll
export LAB_MANIFEST=$LAB_DIR/manifest.json LAB_SHIFT=$VAR/rgw.shift LAB_MGR_URL=http://$H:$PROMETHEUS_PORT/metrics
export LAB_RGW_URL=http://$H:$RGW_PORT RGW_ACCESS_KEY=$METER_ACCESS_KEY RGW_SECRET_KEY=$METER_SECRET_KEY
unset CEPH_ARGS
E
}
names() {
  local i
  echo mon mgr
  for i in $(seq 0 $((OSDS - 1))); do echo "osd.$i"; done
  echo mds rgw
}
cmd_status() {
  local n p rc=0 total=0 rss
  printf '%-8s %8s %8s %s\n' NAME PID RSS_MiB STATE
  for n in $(names); do
    if ours "$n"; then
      p=$(pid "$n"); rss=$(awk '/^VmRSS/{print int($2 / 1024)}' "/proc/$p/status"); total=$((total + rss))
      printf '%-8s %8s %8s %s\n' "$n" "$p" "$rss" running
    else printf '%-8s %8s %8s %s\n' "$n" - - stopped; rc=1; fi
  done
  echo "total $total MiB; disk $(du -sh "$LAB_DIR" | cut -f1); RGW's clock $(cat "$VAR/rgw.shift" 2>/dev/null || echo +0) s"
  if ours mon; then timeout 20 ceph -s || true; fi
  return $rc
}
cmd_down() {
  local i
  mkdir -p "$RUN"
  stop rgw; stop mds
  for i in $(seq 0 $((OSDS - 1))); do stop "osd.$i" & done; wait
  stop mgr; stop mon
}
cmd_destroy() {
  cmd_down
  rm -rf "$RUN" "$LOG" "$ETC" "$VAR" "$LAB_DIR/manifest.json"
}
cmd_shift() {
  [[ ${1:-} =~ ^[+-]?[0-9]+$ ]] || die "rgw-shift SECONDS: how far RGW's clock shall be from ours, such as -3600 or +86400; 0 for ours"
  [[ -e $CEPH_CONF ]] || die "there is no lab in $LAB_DIR: $0 up"
  local by=$1
  [[ $by == [+-]* ]] || by=+$by
  stop rgw
  echo "$by" >"$VAR/rgw.shift"
  up_rgw
}
cmd_kill9() {
  local n=${1:-rgw}
  ours "$n" || die "$n does not run; the names are: $(names | tr '\n' ' ')"
  kill -KILL -- "-$(pid "$n")"
  rm -f "$RUN/$n.pid"
}
python() { # script arguments...
  local s=$1; shift
  eval "$(env_vars)"
  LAB_SCRIPT=$HERE/ceph-lab.sh PYTHONDONTWRITEBYTECODE=1 python3 "$HERE/$s.py" "$@"
}

case ${1:-} in
  install) cmd_install;;
  up) cmd_up;;
  seed | scale) python "$@";;
  request) shift; python s3 "$@";;                     # one signed request, for a look at RGW's answers
  status) cmd_status;;
  env) env_vars;;
  rgw-shift) shift; cmd_shift "$@";;
  kill9) shift; cmd_kill9 "$@";;
  stop) shift; for n in "$@"; do stop "$n"; done;;     # one daemon; "up" starts it again
  down) cmd_down;;
  destroy) cmd_destroy;;
  *) sed -n '2,15p' "$0"; exit 2;;
esac

# shellcheck shell=bash
# Swift: a proxy and one account, container and object server on a directory; one replica.
conf_swift() {
  local kind port
  mkdir -p "$VAR/swift/node/d1" "$VAR/swift/cache"
  cat >"$ETC/swift/swift.conf" <<E
[swift-hash]
swift_hash_path_prefix = lab
swift_hash_path_suffix = lab
E
  cat >"$ETC/swift/proxy-server.conf" <<E
[DEFAULT]
swift_dir = $ETC/swift
bind_ip = $H
bind_port = $SWIFT_PORT
user = $(id -un)
workers = 0
log_address = /dev/null
log_level = WARN
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging listing_formats authtoken keystoneauth slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:proxy-logging]
use = egg:swift#proxy_logging
access_log_address = /dev/null
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
reseller_admin_role = ResellerAdmin
system_reader_roles = metering
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
delay_auth_decision = true
$(authtoken swift | grep -v '^\[')
E
  for kind in account container object; do
    port=$(swift_port $kind)
    cat >"$ETC/swift/$kind-server.conf" <<E
[DEFAULT]
swift_dir = $ETC/swift
devices = $VAR/swift/node
mount_check = false
bind_ip = $H
bind_port = $port
user = $(id -un)
workers = 0
recon_cache_path = $VAR/swift/cache
log_address = /dev/null
log_level = WARN
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
[container-updater]
interval = 2
[object-updater]
interval = 2
E
  done
}
swift_port() {
  case $1 in
    account) echo "$SWIFT_ACCOUNT_PORT";;
    container) echo "$SWIFT_CONTAINER_PORT";;
    object) echo "$SWIFT_OBJECT_PORT";;
  esac
}
mig_swift() { # the rings: where what lies
  local kind
  for kind in account container object; do
    "$BIN/swift-ring-builder" "$ETC/swift/$kind.builder" create 4 1 1 &&
      "$BIN/swift-ring-builder" "$ETC/swift/$kind.builder" add --region 1 --zone 1 --ip "$H" --port "$(swift_port $kind)" --device d1 --weight 1 &&
      "$BIN/swift-ring-builder" "$ETC/swift/$kind.builder" rebalance || return 1
  done
}
start_swift() {
  local kind
  for kind in account container object; do
    port_free "swift-$kind" "$(swift_port $kind)"
    start "swift-$kind" "$BIN/swift-$kind-server" "$ETC/swift/$kind-server.conf"
  done
  # A daemon of Swift's takes no other place of swift.conf than /etc/swift.
  start swift-container-updater "$BIN/python" -c "from swift.common import utils; utils.set_swift_dir('$ETC/swift')
from swift.container.updater import main; main()" "$ETC/swift/container-server.conf"
  port_free swift-proxy "$SWIFT_PORT"
  start swift-proxy "$BIN/swift-proxy-server" "$ETC/swift/proxy-server.conf"
}
ready_swift() { wait_for 180 swift-proxy http_up "http://$H:$SWIFT_PORT/healthcheck"; }

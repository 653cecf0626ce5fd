# shellcheck shell=bash
# Manila with its own dummy driver, which keeps shares in memory.
conf_manila() {
  cp -n "$LAB_VENV/etc/manila/api-paste.ini" "$ETC/manila/" 2>/dev/null || true
  { common manila; cat <<E
auth_strategy = keystone
osapi_share_listen = $H
osapi_share_listen_port = $MANILA_PORT
api_paste_config = $ETC/manila/api-paste.ini
rootwrap_config = $LAB_VENV/etc/manila/rootwrap.conf
enabled_share_backends = dummy
enabled_share_protocols = NFS
default_share_type = lab-share
[dummy]
share_driver = manila.tests.share.drivers.dummy.DummyDriver
share_backend_name = dummy
driver_handles_share_servers = false
dummy_driver_default_driver_method_delay = 0.1
dummy_driver_driver_methods_delays = create_share:0.5
E
    authtoken manila; tail_common manila manila; } >"$ETC/manila/manila.conf"
}
mig_manila() { "$BIN/manila-manage" --config-file "$ETC/manila/manila.conf" db sync; }
start_manila() {
  wsgi manila-api "$MANILA_PORT" manila.wsgi.api "--config-file $ETC/manila/manila.conf"
  start manila-scheduler "$BIN/manila-scheduler" --config-file "$ETC/manila/manila.conf"
  start manila-share "$BIN/manila-share" --config-file "$ETC/manila/manila.conf"
}
ready_manila() { wait_for 180 manila-api http_up "http://$H:$MANILA_PORT/"; }

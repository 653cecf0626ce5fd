# shellcheck shell=bash
# Octavia: the API and its worker with the drivers that do nothing: balancers are made, become ACTIVE and are deleted, but no amphora runs.
conf_octavia() {
  { common octavia; cat <<E
[api_settings]
auth_strategy = keystone
bind_host = $H
bind_port = $OCTAVIA_PORT
api_base_uri = http://$H:$OCTAVIA_PORT
enabled_provider_drivers = amphora:amphorae that do nothing
default_provider_driver = amphora
[controller_worker]
workers = 1
amphora_driver = amphora_noop_driver
compute_driver = compute_noop_driver
network_driver = network_noop_driver
image_driver = image_noop_driver
volume_driver = volume_noop_driver
amp_boot_network_list = 00000000-0000-0000-0000-000000000001
amp_flavor_id = 00000000-0000-0000-0000-000000000002
amp_image_tag = amphora
client_ca = $ETC/octavia/ca.pem
[certificates]
ca_certificate = $ETC/octavia/ca.pem
ca_private_key = $ETC/octavia/ca.key
ca_private_key_passphrase = lab
server_certs_key_passphrase = insecure-key-do-not-use-this-key
[oslo_messaging]
topic = octavia_prov
[service_auth]
$(authsection octavia)
E
    authtoken octavia; tail_common octavia octavia; } >"$ETC/octavia/octavia.conf"
  [[ -e $ETC/octavia/ca.pem ]] || openssl req -x509 -newkey rsa:2048 -passout pass:lab -days 3650 -subj /CN=lab \
    -keyout "$ETC/octavia/ca.key" -out "$ETC/octavia/ca.pem" 2>/dev/null
}
mig_octavia() { "$BIN/octavia-db-manage" --config-file "$ETC/octavia/octavia.conf" upgrade head; }
start_octavia() {
  wsgi octavia-api "$OCTAVIA_PORT" octavia.wsgi.api "--config-file $ETC/octavia/octavia.conf"
  start octavia-worker "$BIN/octavia-worker" --config-file "$ETC/octavia/octavia.conf"
}
ready_octavia() { wait_for 180 octavia-api http_up "http://$H:$OCTAVIA_PORT/"; }

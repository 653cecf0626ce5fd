#!/usr/bin/env bash
# test.sh [--fast] - all tests but those of the laboratories; --fast leaves out the ones whose names begin with slow_.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# promtool judges the rules that plimsoll makes; Prometheus and Alertmanager run them.
deploy/setup/apt.sh prometheus=promtool prometheus-alertmanager=amtool

skip=()
# The broker that the tests start for themselves, and what makes its certificate.
[[ ${1:-} == --fast ]] || deploy/setup/apt.sh rabbitmq-server=/usr/lib/rabbitmq/bin/rabbitmq-server openssl
if [[ ${1:-} == --fast ]]; then skip=(-- --skip slow_); fi
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --locked "${skip[@]}"
else
  cargo test --locked --lib --bins --tests "${skip[@]}"
fi
cargo test --locked --doc

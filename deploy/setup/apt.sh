#!/usr/bin/env bash
# apt.sh PACKAGE=PROBE... - installs Debian packages, but only those that are missing.
# PROBE is a command or a path; where it is found the package is not asked for. No daemon of a package is started.
set -euo pipefail

need=()
for want in "$@"; do
  package=${want%%=*} probe=${want#*=}
  [[ -e $probe ]] || command -v -- "$probe" >/dev/null 2>&1 || need+=("$package")
done
((${#need[@]})) || exit 0

command -v apt-get >/dev/null || {
  echo "missing: ${need[*]} (Debian's names); this system has no apt-get, so install them its own way" >&2
  exit 1
}
as=()
if (($(id -u))); then
  if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    as=(sudo)
  else
    echo "missing packages, and we are not root. Run: sudo apt-get install --no-install-recommends ${need[*]}" >&2
    exit 1
  fi
fi

log=$(mktemp) policy=/usr/sbin/policy-rc.d ours=0
cleanup() {
  rm -f "$log"
  if ((ours)); then "${as[@]}" rm -f "$policy"; fi
}
trap cleanup EXIT
if [[ ! -e $policy ]]; then
  ours=1
  # shellcheck disable=SC2016  # $0 is expanded by the inner shell
  "${as[@]}" sh -c 'printf "#!/bin/sh\nexit 101\n" >"$0" && chmod +x "$0"' "$policy"
fi

echo "apt: ${need[*]}" >&2
apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=900)
if ! { "${apt[@]}" update && "${apt[@]}" -y install --no-install-recommends "${need[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "apt-get install ${need[*]} failed; its last words are above" >&2
  exit 1
fi

#!/usr/bin/env bash
# engine.sh - fetches the embedded engine (ClickHouse as a library) from its npm package into target/engine/libchdb.so.
# Exactly this version: the package's `latest` tag is older and lacks the listener. Does nothing where it is there already.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

package=@chdb/lib-linux-x64-gnu@26.7.3-stable.1
sha256=36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5
dir=${CARGO_TARGET_DIR:-target}/engine
lib=$dir/libchdb.so stamp=$dir/libchdb.so.sha256

if [[ -n ${PLIMSOLL_ENGINE_LIBRARY:-} ]]; then
  [[ -r $PLIMSOLL_ENGINE_LIBRARY ]] || { echo "PLIMSOLL_ENGINE_LIBRARY=$PLIMSOLL_ENGINE_LIBRARY is not there" >&2; exit 1; }
  exit 0
fi
if [[ $(uname -sm) != "Linux x86_64" ]] || ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
  echo "The embedded engine exists for Linux x86_64 with glibc only. Here plimsoll works with a remote ClickHouse (store.remote);" >&2
  echo "tests and 'make run' without CONFIG need the engine and will fail." >&2
  exit 0
fi

# The stamp names content, size and time: a file changed since it was verified is verified again.
mark() { stat -c "$sha256 %s %Y" "$lib"; }
right() { echo "$sha256  $1" | sha256sum --check --status; }
[[ -e $lib && -e $stamp && $(<"$stamp") == "$(mark)" ]] && exit 0
if [[ -e $lib ]] && right "$lib"; then mark >"$stamp"; exit 0; fi

deploy/setup/apt.sh npm=npm ca-certificates=/etc/ssl/certs/ca-certificates.crt
mkdir -p "$dir"
tmp=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
echo "engine: fetching $package (178 MB)" >&2
(cd "$tmp" && npm pack --silent --no-update-notifier "$package" >npm.log 2>&1) || {
  cat "$tmp/npm.log" >&2
  echo "npm pack $package failed: is the npm registry within reach?" >&2
  exit 1
}
tar -xzf "$tmp"/*.tgz -C "$tmp" package/libchdb.so
right "$tmp/package/libchdb.so" || { echo "engine: the library in $package has another SHA-256 than $sha256; not installed" >&2; exit 1; }
mv -f "$tmp/package/libchdb.so" "$lib"
mark >"$stamp"
echo "engine: $lib" >&2

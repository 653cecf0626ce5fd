#!/usr/bin/env bash
# lint.sh - formatting, clippy, rustdoc, shell scripts; a warning fails it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

cargo clippy --version >/dev/null 2>&1 || {
  echo "clippy is missing. Run: rustup component add clippy rustfmt (Debian packages rustfmt-web, but no clippy for it)" >&2
  exit 1
}
cargo fmt --check
cargo clippy --all-targets --all-features --locked -- -D warnings
RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items --locked
if command -v shellcheck >/dev/null; then
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck
else
  echo "lint: shellcheck is not installed, so shell scripts were not checked" >&2
fi

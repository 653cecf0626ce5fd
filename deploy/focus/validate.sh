#!/usr/bin/env bash
# validate.sh DIR - holds the FOCUS Parquet files of an export (`plimsoll export --format focus-parquet --out DIR`) against focus-validator, with rules made from the
# columns of FOCUS 1.2. The validator is installed below target/ the first time.
set -euo pipefail
[[ $# == 1 && -d $1 ]] || { echo "usage: validate.sh DIR (of an export as focus-parquet)" >&2; exit 2; }
dir=$(realpath "$1")
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

venv=$(realpath -m "${CARGO_TARGET_DIR:-target}/focus-validator")
if [[ ! -f $venv/ready-1.0.0 ]]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # Its own bounds are too wide: later ones of these break it.
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'focus-validator==1.0.0' 'multimethod<1.12' 'pyarrow==14.0.2'
    touch "$venv/ready-1.0.0"
fi
rules=$(realpath -m "$venv/rules")
rm -rf "$rules"
"$venv/bin/python" deploy/focus/rules.py tests/captures/focus/columns-1.2.csv "$rules/1.2"

shopt -s nullglob
files=("$dir"/*.focus.parquet)
((${#files[@]})) || { echo "validate.sh: $dir has no *.focus.parquet" >&2; exit 2; }
# It looks for its list of currencies from here.
cd "$("$venv/bin/python" -c 'import focus_validator, pathlib; print(pathlib.Path(focus_validator.__file__).parents[1])')"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for file in "${files[@]}"; do
    "$venv/bin/python" "$OLDPWD/deploy/focus/floats.py" "$file" "$scratch/floats.parquet"
    told=$("$venv/bin/focus-validator" --data-file "$scratch/floats.parquet" --rule-set-path "$rules" --validate-version 1.2 2>&1) || true
    # Its exit code is 0 whatever it finds: the last line tells.
    if [[ $(tail -n 1 <<<"$told") != "Validation succeeded." ]]; then
        printf '%s\n%s\n' "$file:" "$told" >&2
        exit 1
    fi
    echo "$(basename "$file"): $(tail -n 1 <<<"$told")"
done

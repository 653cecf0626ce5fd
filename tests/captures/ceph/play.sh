#!/bin/sh
# Plays `ceph` and `rbd`: play.sh DIR RECORDED PROGRAM ARGUMENT... prints what was recorded of a command, from the first directory that has an answer; what nobody
# recorded is an error. Commands are written down in DIR/asked.
first=$1 second=$2; shift 2
name=$(printf '%s_' "$@" | sed 's/_--format_json_$//; s/--//g; s/[^A-Za-z0-9._=-]/_/g; s/_*$//')
echo "$name" >>"$first/asked"
for d in "$first" "$second"; do
  if [ -e "$d/$name.out" ]; then cat "$d/$name.out"; exit; fi
  if [ -e "$d/$name.err" ]; then read -r code why <"$d/$name.err"; echo "$why" >&2; exit "$code"; fi
done
echo "not recorded: $name" >&2; exit 1

#!/usr/bin/env bash
# Checks the unit and its drop-ins without booting anything: verify.sh BINARY
# systemd-analyze ends with 0 after an unknown key or type and only prints a
# line, so any line is a failure.
set -euo pipefail
binary=$(realpath "${1:?usage: verify.sh BINARY}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME THRESHOLD DROP-IN...
  local name=$1 threshold=$2 said
  shift 2
  rm -rf "${work:?}"/*
  mkdir "$work/vigente.service.d"
  sed "s#/usr/bin/vigente#$binary#" vigente.service >"$work/vigente.service"
  for dropin in "$@"; do cp "examples/$dropin" "$work/vigente.service.d/"; done
  said=$(systemd-analyze verify "$work/vigente.service" 2>&1 || echo "verify ended with $?")
  [[ -z $said ]] || { printf 'verify, %s:\n%s\n' "$name" "$said"; failed=1; }
  # The threshold is in tenths, and what equals it passes.
  said=$(systemd-analyze security --offline=true --threshold="$threshold" "$work/vigente.service" 2>&1 | tail -n 1) ||
    { printf 'exposure, %s, above %s: %s\n' "$name" "$threshold" "$said"; failed=1; }
  printf '%s: %s\n' "$name" "${said#*Overall }"
}

check 'the unit' 14
check 'with an AppServer INI' 14 appserver-ini.conf
check 'with encrypted credentials' 14 encrypted-credentials.conf
check 'with a narrow network' 14 network.conf
check 'with a dynamic user' 14 dynamic-user.conf
check 'with owners' 30 chown.conf
check 'with heavier hooks' 20 hooks.conf
exit "$failed"

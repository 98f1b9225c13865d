#!/usr/bin/env bash
# Types what the guide tells a newcomer to type, in a bare Debian with a real
# systemd, and looks at what came of it: first-run.sh DEB ROOT BOX [DOCUMENT]
# ROOT is made by box.sh make with prometheus and ca-certificates in its cache,
# BOX is a new folder, DOCUMENT is docs/guide.md unless told.
#
# A fenced sh block is typed when the line before it is one of
#   <!-- first-run: N -->                 typed once; it must succeed
#   <!-- first-run: N until: TEXT -->     typed again until its output has TEXT
#   <!-- first-run: N until-not: TEXT --> typed again until its output lacks TEXT
# in the order of N, which counts from 1; and, when all of these are done and
# counted, in the order of the document when it is
#   <!-- box -->                          typed once; it must succeed
# Each block is a shell of its own, as root in /root, where the package lies.
# The machine has a user totvs with an AppServer in /totvs/tss/bin/appserver, an
# operator, ana, and a service erp. With FAST=1, for CI, Prometheus looks every
# second, alerts wait a second and the daemon keeps one between two calls.
set -euo pipefail
usage='usage: first-run.sh DEB ROOT BOX [DOCUMENT]'
deb=$(realpath "${1:?$usage}")
root=$(realpath "${2:?$usage}")
box=${3:?$usage}
here=$(realpath "$(dirname "$0")")
document=$(realpath "${4:-$here/../../docs/guide.md}")
# shellcheck source=systemd/test/checks.sh
source "$here/checks.sh"

"$here/box.sh" up "$root" "$box"
install "$deb" "$files/root/"
ini=$files/totvs/tss/bin/appserver/appserver.ini
in_box useradd --system totvs
in_box useradd ana
in_box groupadd erp
in_box install -d -g erp -m 2770 /etc/erp
printf '[Service]\nExecStart=/bin/sleep infinity\n' >"$files/etc/systemd/system/erp.service"
mkdir -p "$(dirname "$ini")"
printf '; loja 12\r\n[SPED]\r\nRpoDb=SQL\r\n\r\n[TSSOFFLINE]\r\nTSSOFFLINE=1\r\nTOKEN=\r\n' >"$ini"
in_box chown -R totvs:totvs /totvs
in_box chmod 0660 /totvs/tss/bin/appserver/appserver.ini
cp "$ini" "$box/before.ini"

# blocks N.sh and, for those that wait, N.until or N.until-not; others as
# LINE.box
mkdir "$box/typed"
awk -v to="$box/typed" '
  match($0, /^<!-- first-run: [0-9]+/) {
    n = substr($0, RSTART + 16, RLENGTH - 16)
    rest = substr($0, RSTART + RLENGTH); sub(/ *-->.*/, "", rest)
    if (rest != "") { kind = rest; sub(/^ /, "", kind); text = kind; sub(/:.*/, "", kind); sub(/^[^:]*: /, "", text); print text > (to "/" n "." kind) }
    next
  }
  /^<!-- box -->$/ { box = NR; next }
  /^```sh$/ && box != "" { other = to "/" sprintf("%05d", box) ".box"; box = ""; next }
  /^```/ { other = "" }
  other != "" { print > other; next }
  /^```sh$/ && n != "" { typing = n; n = ""; next }
  /^```/ { typing = ""; next }
  typing != "" { print > (to "/" typing ".sh") }
' "$document"

type_block() { type_in "$box" "$1"; }
again() { # again N: types a block that waits, once
  type_block "$box/typed/$1.sh" >"$box/output" 2>&1 || true
  if [[ -e $box/typed/$1.until ]]; then
    grep -q -- "$(<"$box/typed/$1.until")" "$box/output"
  else
    ! grep -q -- "$(<"$box/typed/$1.until-not")" "$box/output"
  fi || { cat "$box/output"; return 1; }
}

count=$(find "$box/typed" -name '*.sh' | wc -l)
((count > 0)) || { echo "$document has no block to type"; exit 1; }
lines=0 patience=300
[[ -z ${FAST:-} ]] || patience=60
for ((n = 1; n <= count; n++)); do
  block=$box/typed/$n.sh
  [[ -e $block ]] || { echo "$document has $count blocks, and none has the number $n"; exit 1; }
  typed=$(grep -cvE '^[[:space:]]*(#|$)' "$block")
  lines=$((lines + typed))
  if [[ -n ${FAST:-} ]]; then
    sed -i -E -e 's/^(  (scrape|evaluation)_interval): .*/\1: 1s/' -e '/^\[providers\./a min_interval = "1s"' "$block"
  fi
  from=$SECONDS
  if [[ -e $box/typed/$n.until || -e $box/typed/$n.until-not ]]; then
    check "block $n, $typed lines, until it is so" within "$patience" again "$n"
  else
    check "block $n, $typed lines" type_block "$block"
  fi
  say "$((SECONDS - from)) s: $(grep -vE '^[[:space:]]*(#|$)' "$block" | head -n 1)"
  if [[ -n ${FAST:-} && -e $files/usr/share/vigente/alerts.yml ]]; then
    sed -i -E 's/^( +for): .*/\1: 1s/' "$files/usr/share/vigente/alerts.yml"
  fi
  ((failed == 0)) || break
done
minutes=$(((SECONDS - begun + 59) / 60))

check 'the INI has a token' grep -qE '^TOKEN=[^[:space:]]{20,}' "$ini"
check 'every other byte of it is as before' diff <(grep -v '^TOKEN=' "$box/before.ini") <(grep -v '^TOKEN=' "$ini")
check 'it belongs to the daemon and its reader' same "$(in_box stat -c %U:%G:%a /totvs/tss/bin/appserver/appserver.ini)" vigente:totvs:660
check 'the daemon runs' is ActiveState active
check 'everything is in force and delivered' in_box vigente status --check
check 'the doctor is content' in_box vigente doctor --service
ask() { in_box promtool query instant http://127.0.0.1:9090 "$1" >"$box/answer" || { cat "$box/answer"; return 1; }; }
fired() { ask 'max_over_time(ALERTS{alertstate="firing"}[1h])' && grep Vigente "$box/answer"; }
quiet() { ask 'ALERTS{alertstate="firing"}' && not grep Vigente "$box/answer"; }
check 'an alert fired' fired
check 'none fires now' within 30 quiet # one may, for a scrape that a busy machine delays
say "$lines lines typed, $minutes minutes"

((failed == 0)) || verdict
for block in "$box"/typed/*.box; do
  [[ -e $block ]] || continue
  name=$(basename "$block" .box)
  check "line $((10#$name)) of the guide" type_block "$block"
  say "$(grep -vE '^[[:space:]]*(#|$)' "$block" | head -n 1)"
done
say "$lines lines typed, $minutes minutes"
verdict

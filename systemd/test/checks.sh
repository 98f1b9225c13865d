# What the tests in a box share; a script sources it after it has set here, box
# and root. It counts checks and, at the end, shows why one failed.
# shellcheck shell=bash disable=SC2034,SC2154

failed=0 checks=0
begun=$SECONDS
files=$box/root
in_box() { "$here/box.sh" run "$box" "$@"; }
# type_in BOX FILE: types a block of the guide into a shell of its own, as root in /root
type_in() {
  "$here/box.sh" run "$1" bash -c 'cd /root && export HOME=/root DEBIAN_FRONTEND=noninteractive && exec bash -e -o pipefail /dev/stdin' <"$2"
}
say() { printf '   %s\n' "$*"; }
check() { # check WHAT COMMAND...
  local what=$1
  shift
  checks=$((checks + 1))
  if "$@" >"$box/said" 2>&1; then
    printf 'ok   %s\n' "$what"
  else
    printf 'FAIL %s\n' "$what"
    sed 's/^/     /' "$box/said"
    failed=$((failed + 1))
  fi
}
not() { if "$@"; then echo "expected to fail: $*"; return 1; fi; }
within() { # within SECONDS COMMAND...: tries until it succeeds; a busy machine needs patience
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}
property() { in_box systemctl show --property="$1" --value vigente; }
is() { # is PROPERTY PATTERN
  local value
  value=$(property "$1")
  # shellcheck disable=SC2053 # a pattern is wanted
  [[ $value == $2 ]] || { echo "$1 is $value, expected $2"; return 1; }
}
same() { [[ $1 == "$2" ]] || { echo "$1, expected $2"; return 1; }; }
logged() { in_box journalctl --no-pager --unit=vigente --output=cat | grep -E "$1" >/dev/null; }
# journald takes a message a moment after its writer has gone on.
journal() { within 30 logged "$1" || { echo "the journal has no $1"; return 1; }; }

leave() { # the trap of EXIT
  local status=$?
  if [[ -e $box/pid ]]; then
    if ((failed > 0 || status > 0)); then
      in_box systemctl status --no-pager --full vigente || true
      in_box journalctl --no-pager --unit=vigente --lines=60 || true
    fi
    "$here/box.sh" down "$box"
  fi
}
trap leave EXIT

verdict() { # the last line of a test
  echo
  if ((failed > 0)); then
    echo "$failed of $checks checks FAILED"
    exit 1
  fi
  echo "$checks checks passed with $(in_box systemctl --version | head -n 1), in $((SECONDS - begun)) s"
}

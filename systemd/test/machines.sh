#!/usr/bin/env bash
# Types what the guide tells about several machines, on three bare Debians with a
# real systemd and a network between them, and looks at what came of it:
# machines.sh DEB ROOT BOXES [DOCUMENT]
# ROOT is made by box.sh make with etcd-server, etcd-client and openssl in its
# cache, BOXES is a new folder, DOCUMENT is docs/guide.md unless told.
#
# A fenced sh block is typed when the line before it is one of
#   <!-- machines: N on WHO -->             typed once; it must succeed
#   <!-- machines: N on WHO until: TEXT --> typed again until its output has TEXT
# in the order of N, which counts from 1. WHO is a, b, c or, for one after the
# other, all. Each block is a shell of its own, as root in /root, where the
# package lies. The machines have no ssh: scp puts what a gives into their folders.
set -euo pipefail
usage='usage: machines.sh DEB ROOT BOXES [DOCUMENT]'
deb=$(realpath "${1:?$usage}")
root=$(realpath "${2:?$usage}")
boxes=${3:?$usage}
here=$(realpath "$(dirname "$0")")
document=$(realpath "${4:-$here/../../docs/guide.md}")
mkdir -p "$boxes"
boxes=$(realpath "$boxes")
names=(a b c)
box=$boxes/a
# shellcheck source=systemd/test/checks.sh
source "$here/checks.sh"
switch=vigente-switch-$$

on() { # on MACHINE COMMAND...
  local machine=$1
  shift
  "$here/box.sh" run "$boxes/$machine" "$@"
}

finish() {
  local status=$? name
  for name in "${names[@]}"; do
    [[ -e $boxes/$name/pid ]] || continue
    if ((failed > 0 || status > 0)); then
      printf -- '-- journal of %s\n' "$name"
      on "$name" journalctl --no-pager --unit=vigente --lines=40 || true
    fi
    "$here/box.sh" down "$boxes/$name"
  done
  ip netns del "$switch" 2>/dev/null || true
}
trap finish EXIT

# The switch is in a network of its own, so that addresses here do not matter.
ip netns add "$switch"
ip -n "$switch" link add switch type bridge
ip -n "$switch" link set switch up
for i in "${!names[@]}"; do
  name=${names[i]}
  "$here/box.sh" up "$root" "$boxes/$name"
  on "$name" hostname "$name"
  echo "$name" >"$boxes/$name/root/etc/hostname"
  ip -n "$switch" link add "port$i" type veth peer name host0 netns "$(cat "$boxes/$name/pid")"
  ip -n "$switch" link set "port$i" master switch up
  on "$name" ip addr add "10.0.0.$((i + 1))/24" dev host0
  on "$name" ip link set host0 up
  install "$deb" "$boxes/$name/root/root/"
done

typed=$boxes/typed
mkdir "$typed"
awk -v to="$typed" '
  match($0, /^<!-- machines: [0-9]+ on /) {
    n = substr($0, RSTART + 15, RLENGTH - 19)
    rest = substr($0, RSTART + RLENGTH); sub(/ *-->.*/, "", rest)
    print rest > (to "/" n ".who")
    next
  }
  /^```sh$/ && n != "" { typing = n; n = ""; next }
  /^```/ { typing = ""; next }
  typing != "" { print > (to "/" typing ".sh") }
' "$document"

scp() { # scp -r FOLDER root@10.0.0.N:FOLDER
  local names=(a b c) to=${3#root@10.0.0.}
  cp -rp "$boxes/$from/root$2" "$boxes/${names[${to%%:*} - 1]}/root${to#*:}"
}
type_block() { # type_block MACHINE FILE
  if grep -q '^scp ' "$2"; then
    bash -e -o pipefail -c "$(declare -f scp) && boxes=\$1 from=\$2 && source /dev/stdin" - "$boxes" "$1" <"$2"
    return
  fi
  type_in "$boxes/$1" "$2"
}
again() { # again MACHINE FILE TEXT
  type_block "$1" "$2" >"$boxes/output" 2>&1 || true
  grep -q -- "$3" "$boxes/output" || { cat "$boxes/output"; return 1; }
}
count=$(find "$typed" -name '*.who' | wc -l)
((count > 0)) || { echo "$document has no block to type"; exit 1; }
for ((n = 1; n <= count; n++)); do
  [[ -e $typed/$n.who ]] || { echo "$document has $count blocks, and none has the number $n"; exit 1; }
  read -r who rest <"$typed/$n.who"
  [[ $who != all ]] || who='a b c'
  for name in $who; do
    what="block $n on $name: $(grep -vE '^[[:space:]]*(#|$)' "$typed/$n.sh" | head -n 1)"
    if [[ $rest == until:* ]]; then
      check "$what" within 120 again "$name" "$typed/$n.sh" "${rest#until: }"
    else
      check "$what" type_block "$name" "$typed/$n.sh"
    fi
  done
  ((failed == 0)) || break
done
((failed == 0)) || verdict

for name in "${names[@]}"; do
  check "$name has everything in force and delivered" on "$name" vigente status --check
  on "$name" cat /var/lib/vigente/rehearsal >"$boxes/value.$name"
done
check 'all three deliver one value' cmp "$boxes/value.a" "$boxes/value.b"
check 'the third one, too' cmp "$boxes/value.a" "$boxes/value.c"
check 'the doctor is content' on b vigente doctor --service
check 'etcd has the record' on a grep -rqF /vigente/prod/c/rehearsal /var/lib/etcd
check 'and no value in clear' not on a grep -rqF "$(<"$boxes/value.a")" /var/lib/etcd
as_machine() { # as_machine COMMAND...: etcdctl with the rights of Vigente
  on a env ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://10.0.0.1:2379 ETCDCTL_CACERT=/etc/vigente/etcd-ca.pem \
    ETCDCTL_CERT=/root/cluster/node-a.pem ETCDCTL_KEY=/root/cluster/node-a.key etcdctl "$@"
}
check 'a machine may read the prefix' as_machine get --prefix --keys-only /vigente/prod/
check 'and nothing else' not as_machine get --prefix --keys-only /
check 'nor write anything else' not as_machine put /other value
verdict

#!/usr/bin/env bash
# Everything about the unit and the packages, the long way: on systemd 257 and
# 252, with the second build from an empty cache and the alerts' own waiting
# times. As root, some twenty minutes: all.sh [FOLDER]
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(realpath "${1:-$(mktemp -d)}")
cd "$here/../.."
CGO_ENABLED=0 go build -trimpath -o "$work/vigente" ./cmd/vigente
"$here/verify.sh" "$work/vigente"
FRESH=1 "$here/packages.sh" "$work/packages"
for suite in trixie bookworm; do
  "$here/box.sh" make "$suite" "$work/$suite" prometheus ca-certificates rpm etcd-server etcd-client openssl
  "$here/boot.sh" "$work/vigente" "$work/$suite" "$work/box"
  "$here/package.sh" "$work/packages/old" "$work/packages/new" "$work/$suite" "$work/box"
  "$here/first-run.sh" "$work"/packages/new/*.deb "$work/$suite" "$work/box"
  "$here/machines.sh" "$work"/packages/new/*.deb "$work/$suite" "$work/machines-$suite"
done

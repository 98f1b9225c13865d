#!/usr/bin/env bash
# A throw-away machine with a real systemd, for tests on a host whose first
# process is something else (a container, a build machine). Needs root,
# mmdebstrap and systemd-container.
#
#   box.sh make SUITE ROOT [PACKAGE...]
#                                a minimal Debian: trixie (systemd 257), bookworm (252); the
#                                packages are not in it, apt can install them from its cache
#   box.sh up   ROOT BOX         boots a copy of ROOT that is forgotten at the end; BOX is a new folder
#   box.sh run  BOX COMMAND...   runs a command inside as root, with a clean environment
#   box.sh down BOX              switches it off and leaves nothing behind
#
# The box has a network of its own with nothing but loopback.
set -euo pipefail

die() { echo "box: $*" >&2; exit 1; }

# The processes of the box, in our numbering. The box's systemd is the one that
# is number 1 in its own.
members() { find "$1/control" -name cgroup.procs -path "*/$(cat "$1/name")/*" -exec cat {} + 2>/dev/null || true; }
first_process() {
  local pid
  for pid in $(members "$1"); do
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == systemd ]] &&
      [[ $(awk '/^NSpid:/ { print $NF }' "/proc/$pid/status" 2>/dev/null) == 1 ]]; then
      echo "$pid"
      return
    fi
  done
}

make_root() {
  local suite=$1 root=$2 cache=()
  shift 2
  (($# == 0)) || cache=(--skip=cleanup/apt
    --customize-hook="chroot \"\$1\" apt-get install -qq --download-only --no-install-recommends $* >/dev/null")
  mmdebstrap --quiet --variant=minbase "${cache[@]}" \
    --include=systemd,systemd-sysv,dbus,procps,iproute2,libpam-systemd "$suite" "$root"
}

up() {
  local root box name group pid state
  root=$(realpath "$1")
  mkdir -p "$2"
  box=$(realpath "$2")
  # A tmpfs, because an overlay cannot lie on the overlay that a container has.
  mount -t tmpfs -o mode=0755 vigente-box "$box"
  mkdir "$box"/{control,upper,work,root}
  mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" vigente-box "$box/root"
  : >"$box/root/etc/machine-id"
  echo box >"$box/root/etc/hostname"
  echo '127.0.0.1 localhost box' >"$box/root/etc/hosts"

  # nspawn asks which control groups it may use and finds none where the machine
  # mounts the old and the new hierarchy side by side and its first process sits
  # in no slice. So it gets a view with the new hierarchy only, in which it
  # seems to be started by a manager (init.scope).
  name=vigente-box-$$
  echo "$name" >"$box/name"
  mount -t cgroup2 vigente-box "$box/control"
  group=$box/control/$name
  mkdir "$group"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    # shellcheck disable=SC2016 # the inner shell expands it
    exec setsid unshare --cgroup --mount --pid --mount-proc --fork --kill-child \
      bash -euc '
        mount --make-rprivate /
        umount --recursive /sys/fs/cgroup || true
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir /sys/fs/cgroup/init.scope
        echo $$ >/sys/fs/cgroup/init.scope/cgroup.procs
        # The capability and the calls let IPAddressDeny= be enforced inside; nspawn
        # filters bpf() otherwise and systemd then ignores the setting silently.
        exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no \
          --private-network --capability=CAP_BPF,CAP_NET_ADMIN --system-call-filter=bpf \
          --boot --directory="$1"
      ' box "$box/root" </dev/null >"$box/console" 2>&1
  ) &
  echo $! >"$box/keeper"

  for _ in $(seq 600); do
    kill -0 "$(cat "$box/keeper")" 2>/dev/null || { cat "$box/console" >&2; die "the box ended while it started"; }
    pid=$(first_process "$box")
    if [[ -n $pid ]]; then
      echo "$pid" >"$box/pid"
      state=$(run "$box" systemctl is-system-running 2>/dev/null || true)
      case $state in
        running) echo "box up: $(run "$box" systemctl --version | head -n 1)"; return ;;
        degraded) run "$box" systemctl --failed --no-legend >&2; die "a unit of the bare box failed" ;;
      esac
    fi
    sleep 0.1
  done
  die "not up after a minute, state ${state:-unknown}"
}

run() {
  local box=$1
  shift
  # --all does not enter the root, and the caller's folder does not exist inside.
  nsenter --target "$(cat "$box/pid")" --all --root --wd \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
}

unmount() { # unmount FOLDER: the kernel frees the mounts of a process a moment after its end
  for _ in $(seq 50); do
    umount "$1" 2>/dev/null && return
    sleep 0.1
  done
  umount "$1"
}

down() {
  local box keeper
  box=$(realpath "$1")
  keeper=$(cat "$box/keeper")
  run "$box" systemctl poweroff >/dev/null 2>&1 || true
  for _ in $(seq 150); do
    kill -0 "$keeper" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$keeper" 2>/dev/null || true
  for _ in $(seq 50); do
    [[ -z $(members "$box") ]] && break
    sleep 0.1
  done
  find "$box/control/$(cat "$box/name")" -depth -type d -exec rmdir {} + || true
  unmount "$box/control"
  unmount "$box/root"
  unmount "$box"
  rmdir "$box"
}

verb=${1:-}
shift || true
case $verb in
  make) make_root "$@" ;;
  up) up "$@" ;;
  run) run "$@" ;;
  down) down "$@" ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

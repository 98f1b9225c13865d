#!/usr/bin/env bash
# Installs, upgrades, removes and purges the packages with the real package
# managers beside a real systemd: package.sh OLD NEW ROOT BOX
# OLD and NEW are folders with a .deb and an .rpm each (see packages.sh), ROOT a
# Debian made by box.sh make with rpm in its cache, BOX a new folder.
# shellcheck disable=SC2016 # what stands in single quotes is for a shell in the box
set -euo pipefail
usage='usage: package.sh OLD NEW ROOT BOX'
old=$(realpath "${1:?$usage}")
new=$(realpath "${2:?$usage}")
root=$(realpath "${3:?$usage}")
box=${4:?$usage}
here=$(realpath "$(dirname "$0")")
# shellcheck source=systemd/test/checks.sh
source "$here/checks.sh"

"$here/box.sh" up "$root" "$box"
install -D "$old"/*.deb "$files/root/old.deb"
install -D "$new"/*.deb "$files/root/new.deb"
install -D "$old"/*.rpm "$files/root/old.rpm"
install -D "$new"/*.rpm "$files/root/new.rpm"

inside() { in_box env DEBIAN_FRONTEND=noninteractive "$@"; }
# As unattended upgrades do: an edited configuration is kept without a question.
apt() { inside apt-get -qq -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold --no-install-recommends "$@"; }
installed() { [[ $(in_box vigente version) == *"$1"* ]] || { in_box vigente version; return 1; }; }
holds() { [[ $(in_box stat -c %U:%G:%a "$1") == "$2" ]] || { in_box stat -c %U:%G:%a "$1"; return 1; }; }
gone() { not in_box test -e "$1"; }
there() { in_box test -e "$1"; }
token() { cat "$files/srv/shop/token"; }
generation() { in_box vigente status --json | grep -o '"generation": *[0-9]*'; }
enabled() { same "$(in_box systemctl is-enabled vigente 2>&1)" "$1"; }
starts() { in_box systemctl is-active vigente; }

configure() { # as an operator: a folder, its drop-in, and lines added to the packaged file
  in_box install -d -o vigente -g vigente /srv/shop
  in_box mkdir -p /etc/systemd/system/vigente.service.d
  in_box bash -c 'printf "[Service]\nReadWritePaths=/srv/shop\n" >/etc/systemd/system/vigente.service.d/shop.conf'
  in_box systemctl daemon-reload
  in_box systemctl restart vigente
  in_box bash -c 'cat >>/etc/vigente/config.toml' <<'TOML'

[providers.tss]
type = "tss"
url = "http://127.0.0.1:8079/rest/RestNewToken"
[credentials.loja]
provider = "tss"
cnpj = "53113791000122"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
[sinks.shop]
type = "file"
path = "/srv/shop/token"
content = "${loja.token}"
TOML
}

echo "-- deb: in an image, where policy forbids to start anything"
printf '#!/bin/sh\nexit 101\n' >"$files/usr/sbin/policy-rc.d"
chmod 0755 "$files/usr/sbin/policy-rc.d"
check 'it installs' apt install /root/old.deb
check 'nothing is started' is ActiveState inactive
check 'it would be at the next boot' enabled enabled
check 'it is purged' apt purge vigente
check 'no unit is left' gone /etc/systemd/system/multi-user.target.wants/vigente.service
check 'no configuration is left' gone /etc/vigente
rm "$files/usr/sbin/policy-rc.d"

echo "-- deb: install"
check 'apt installs it' apt install /root/old.deb
check 'the version' installed 0.1.0
check 'it is enabled' enabled enabled
check 'it runs' is ActiveState active
check 'it says that nothing is configured' is StatusText 'no credential is configured yet in /etc/vigente/config.toml'
check 'vigente status --check is content' in_box vigente status --check
check 'the journal has no error' bash -c "[[ -z \$('$here/box.sh' run '$box' journalctl --no-pager --quiet --unit=vigente --priority=warning) ]]"
check 'the folder of secrets' holds /etc/vigente/secrets root:vigente:750
check 'the folder of parts' holds /etc/vigente/conf.d root:root:755
check 'the configuration' holds /etc/vigente/config.toml root:root:644
check 'the state' holds /var/lib/vigente vigente:vigente:700
check 'dpkg finds every file as it was packed' bash -c "[[ -z \$('$here/box.sh' run '$box' dpkg --verify vigente) ]]"
check 'bash completes the commands' in_box bash -c 'source /usr/share/bash-completion/completions/vigente && complete -p vigente && vigente __complete sta 2>/dev/null | grep -q ^status'
check 'every command has its page' in_box bash -c 'for c in $(vigente __complete "" 2>/dev/null | sed "/^:/d;s/\t.*//"); do [[ $c == help || -s /usr/share/man/man1/vigente-$c.1.gz ]] || { echo "no page of $c"; exit 1; }; done'
check 'the unit is in order' in_box bash -c '[[ -z $(systemd-analyze verify vigente.service 2>&1) ]]'

echo "-- deb: the first credential, by saving the file"
in_box systemd-run --quiet --unit=emulator --collect --property=SuccessExitStatus=143 --property=Restart=no \
  /usr/bin/vigente emulate tss --listen 127.0.0.1:8079
check 'the emulator runs' within 30 in_box bash -c 'exec 3<>/dev/tcp/127.0.0.1/8079'
configure
check 'it has a token' within 30 in_box test -s /srv/shop/token
check 'it is in order' in_box vigente wait loja --timeout 10s
check 'the status line counts' within 30 is StatusText '1 valid, 0 failing, 0 parked'
first=$(token) count=$(generation) config=$(sha256sum <"$files/etc/vigente/config.toml")
pid=$(property MainPID)

echo "-- deb: upgrade"
check 'apt upgrades it' apt install /root/new.deb
check 'the version' installed 0.2.0
check 'it runs' is ActiveState active
check 'it is another process' not is MainPID "$pid"
check 'the edited configuration is kept' same "$(sha256sum <"$files/etc/vigente/config.toml")" "$config"
check 'the new one lies beside it' there /etc/vigente/config.toml.dpkg-dist
check 'the token is the same' same "$(token)" "$first"
check 'nothing was renewed' same "$(generation)" "$count"

echo "-- deb: an administrator's word holds"
in_box systemctl disable --quiet --now vigente
check 'reinstalled' apt install --reinstall /root/new.deb
check 'it stays disabled' enabled disabled
check 'it stays stopped' is ActiveState inactive
in_box systemctl enable --quiet --now vigente
in_box bash -c 'echo "nonsense = 1" >>/etc/vigente/config.toml'
check 'an upgrade with a bad configuration is not held up' apt install --reinstall /root/new.deb
check 'the package is in order' in_box bash -c '[[ $(dpkg-query -W -f "\${Status}" vigente) == "install ok installed" ]]'
in_box sed -i '/^nonsense/d' /etc/vigente/config.toml
check 'it starts when the file is corrected' within 30 is ActiveState active

echo "-- deb: remove"
check 'apt removes it' apt remove vigente
check 'nothing of it runs' in_box bash -c '! pgrep -u vigente'
check 'the program is gone' gone /usr/bin/vigente
check 'the unit is gone' is LoadState not-found
check 'the state is kept' there /var/lib/vigente/state.db
check 'the configuration is kept' same "$(sha256sum <"$files/etc/vigente/config.toml")" "$config"
check 'the token stays where it is read' same "$(token)" "$first"

echo "-- deb: install again"
check 'apt installs it' apt install /root/new.deb
check 'it runs' is ActiveState active
check 'it is enabled' enabled enabled
check 'the token is the same' same "$(token)" "$first"
check 'nothing was renewed' same "$(generation)" "$count"

echo "-- deb: purge"
in_box install -m 0640 -g vigente /dev/null /etc/vigente/secrets/mine
check 'apt purges it' apt purge vigente
check 'nothing of it runs' in_box bash -c '! pgrep -u vigente'
check 'the state is gone' gone /var/lib/vigente
check 'the configuration is gone' gone /etc/vigente/config.toml
check 'an empty folder is gone' gone /etc/vigente/conf.d
check 'what the administrator put there is not' there /etc/vigente/secrets/mine
check 'it would not be started at boot' gone /etc/systemd/system/multi-user.target.wants/vigente.service
check 'the user stays with the files it wrote' same "$(in_box stat -c %U /srv/shop/token)" vigente
check 'dpkg knows nothing of it any more' not in_box dpkg-query -W vigente

echo "-- rpm: install"
check 'rpm itself' apt install rpm
in_box rm -rf /etc/systemd/system/vigente.service.d /etc/vigente /srv/shop
in_box userdel vigente
# The dependencies are those of the other package manager.
rpm() { in_box rpm --nodeps "$@"; }
check 'rpm installs it' rpm --install /root/old.rpm
check 'the version' installed 0.1.0
check 'nothing is started unasked' is ActiveState inactive
check 'the user is there' in_box id vigente
check 'the folder of secrets' holds /etc/vigente/secrets root:vigente:750
check 'rpm finds every file as it was packed' rpm --verify vigente
in_box systemctl enable --quiet --now vigente
check 'it runs when it is asked to' is ActiveState active
in_box systemctl stop emulator
in_box systemd-run --quiet --unit=emulator --collect --property=SuccessExitStatus=143 \
  /usr/bin/vigente emulate tss --listen 127.0.0.1:8079
configure
check 'it has a token' within 30 in_box test -s /srv/shop/token
check 'it is in order' in_box vigente wait loja --timeout 10s
first=$(token) count=$(generation) config=$(sha256sum <"$files/etc/vigente/config.toml") pid=$(property MainPID)

echo "-- rpm: upgrade"
check 'rpm upgrades it' rpm --upgrade /root/new.rpm
check 'the version' installed 0.2.0
check 'it runs' within 30 is ActiveState active
check 'it is another process' not is MainPID "$pid"
check 'it is still enabled' enabled enabled
check 'the edited configuration is kept' same "$(sha256sum <"$files/etc/vigente/config.toml")" "$config"
check 'the new one lies beside it' there /etc/vigente/config.toml.rpmnew
check 'the token is the same' same "$(token)" "$first"
check 'nothing was renewed' same "$(generation)" "$count"

echo "-- rpm: erase"
check 'rpm erases it' rpm --erase vigente
check 'nothing of it runs' in_box bash -c '! pgrep -u vigente'
check 'the unit is gone' is LoadState not-found
check 'it would not be started at boot' gone /etc/systemd/system/multi-user.target.wants/vigente.service
check 'the state is kept' there /var/lib/vigente/state.db
check 'the edited configuration is kept' same "$(sha256sum <"$files/etc/vigente/config.toml.rpmsave")" "$config"

verdict

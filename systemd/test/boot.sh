#!/usr/bin/env bash
# Runs the service in a real systemd and watches it live: boot.sh BINARY ROOT BOX
# ROOT is a Debian made by box.sh make, BOX a new folder.
# shellcheck disable=SC2016 # what stands in single quotes is for a shell in the box
set -euo pipefail
binary=$(realpath "${1:?usage: boot.sh BINARY ROOT BOX}")
root=$(realpath "${2:?usage: boot.sh BINARY ROOT BOX}")
box=${3:?usage: boot.sh BINARY ROOT BOX}
here=$(realpath "$(dirname "$0")")

# shellcheck source=systemd/test/checks.sh
source "$here/checks.sh"
token() { tr -d '\r' <"$ini" | sed -n 's/^TOKEN=//p'; }
valid_token() { [[ $(token) =~ ^[0-9a-f]{40}$ ]] || { echo "the INI holds $(token)"; return 1; }; }
unchanged() { [[ $(token) == "$1" ]] || { echo "the token changed from $1 to $(token)"; return 1; }; }
other_lines_intact() { diff <(grep -v '^TOKEN=' "$box/before.ini") <(grep -v '^TOKEN=' "$ini"); }
configure() { # reads the configuration; replaces it as an editor does
  cat >"$etc/config.toml.new"
  mv "$etc/config.toml.new" "$etc/config.toml"
}

"$here/box.sh" up "$root" "$box"
etc=$files/etc/vigente
dropins=$files/etc/systemd/system/vigente.service.d
ini=$files/totvs/tss/bin/appserver/appserver.ini

# Installed as systemd/README.md says.
install -m 0755 "$binary" "$files/usr/bin/vigente"
install -m 0644 "$here/../vigente.service" "$files/usr/lib/systemd/system/"
install -D -m 0644 "$here/../sysusers.conf" "$files/usr/lib/sysusers.d/vigente.conf"
install -D -m 0644 "$here/../tmpfiles.conf" "$files/usr/lib/tmpfiles.d/vigente.conf"
check 'the user is made' in_box systemd-sysusers vigente.conf
check 'the folders are made' in_box systemd-tmpfiles --create vigente.conf

# An AppServer, and the drop-in that lets the service write there.
in_box useradd --system totvs
mkdir -p "$(dirname "$ini")" "$dropins"
printf '; loja 12\r\n[SPED]\r\nRpoDb=SQL\r\n\r\n[TSSOFFLINE]\r\nTSSOFFLINE=1\r\nTOKEN=\r\n' >"$ini"
in_box chown -R totvs:totvs /totvs
in_box chmod 2775 /totvs/tss/bin/appserver
in_box chmod 0660 /totvs/tss/bin/appserver/appserver.ini
cp "$ini" "$box/before.ini"
cp "$here/../examples/appserver-ini.conf" "$here/../examples/encrypted-credentials.conf" "$dropins/"
# And a secret that only root can read.
printf '[Service]\nLoadCredential=user-name:/etc/vigente/secrets/user-name\n' >"$dropins/credentials.conf"
printf 'integracao\n' >"$etc/secrets/user-name"
chmod 0600 "$etc/secrets/user-name"

# A state key and a password that lie on the disk encrypted, as the example says.
head -c 32 /dev/urandom >"$box/state-key"
in_box systemd-creds encrypt --with-key=host --name=state-key - /etc/vigente/secrets/state-key.cred <"$box/state-key" 2>"$box/said"
printf 'a-client-secret' |
  in_box systemd-creds encrypt --with-key=host --name=ged-password - /etc/vigente/secrets/ged-password.cred 2>"$box/said"

emulate() { # emulate [UNIT ADDRESS]: starts the emulated backends as a unit of their own
  local address=${2:-127.0.0.1}
  in_box systemd-run --quiet --unit="${1:-emulator}" --collect --property=SuccessExitStatus=143 \
    /usr/bin/vigente emulate tss --listen "$address:8079"
  within 30 in_box bash -c "exec 3<>/dev/tcp/$address/8079" 2>/dev/null
}
settings() { # settings [MAX_AGE]
  cat <<TOML
[daemon]
state_key = { credential = "state-key" }
[renewal]
min_interval = "1s"
[providers.tss]
type = "tss"
url = "http://127.0.0.1:8079/rest/RestNewToken"
username = { credential = "user-name" }
password = { credential = "ged-password" }
[credentials.loja]
provider = "tss"
cnpj = "53113791000122"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
max_age = "${1:-1h}"
[sinks.till]
type = "ini"
path = "/totvs/tss/bin/appserver/appserver.ini"
section = "TSSOFFLINE"
group = "totvs"
values = { TOKEN = "\${loja.token}" }
on_change = { command = ["/bin/sh", "-c", "id -un >>/run/vigente/told"] }
TOML
}

echo "-- start"
check 'the emulator runs' emulate
settings | configure
in_box systemctl daemon-reload
check 'systemctl start returns' in_box systemctl start vigente
check 'it is active' is ActiveState active
check 'the status line counts' is StatusText '1 valid, 0 failing, 0 parked*'
check 'systemctl status shows it' in_box bash -c 'systemctl status --no-pager vigente | grep -q "Status: \"1 valid"'
check 'the token is in the INI already' valid_token
check 'every other byte of the INI is as before' other_lines_intact
check 'owner, group and mode of the INI' in_box bash -c '[[ $(stat -c %G:%a /totvs/tss/bin/appserver/appserver.ini) == totvs:660 ]]'
check 'the folder holds nothing else' in_box bash -c '[[ $(ls -A /totvs/tss/bin/appserver) == appserver.ini ]]'
check 'the hook ran as vigente' within 30 in_box grep -qx vigente /run/vigente/told
pid=$(property MainPID)
uid=$(in_box id -u vigente)
check 'it runs as vigente without any capability' in_box bash -c "grep -qE '^Uid:\s+$uid\s+$uid' /proc/$pid/status && grep -qE '^CapEff:\s+0+$' /proc/$pid/status && grep -qE '^NoNewPrivs:\s+1$' /proc/$pid/status"
check 'it leaves no core' in_box grep -qE '^Max core file size +0 ' "/proc/$pid/limits"
check 'the state is closed to others' in_box bash -c '[[ $(stat -c %U:%a /var/lib/vigente) == vigente:700 ]]'
check 'the sealed state does not show the token' in_box bash -c "! grep -rqa $(token) /var/lib/vigente"
check 'vigente status finds it' in_box vigente status --check
check 'the journal names the credential' journal 'loja'
check 'the journal does not show the token' bash -c "! '$here/box.sh' run '$box' journalctl --no-pager --output=json | grep -q $(token)"
check 'journal fields' in_box bash -c 'journalctl --no-pager --output=json --lines=1 _SYSTEMD_UNIT=vigente.service | grep -q "\"SYSLOG_IDENTIFIER\":\"vigente\""'
check 'and the line as it was written' in_box bash -c 'journalctl --no-pager --output=json _SYSTEMD_UNIT=vigente.service | grep -q "\"PRIORITY\":\"6\".*\"MESSAGE\":\"{\|\"MESSAGE\":\"{.*\"PRIORITY\":\"6\""'
check 'no error so far' bash -c "[[ -z \$('$here/box.sh' run '$box' journalctl --no-pager --quiet --priority=err --unit=vigente) ]]"
check 'systemd gives its exposure as low' in_box systemd-analyze security --threshold=14 --no-pager vigente.service

echo "-- reload"
first=$(token)
settings 2h | configure
check 'systemctl reload returns' in_box systemctl reload vigente
check 'and it is active again' within 30 is ActiveState active
check 'a change of timing costs no renewal' unchanged "$first"
echo 'nonsense = 1' | configure
check 'reload with a bad file' in_box systemctl reload vigente
check 'the old configuration runs on' within 30 is ActiveState active
check 'vigente reload ends with 3' bash -c "'$here/box.sh' run '$box' vigente reload; [[ \$? == 3 ]]"
check 'the journal says why' journal 'nonsense'
check 'among its errors' in_box bash -c 'journalctl --no-pager --priority=err --unit=vigente | grep -q nonsense'
check 'the status line says so' within 30 is StatusText '1 valid, *; the configuration on disk has errors, see vigente status'
check 'the token is untouched' unchanged "$first"
settings | configure
check 'vigente reload ends with 0' in_box vigente reload

echo "-- a folder that is not opened to the service"
in_box install -d -o vigente /srv/closed
{ settings; cat <<'TOML'
[sinks.closed]
type = "file"
path = "/srv/closed/token"
content = "${loja.token}"
TOML
} | configure
in_box systemctl reload vigente
check 'its sink says what is wrong' within 30 bash -c "'$here/box.sh' run '$box' vigente status | grep -qiE 'closed.*failing|ReadWritePaths|read-only'"
check 'the other sink is as before' unchanged "$first"
printf '[Service]\nReadWritePaths=/srv/closed\n' >"$dropins/closed.conf"
in_box systemctl daemon-reload
check 'restart with a drop-in' in_box systemctl restart vigente
# The pause between two attempts outlasts a restart, and grows with the time until then.
check 'now it is written' within 60 bash -c "[[ \$(cat '$files/srv/closed/token') == $first ]]"
check 'a restart costs no renewal' unchanged "$first"

echo "-- a file for another user"
{ settings; cat <<'TOML'
[sinks.owned]
type = "file"
path = "/srv/closed/owned"
content = "${loja.token}"
owner = "totvs"
TOML
} | configure
in_box bash -c 'printf before >/srv/closed/owned && chown vigente /srv/closed/owned'
in_box systemctl reload vigente
check 'is refused without the privilege' within 30 bash -c "'$here/box.sh' run '$box' vigente status | grep -qE 'owned +failing'"
check 'its file is as before' in_box bash -c '[[ $(cat /srv/closed/owned) == before && $(stat -c %U /srv/closed/owned) == vigente ]]'
check 'its folder holds nothing else of ours' in_box bash -c '! ls -A /srv/closed | grep -q "^.vigente"'
check 'the journal names the fix' journal 'CAP_CHOWN'
check 'the other sinks are as before' unchanged "$first"
in_box rm /srv/closed/owned
cp "$here/../examples/chown.conf" "$dropins/"
in_box systemctl daemon-reload
check 'restart with the example' in_box systemctl restart vigente
check 'now it belongs to that user' within 60 in_box bash -c '[[ $(stat -c %U:%a /srv/closed/owned) == totvs:600 ]]'
rm "$dropins/chown.conf"
in_box systemctl daemon-reload
settings | configure
check 'restart without it' in_box systemctl restart vigente

echo "-- what the doctor finds in the sandbox"
rehearsal() { cat >"$etc/rehearsal.toml"; }
doctor() { in_box vigente doctor --service --config /etc/vigente/rehearsal.toml; }
finds() { grep -qF -- "$1" "$box/doctor" || { echo "the doctor did not say: $1"; cat "$box/doctor"; return 1; }; }
check 'a second emulator runs' emulate far 127.0.0.9
in_box groupadd team
in_box install -d -o root -g team -m 2770 /srv/team
in_box install -d -o vigente /srv/shut /tmp/shop
in_box useradd --create-home ana
in_box chown vigente /home/ana
in_box install -m 4755 /bin/true /usr/local/bin/sudo
cp "$here/../examples/network.conf" "$dropins/"
sed -i 's/^IPAddressAllow=localhost/IPAddressAllow=127.0.0.1/' "$dropins/network.conf"
in_box systemctl daemon-reload
{ settings; cat <<'TOML'
[providers.far]
type = "tss"
url = "http://127.0.0.9:8079/rest/RestNewToken"
timeout = "3s"
[credentials.far]
provider = "far"
cnpj = "11222333000181"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
[sinks.shut]
type = "file"
path = "/srv/shut/token"
content = "${loja.token}"
[sinks.team]
type = "file"
path = "/srv/team/token"
content = "${loja.token}"
group = "team"
[sinks.home]
type = "file"
path = "/home/ana/token"
content = "${loja.token}"
[sinks.tmp]
type = "file"
path = "/tmp/shop/token"
content = "${loja.token}"
[sinks.sudo]
type = "file"
path = "/srv/shut/sudo"
content = "${loja.token}"
on_change = { command = ["/usr/local/bin/sudo", "true"] }
[sinks.gone]
type = "file"
path = "/srv/shut/gone"
content = "${loja.token}"
on_change = { command = ["/usr/local/bin/gone"] }
TOML
} | rehearsal
status=0
doctor >"$box/doctor" 2>&1 || status=$?
check 'the doctor ends with 1' same "$status" 1
check 'it names the sinks, hooks and backends' finds 'would fail: sink shut, sink team, sink home, sink tmp, sink sudo, hook sudo, sink gone, hook gone, provider far'
check 'and nothing else' finds 'ok    sink till'
check 'the folder that is closed' finds 'ReadWritePaths=/srv/shut'
check 'the group that is missing' finds 'SupplementaryGroups=team'
check 'the home that is hidden' finds 'ProtectHome=no'
check 'the folder that nobody else would see' finds 'PrivateTmp=no'
check 'the address that is kept away' finds 'IPAddressAllow=127.0.0.9'
check 'the hook that gains nothing' finds 'NoNewPrivileges=yes'
check 'the hook that is not there' finds '/usr/local/bin/gone: not found'
sed -n '/^\[Service\]$/,$p' "$box/doctor" | grep -v '^vigente:' >"$dropins/from-the-doctor.conf"
sed '/^\[sinks.sudo\]/,$d' "$etc/rehearsal.toml" >"$etc/rehearsal.new"
mv "$etc/rehearsal.new" "$etc/rehearsal.toml"
in_box systemctl daemon-reload
check 'with the lines that it printed it is content' doctor
{ settings; cat <<'TOML'
[sinks.owned]
type = "file"
path = "/srv/shut/owned"
content = "${loja.token}"
owner = "totvs"
TOML
} | rehearsal
doctor >"$box/doctor" 2>&1 || true
check 'the owner that may not be set' finds 'AmbientCapabilities=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE'
printf 'a-secret' >"$etc/secrets/closed"
chmod 0600 "$etc/secrets/closed"
settings | sed 's/credential = "ged-password"/file = "secrets\/closed"/' | rehearsal
status=0
doctor >"$box/doctor" 2>&1 || status=$?
check 'a secret that it may not read ends it with 1' same "$status" 1
check 'and is named' finds /etc/vigente/secrets/closed
printf '[Service]\nReadWritePaths=/not/there\n' >"$dropins/from-the-doctor.conf"
in_box systemctl daemon-reload
doctor >"$box/doctor" 2>&1 || true
check 'a sandbox that cannot be made is explained' finds 'a path in ReadWritePaths='
rm "$dropins/from-the-doctor.conf" "$dropins/network.conf" "$etc/rehearsal.toml"
in_box systemctl daemon-reload
check 'the doctor left nothing' in_box bash -c '! ls -d /run/vigente-doctor* /run/systemd/system/vigente-doctor* 2>/dev/null'
check 'the daemon was not disturbed' in_box vigente status --check

echo "-- a user that exists only while it runs"
cp "$here/../examples/dynamic-user.conf" "$dropins/"
in_box systemctl daemon-reload
check 'restart with the example' in_box systemctl restart vigente
check 'it runs as that user' in_box bash -c '[[ $(ps -o user= -p "$(systemctl show --property=MainPID --value vigente)") != vigente ]]'
check 'its state came along' in_box test -e /var/lib/private/vigente/state.db
check 'the group may ask it' in_box vigente status --check
check 'the doctor is content' in_box vigente doctor --service
check 'the token is untouched' unchanged "$first"
rm "$dropins/dynamic-user.conf"
in_box systemctl daemon-reload
check 'restart without it' in_box systemctl restart vigente
check 'its state came back' in_box bash -c '[[ -e /var/lib/vigente/state.db && ! -L /var/lib/vigente ]]'
check 'the token is still untouched' unchanged "$first"

# Long enough for a daemon that a busy machine leaves without a processor for a while.
echo "-- watchdog, kill"
mkdir -p "$files/run/systemd/system/vigente.service.d"
in_box mkdir -p /run/systemd/system/vigente.service.d
in_box bash -c 'printf "[Service]\nWatchdogSec=5s\nTimeoutAbortSec=2s\n" >/run/systemd/system/vigente.service.d/watchdog.conf'
in_box systemctl daemon-reload
in_box systemctl restart vigente
in_box kill -STOP "$(property MainPID)"
check 'a hung daemon is ended and started again' within 30 is NRestarts 1
check 'it is active again' within 30 is ActiveState active
check 'the journal names the watchdog' journal 'Watchdog timeout'
in_box kill -KILL "$(property MainPID)"
check 'a killed daemon is started again' within 30 is NRestarts 2
check 'it is active again' within 30 is ActiveState active
check 'none of this cost a renewal' unchanged "$first"
in_box rm /run/systemd/system/vigente.service.d/watchdog.conf
in_box systemctl daemon-reload

echo "-- stop"
stopped=$(date +%s%N)
check 'systemctl stop returns' in_box systemctl stop vigente
say "stopped in $((($(date +%s%N) - stopped) / 1000000)) ms"
check 'within five seconds' test $((($(date +%s%N) - stopped) / 1000000)) -lt 5000
check 'with success' is Result success
check 'and status 0' is ExecMainStatus 0
check 'nothing of it is left' in_box bash -c '! pgrep -u vigente'
check 'the folder of the INI holds nothing else' in_box bash -c '[[ $(ls -A /totvs/tss/bin/appserver) == appserver.ini ]]'

echo "-- a bad start heals"
echo 'nonsense = 1' | configure
in_box systemctl start --no-block vigente
check 'a bad configuration ends with 3 and is tried again' within 30 is NRestarts '[1-9]*'
check 'the journal has the status' journal 'status=3/'
check 'and among its errors the reason' within 30 in_box bash -c '(($(journalctl --no-pager --priority=err --unit=vigente --output=cat | grep -c "^/etc/vigente/config.toml:1: nonsense") > 0))'
settings | configure
check 'it starts when the file is corrected' within 30 is ActiveState active
check 'still without a renewal' unchanged "$first"

echo "-- start while the backend is away"
in_box systemctl stop vigente emulator
in_box bash -c 'rm -rf /var/lib/vigente/* /var/lib/private/vigente/*'
check 'start returns' in_box timeout 30 systemctl start vigente
check 'it is active' is ActiveState active
check 'and says that it has nothing' is StatusText '0 valid*'
check 'vigente status --check ends with 5' bash -c "'$here/box.sh' run '$box' vigente status --check; [[ \$? == 5 ]]"
check 'the INI keeps what it had' unchanged "$first"
check 'the emulator is back' emulate
check 'and soon a new token is in the INI' within 30 bash -c "! grep -q 'TOKEN=$first' '$ini'"
check 'vigente wait agrees' in_box vigente wait loja --timeout 10s

# A backend that takes the connection and never answers: the first attempt takes
# its whole time-out, longer than systemd grants a start.
echo "-- start while the backend hangs"
in_box systemctl stop vigente emulator
in_box bash -c 'rm -rf /var/lib/vigente/*'
in_box bash -c 'mkdir -p /run/systemd/system/vigente.service.d; printf "[Service]\nTimeoutStartSec=8s\n" >/run/systemd/system/vigente.service.d/start.conf'
settings | sed 's/^min_interval.*/&\ntimeout = "14s"/' | configure
in_box systemd-run --quiet --unit=hanging --socket-property=ListenStream=127.0.0.1:8079 /bin/sleep 600
in_box systemctl daemon-reload
check 'the daemon is given the time it asks for' in_box timeout 60 systemctl start vigente
check 'it is active' is ActiveState active
check 'it was never restarted' is NRestarts 0

verdict

package canary

import (
	"net/http"
	"strings"

	portal "github.com/vigented/vigente/providers/http/emulator"
	oauth2 "github.com/vigented/vigente/providers/oauth2/emulator"
)

// described configures the vendor-neutral kinds: every key that accepts a
// secret contains one.
const described = `
[providers.login]
type = "oauth2"
token_url = "{login}/token"
client_id = { file = "{dir}/secrets/login-id" }
client_secret = { file = "{dir}/secrets/login-secret" }
headers = { X-Api-Key = { file = "{dir}/secrets/login-key" } }
params = { device = { file = "{dir}/secrets/login-device" } }
[credentials.robot]
provider = "login"
grant = "password"
username = { file = "{dir}/secrets/robot-user" }
password = { file = "{dir}/secrets/robot-password" }
[providers.portal]
type = "http"
url = "{portal}"
headers = { X-Api-Key = { file = "{dir}/secrets/portal-key" } }
[credentials.first]
provider = "portal"
path = "/login"
json = { user = { file = "{dir}/secrets/portal-user" }, password = { file = "{dir}/secrets/portal-password" } }
fields = { token = "json:/data/token", user = "header:X-User" }
expires = "json:/data/expires_in"
errors = [{ json = "/code", is = "X12", reason = "rejected" }]
[credentials.second]
provider = "portal"
path = "/branch"
form = { session = "${first.token}", pin = { file = "{dir}/secrets/portal-pin" } }
fields = { token = "cookie:SID" }
[providers.tools]
type = "exec"
[credentials.tool]
provider = "tools"
command = ["/bin/sh", "{dir}/tool"]
env = { KEY = { env = "VIG_TOOL_KEY" }, SESSION = "${first.token}" }
stdin = { file = "{dir}/secrets/tool-password" }
[sinks.generic]
type = "env"
path = "{dir}/out/generic.env"
values = { R = "${robot.authorization}", F = "${first.token}", S = "${second.token}", T = "${tool.token}" }
`

// tool is a command that prints everything it knows to stderr and, when it
// misbehaves, to stdout.
const tool = `password=$(cat)
echo "$password $KEY $SESSION" >&2
env >&2
token=$(head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n')
if [ -e {dir}/tool.mode ]; then
	echo "$password $KEY $SESSION $token"
	. {dir}/tool.mode
fi
echo "$token"
`

// generic creates the backends of those kinds and returns their configuration.
func generic(h *secretSet, files map[string]string, serve func(http.Handler) string) string {
	word := func(name, what string) string {
		raw := h.word(what)
		files["secrets/"+name] = raw + "\n"
		return raw
	}
	canary := func(name, what string) string {
		raw := h.canary(what)
		files["secrets/"+name] = raw + "\n"
		return raw
	}
	login := oauth2.New(oauth2.Settings{
		Clients: []oauth2.Client{{ID: word("login-id", "a client_id"), Secret: canary("login-secret", "a client_secret")}},
		Users:   []oauth2.User{{Name: word("robot-user", "a username"), Password: canary("robot-password", "a password")}},
		Headers: map[string]string{"X-Api-Key": word("login-key", "a key in a header")},
	}, nil)
	service := portal.New(portal.Settings{
		Users:   []portal.User{{Name: word("portal-user", "a user"), Password: canary("portal-password", "a password")}},
		Headers: map[string]string{"X-Api-Key": word("portal-key", "a key in a header")},
	}, nil)
	canary("login-device", "a parameter")
	canary("portal-pin", "a field of a form")
	canary("tool-password", "the input of a command")
	// The portal has an even position: two credentials of a backend that asks
	// callers to wait would delay a manual renewal.
	return strings.NewReplacer("{portal}", serve(service), "{login}", serve(login)).Replace(described)
}

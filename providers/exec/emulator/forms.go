package emulator

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Forms lists the forms, as in the key output.
func Forms() []string { return slices.Sorted(maps.Keys(forms())) }

// printed is a token to print.
type printed struct {
	token    string
	now, end time.Time
	zone     *time.Location // the machine's
}

// form prints a token in the form of a tool.
type form func(printed) string

// forms are what the tools print according to their documentation.
func forms() map[string]form {
	return map[string]form{
		"text":  func(p printed) string { return p.token + "\n" },
		"oauth": oauth, "exec-credential": kubernetes, "credential-process": aws, "git": git, "docker": docker,
		"gcloud": gcloud, "azure": azure,
	}
}

// oauth is the answer of a token endpoint, as scripts with curl print it.
func oauth(p printed) string {
	return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d}`+"\n", p.token, int(p.end.Sub(p.now).Seconds()))
}

// kubernetes is a credential plug-in of kubectl, such as aws eks get-token.
func kubernetes(p printed) string {
	return fmt.Sprintf(`{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1", "spec": {}, "status": {"expirationTimestamp": %q, "token": %q}}`+"\n",
		p.end.UTC().Format(time.RFC3339), p.token)
}

// aws is a credential_process of AWS.
func aws(p printed) string {
	return fmt.Sprintf("{\n  \"Version\": 1,\n  \"AccessKeyId\": \"ASIAEMULATED\",\n  \"SecretAccessKey\": %q,\n  \"SessionToken\": %q,\n  \"Expiration\": %q\n}\n",
		p.token[:40], p.token, p.end.UTC().Format("2006-01-02T15:04:05+00:00"))
}

// git is a git credential helper, called with get.
func git(p printed) string {
	return fmt.Sprintf("protocol=https\nhost=git.example\nusername=oauth2\npassword=%s\npassword_expiry_utc=%d\noauth_refresh_token=r%s\n", p.token, p.end.Unix(), p.token[:20])
}

// docker is a docker credential helper, called with get.
func docker(p printed) string {
	return fmt.Sprintf(`{"ServerURL":"https://registry.example","Username":"<token>","Secret":%q}`, p.token)
}

// gcloud is gcloud config config-helper --format=json.
func gcloud(p printed) string {
	return fmt.Sprintf(`{
  "configuration": {
    "active_configuration": "default",
    "properties": {
      "core": {
        "account": "robot@emulated.iam.gserviceaccount.com"
      }
    }
  },
  "credential": {
    "access_token": %q,
    "id_token": null,
    "token_expiry": %q
  },
  "sentinels": {
    "config_sentinel": "/home/robot/.config/gcloud/config_sentinel"
  }
}
`, p.token, p.end.UTC().Format(time.RFC3339))
}

// azure is az account get-access-token, since 2.54 with expires_on.
func azure(p printed) string {
	return fmt.Sprintf("{\n  \"accessToken\": %q,\n  \"expiresOn\": %q,\n  \"expires_on\": %d,\n  \"subscription\": \"00000000-0000-0000-0000-000000000000\",\n  \"tenant\": \"00000000-0000-0000-0000-000000000000\",\n  \"tokenType\": \"Bearer\"\n}\n",
		p.token, p.end.In(p.zone).Format("2006-01-02 15:04:05.000000"), p.end.Unix())
}

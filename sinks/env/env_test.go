package env_test

import (
	"testing"

	"github.com/vigented/vigente/sinks/env"
	"github.com/vigented/vigente/sinks/sinktest"
)

func TestContract(t *testing.T) {
	const values = "values = { TOKEN = \"${c.token}\" }\n"
	for name, s := range map[string]sinktest.Files{
		"systemd": {Config: values, Old: "# x\nA='1\nTOKEN=2'\nTOKEN=OLD\n", Wrong: "A=\"\nTOKEN=", Bad: sinktest.Canary + "\x01"},
		"shell":   {Config: values + `style = "shell"`, Old: "export TOKEN=OLD # x\n", Wrong: "cat <<E\n", Bad: sinktest.Canary + "\x00"},
		"docker":  {Config: values + `style = "docker"`, Old: "A\nTOKEN=OLD\n", Wrong: "TOKEN=\x00", Bad: sinktest.Canary + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Kind = env.Kind()
			sinktest.RunFiles(t, s)
		})
	}
}

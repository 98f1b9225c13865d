package web

import (
	"os"

	"go.yaml.in/yaml/v2"
)

// hasUsers reports whether a web configuration requires a login. An unreadable one does
// not.
func hasUsers(webConfig string) bool {
	if webConfig == "" {
		return false
	}
	text, err := os.ReadFile(webConfig)
	if err != nil {
		return false
	}
	var file struct {
		Users map[string]any `yaml:"basic_auth_users"`
	}
	return yaml.Unmarshal(text, &file) == nil && len(file.Users) > 0
}

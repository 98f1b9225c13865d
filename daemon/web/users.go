package web

import (
	"os"

	"go.yaml.in/yaml/v2"
)

// hasUsers reports whether a web configuration asks everybody for a name and a
// password. What cannot be read asks nobody.
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

package section

import (
	"path/filepath"
	"strings"
)

// Command returns a program and its arguments. The key is required. The program is an
// absolute path, or a name that is looked up in PATH.
func (s *Section) Command(key string) []string {
	command := s.Texts(key)
	if len(command) == 0 && s.Has(key) {
		if !s.Failed() {
			s.Faultf(key, "is empty (expected the program and its arguments)")
		}
		return nil
	}
	switch name := append(command, "")[0]; {
	case name == "":
		s.Faultf(key, `is missing (expected the program and its arguments: ["systemctl", "restart", "x"])`)
	case strings.Contains(name, "/") && !filepath.IsAbs(name):
		s.Faultf(key, "%q is a relative path (expected an absolute one, or a name that is found in PATH)", name)
	}
	for _, arg := range command {
		if strings.IndexByte(arg, 0) >= 0 {
			s.Faultf(key, "holds a zero byte (expected text)")
		}
	}
	return command
}

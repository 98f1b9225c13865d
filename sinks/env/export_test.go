package env

// SystemdReading returns the variables that systemd would set; false for a
// file that we refuse.
func SystemdReading(content []byte, old bool) (map[string]string, bool) {
	list, err := scanSystemd(content, old)
	if err != nil {
		return nil, false
	}
	m := map[string]string{}
	for _, a := range list {
		if isName(a.key) {
			m[a.key] = a.value
		}
	}
	return m, true
}

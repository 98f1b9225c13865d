package e2etest

func (w *World) AllAre(state string, list []*Subject) bool {
	w.T.Helper()
	states := w.Status().States()
	for _, s := range list {
		if states[s.Name] != state {
			return false
		}
	}
	return true
}

// Failure returns the failure that status shows for a credential.
func (w *World) Failure(name string) string {
	w.T.Helper()
	message, _ := w.lastError(name)
	return message
}

// Reason returns why the last attempt of a credential failed.
func (w *World) Reason(name string) string {
	w.T.Helper()
	_, reason := w.lastError(name)
	return reason
}

func (w *World) lastError(name string) (message, reason string) {
	w.T.Helper()
	for _, c := range w.Status().Credentials {
		if c.Name == name {
			return c.LastError.Message, c.LastError.Reason
		}
	}
	w.T.Fatalf("status has no credential %s", name)
	return "", ""
}

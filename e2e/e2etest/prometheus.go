package e2etest

// Generation returns the generation of a credential, Delivered the one a sink
// holds.
func (s snapshot) Generation(credential string) int {
	for _, c := range s.Credentials {
		if c.Name == credential {
			return c.Generation
		}
	}
	return 0
}

func (s snapshot) Delivered(sink, credential string) int {
	for _, k := range s.Sinks {
		if k.Name == sink {
			return k.Delivered[credential]
		}
	}
	return 0
}

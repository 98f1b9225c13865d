package section

import (
	"fmt"
	"strings"
	"time"
)

// Form says how the value of a key is written.
type Form string

// The forms.
const (
	FormText         Form = "text"
	FormBool         Form = "true or false"
	FormInt          Form = "integer"
	FormDuration     Form = "duration"
	FormChoice       Form = "choice"
	FormMode         Form = "mode"
	FormTexts        Form = "array of text"
	FormTextMap      Form = "table of text"
	FormTable        Form = "table"
	FormPath         Form = "path"
	FormSecret       Form = "secret"
	FormSecrets      Form = "array of secrets"
	FormTextOrSecret Form = "text or secret"
	FormTextOrTexts  Form = "text or array of text"
	FormMembers      Form = "table of text, numbers or secrets"
	FormJSON         Form = "table of JSON values or secrets"
	FormRows         Form = "array of tables"
)

// Key describes one key that a getter asked for. The reference of the configuration is
// generated from these, so that it cannot disagree with the code.
type Key struct {
	// Name is the dotted key below the object.
	Name string
	Form Form
	// Fallback is the value used without the key, as one would write it. It may be empty.
	Fallback string
	Choices  []string // of FormChoice
}

// Described returns the keys asked for so far, in order. The form is empty if only the
// presence of a key was asked for.
func (s *Section) Described() []Key {
	keys := make([]Key, 0, len(s.asked))
	for _, name := range s.asked {
		k := s.keys[name]
		k.Name = name
		keys = append(keys, k)
	}
	return keys
}

// describe records what a getter asks for. The first description of a key is kept.
func (s *Section) describe(key string, k Key) {
	if s.bare {
		return
	}
	name := dotted(append(append([]string{}, s.below...), key))
	if s.keys[name].Form == "" {
		set(&s.keys, name, k)
	}
}

// describeValue describes a key by its form and its fallback.
func (s *Section) describeValue(key string, form Form, fallback any) {
	if !s.bare {
		s.describe(key, Key{Form: form, Fallback: written(fallback)})
	}
}

// written formats a fallback as one would write it.
func written(fallback any) string {
	switch v := fallback.(type) {
	case time.Duration:
		if v == 0 {
			return ""
		}
		return trimZeros(v.String())
	case time.Time:
		if v.IsZero() {
			return ""
		}
	case fmt.Stringer:
		return trimZeros(v.String())
	case string:
		return v
	case bool, int:
		return fmt.Sprint(v)
	}
	return ""
}

// trimZeros shortens a duration as Go formats it, "24h0m0s", to "24h".
func trimZeros(text string) string {
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

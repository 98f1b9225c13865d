package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// check compares a token with the stored one, as TSS Online does with each
// message from a TSS Offline, and answers 200 if they match, else 401. The pages
// do not say whether CNPJ and TOKEN are HTTP headers or members of the message's
// head object, so it accepts both.
func (e *Emulator) check(w http.ResponseWriter, r *http.Request) {
	cnpj, token := r.Header.Get("CNPJ"), r.Header.Get("TOKEN")
	if cnpj == "" && token == "" {
		cnpj, token = messageHead(r.Body)
	}
	want := Identity{CNPJ: cnpj}.folded().CNPJ
	good := false
	e.mu.Lock()
	for id, a := range e.accounts {
		good = good || token != "" && id.CNPJ == want && a.token == token
	}
	e.mu.Unlock()
	if !good {
		frameworkFault(w, http.StatusUnauthorized, false)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"ok":true}`))
}

// messageHead finds cnpj and token in an object, or one level below it.
func messageHead(body io.Reader) (cnpj, token string) {
	var message map[string]json.RawMessage
	if body == nil || json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&message) != nil {
		return "", ""
	}
	heads := []map[string]json.RawMessage{message}
	for _, raw := range message {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) == nil {
			heads = append(heads, inner)
		}
	}
	for _, head := range heads {
		var c, t string
		for key, raw := range head {
			switch strings.ToLower(key) {
			case "cnpj":
				_ = json.Unmarshal(raw, &c)
			case "token":
				_ = json.Unmarshal(raw, &t)
			}
		}
		if c != "" && t != "" {
			return c, t
		}
	}
	return "", ""
}

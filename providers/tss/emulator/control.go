package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// control is the rehearsal's own door: GET lists the faults and how often each
// will still happen, POST with fault and times sets one.
func (e *Emulator) control(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		times, err := strconv.Atoi(r.FormValue("times"))
		if r.FormValue("times") == "" {
			times, err = -1, nil
		}
		if err == nil {
			err = e.SetFault(r.FormValue("fault"), times)
		}
		if err != nil {
			http.Error(w, "emulator: expected fault=NAME and times=NUMBER; GET lists the names", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	type line struct {
		Name string `json:"name"`
		Help string `json:"help"`
		Left int    `json:"left"`
	}
	answer := struct {
		Requests int    `json:"requests"`
		Faults   []line `json:"faults"`
	}{Requests: e.Requests()}
	e.mu.Lock()
	for _, f := range allFaults() {
		answer.Faults = append(answer.Faults, line{f.name, f.help, e.faults[f.name]})
	}
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// check compares a token with the stored one, as TSS Online does with each
// message of a TSS Offline: 200 when it is the client's, else 401. The pages
// leave open whether CNPJ and TOKEN travel as HTTP headers or in a head object
// of the message, so it takes both.
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

// messageHead finds cnpj and token in an object, or in one an object holds.
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

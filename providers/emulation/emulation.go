// Package emulation provides the faults that every emulated backend supports:
// counters of pending faults, a fault chosen by a request, and ways to break a
// connection. It knows no vendor's protocol and no client: an emulator that
// shared code with the client would share its mistakes.
package emulation

import (
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"
)

// Switches counts how often each fault is still to occur; a negative count
// means always. The zero value has no faults. Its owner must lock it.
type Switches struct{ left map[string]int }

// Set makes the next requests, as many as times says, meet the fault; if times
// is negative, every request until it is cleared. Zero clears the fault, and an
// empty name clears all. Names lists the valid names.
func (s *Switches) Set(name string, times int, names iter.Seq[string]) error {
	switch {
	case name == "":
		clear(s.left)
	case !has(names, name):
		return fmt.Errorf("set fault %q: unknown fault", name)
	case times == 0:
		delete(s.left, name)
	default:
		if s.left == nil {
			s.left = map[string]int{}
		}
		s.left[name] = times
	}
	return nil
}

func has(names iter.Seq[string], name string) bool {
	for n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// Left returns how often a fault is still to occur.
func (s *Switches) Left(name string) int { return s.left[name] }

// Take returns the first of the names that is pending and decrements its count,
// or "" if none is.
func (s *Switches) Take(names iter.Seq[string]) string {
	if len(s.left) == 0 {
		return ""
	}
	for name := range names {
		switch n := s.left[name]; {
		case n > 0:
			s.left[name] = n - 1
			return name
		case n < 0:
			return name
		}
	}
	return ""
}

// OfRequest returns the fault that a request chooses for itself: by its
// X-Emulate header, its emulate parameter, or /emulate/NAME before the path,
// which a configured base URL can contain. It also returns the remaining path.
func OfRequest(r *http.Request) (name, path string) {
	path = r.URL.Path
	if tail, found := strings.CutPrefix(path, "/emulate/"); found {
		name, path, _ = strings.Cut(tail, "/")
		path = "/" + path
	}
	for _, own := range []string{r.Header.Get("X-Emulate"), r.URL.Query().Get("emulate")} {
		if own != "" {
			name = own
		}
	}
	return name, path
}

// Write writes an answer. It is not an error if the caller has disconnected.
func Write(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// Page writes an HTML answer.
func Page(w http.ResponseWriter, status int, title string) {
	Write(w, status, "text/html; charset=UTF-8", "<!DOCTYPE html><html><head><title>"+title+"</title></head><body><h1>"+title+"</h1></body></html>\n")
}

// Wait waits for d and reports whether the caller is still connected.
func Wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// Hang sends no answer until the caller disconnects.
func Hang(r *http.Request) { <-r.Context().Done() }

// Drop closes the connection. It does not return.
func Drop() { panic(http.ErrAbortHandler) }

// Cut starts an answer of the given length and then closes the connection. It
// does not return.
func Cut(w http.ResponseWriter, begin string, length int) {
	w.Header().Set("Content-Length", fmt.Sprint(length))
	Write(w, http.StatusOK, "application/json", begin)
	_ = http.NewResponseController(w).Flush()
	Drop()
}

// Drip writes text byte by byte, with a pause after each byte, while the caller
// is connected.
func Drip(w http.ResponseWriter, r *http.Request, text string, pause time.Duration) {
	for i := range len(text) {
		_, err := w.Write([]byte(text[i : i+1]))
		if err != nil || http.NewResponseController(w).Flush() != nil || !Wait(r, pause) {
			return
		}
	}
}

// Unheard discards an answer: the request takes effect, but the caller gets
// nothing, as behind a gateway that gave up.
type Unheard struct{}

// Header implements http.ResponseWriter.
func (Unheard) Header() http.Header { return http.Header{} }

// Write implements http.ResponseWriter.
func (Unheard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (Unheard) WriteHeader(int) {}

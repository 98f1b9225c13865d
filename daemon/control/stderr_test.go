package control

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOutputOfCommandsIsForTheOwner: a member of the socket's group does not see
// it, though it may do everything else.
func TestOutputOfCommandsIsForTheOwner(t *testing.T) {
	for _, c := range []struct {
		peer    peer
		refused bool
	}{
		{peer{}, true},
		{peer{trusted: true}, true},
		{peer{trusted: true, owner: true}, false},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), peerKey{}, c.peer), http.MethodPost, pathStderr, strings.NewReader("{"))
		handler{}.stderr(w, r)
		if got := strings.Contains(w.Body.String(), string(CodeDenied)); got != c.refused {
			t.Errorf("%+v: refused %v, want %v (%s)", c.peer, got, c.refused, w.Body.String())
		}
	}
}

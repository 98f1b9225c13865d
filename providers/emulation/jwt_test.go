package emulation_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/vigented/vigente/providers/emulation"
)

func TestSignerMakesJWTs(t *testing.T) {
	parts := strings.Split(emulation.NewSigner().Sign(map[string]any{"jti": "7"}, map[string]any{"sub": "a/b?"}), ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3", len(parts))
	}
	for i, want := range []map[string]string{{"alg": "RS256", "typ": "JWT", "jti": "7"}, {"sub": "a/b?"}} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(raw, &got); err != nil || !maps.Equal(got, want) {
			t.Errorf("part %d: got %v, %v, want %v", i, got, err, want)
		}
	}
	if raw, err := base64.RawURLEncoding.DecodeString(parts[2]); err != nil || len(raw)*8 != 2048 {
		t.Errorf("signature: got %d bytes, %v, want 256", len(raw), err)
	}
}

package exchange

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// codingError is a body in a content coding that is not understood.
type codingError struct{ name string }

func (e *codingError) Error() string {
	return "compressed with " + e.name + ", although the request asks for no compression (switch it off for this path at the server, or at the proxy on the way)"
}

// otherCodings are the registered content codings besides gzip.
var otherCodings = [...]string{"br", "zstd", "deflate", "compress", "x-compress", "dcb", "dcz"}

// readBody reads one byte more than limit at most. Gzip is understood although
// it was not asked for: some servers compress whatever the request says. It is
// known by its first bytes, since labels are wrong in both directions.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	// A compressed body that is longer than what it may hold is not read to its end.
	raw := bufio.NewReader(io.LimitReader(resp.Body, limit+1))
	if head, _ := raw.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if err := understood(resp.Header.Get("Content-Encoding")); err != nil && len(head) > 0 {
			return nil, err
		}
		return io.ReadAll(raw)
	}
	plain, err := gzip.NewReader(raw)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(plain, limit+1))
	if int64(len(body)) > limit {
		err = nil // too large, whatever follows
	}
	return body, err
}

// understood returns an error for a coding that makes the body unreadable.
func understood(header string) error {
	coding := strings.ToLower(strings.TrimSpace(header))
	switch coding {
	case "", "identity", "gzip", "x-gzip":
		return nil
	}
	for _, name := range otherCodings {
		if coding == name {
			return &codingError{name}
		}
	}
	return &codingError{"something unknown"}
}

// unreadable returns what is said of a body that arrived and cannot be decoded.
func unreadable(err error) string {
	if coding, ok := errors.AsType[*codingError](err); ok {
		return coding.Error()
	}
	return "its encoding is broken"
}

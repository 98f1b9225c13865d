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

// codingError is a body with an unsupported content coding.
type codingError struct{ name string }

func (e *codingError) Error() string {
	return "compressed with " + e.name + ", although the request asked for no compression (disable it for this path on the server or the proxy)"
}

// otherCodings lists the registered content codings other than gzip.
var otherCodings = [...]string{"br", "zstd", "deflate", "compress", "x-compress", "dcb", "dcz"}

// readBody reads at most limit+1 bytes. It accepts gzip although the request
// does not ask for it, because some servers compress anyway. Gzip is recognized
// by its magic bytes, because the header can be wrong in both directions.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	// Compressed bytes beyond the limit of the plain body are not read.
	// The buffer holds only the magic bytes; the rest is read directly.
	raw := bufio.NewReaderSize(io.LimitReader(resp.Body, limit+1), 64)
	if head, _ := raw.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if err := checkCoding(resp.Header.Get("Content-Encoding")); err != nil && len(head) > 0 {
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
		err = nil // too large, whatever comes next
	}
	return body, err
}

// checkCoding returns an error for a coding that cannot be decoded.
func checkCoding(header string) error {
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

// decodeProblem describes a body that arrived but cannot be decoded.
func decodeProblem(err error) string {
	if coding, ok := errors.AsType[*codingError](err); ok {
		return coding.Error()
	}
	return "its encoding is invalid"
}

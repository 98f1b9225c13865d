package exchange

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// codingError is a body with an unsupported content coding.
type codingError struct{ name string }

func (e *codingError) Error() string {
	return "compressed with " + e.name + ", although the request asked for no compression (disable it for this path on the server or the proxy)"
}

// otherCodings lists the registered content codings that are not decoded.
var otherCodings = [...]string{"br", "zstd", "compress", "x-compress", "dcb", "dcz"}

// mostCodings is how many times an answer may be compressed: by the server, and by
// what stands between.
const mostCodings = 2

// readBody reads at most limit+1 bytes. It accepts gzip and deflate although the
// request does not ask for them, because some servers compress anyway. Gzip is
// recognized by its magic bytes, because the header can be wrong in both directions.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	// Compressed bytes beyond the limit of the plain body are not read.
	// The buffer holds only the magic bytes; the rest is read directly.
	raw := bufio.NewReaderSize(io.LimitReader(resp.Body, limit+1), 64)
	compressed := false
	for range mostCodings {
		head, _ := raw.Peek(2)
		if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
			break
		}
		plain, err := gzip.NewReader(raw)
		if err != nil {
			return nil, err
		}
		raw, compressed = bufio.NewReaderSize(io.LimitReader(plain, limit+1), 64), true
	}
	header := strings.Join(resp.Header.Values("Content-Encoding"), ",")
	if head, _ := raw.Peek(1); !compressed && len(head) > 0 {
		if strings.EqualFold(strings.TrimSpace(header), "deflate") {
			return inflate(raw, limit)
		}
		if err := checkCoding(header); err != nil {
			return nil, err
		}
	}
	body, err := io.ReadAll(raw)
	if compressed && int64(len(body)) > limit {
		err = nil // too large, whatever comes next
	}
	return body, err
}

// inflate reads the coding deflate, which is zlib (RFC 9110, 8.4.1.2), but which many
// servers send without the header of zlib. Like gzip, it may be a wrong label.
func inflate(raw io.Reader, limit int64) ([]byte, error) {
	coded, err := io.ReadAll(raw)
	if err != nil {
		return nil, err
	}
	body, err := bounded(zlib.NewReader(bytes.NewReader(coded)))(limit)
	if err != nil {
		body, err = bounded(flate.NewReader(bytes.NewReader(coded)), nil)(limit)
	}
	if err != nil && bytes.ContainsAny(coded[:1], "{[<") {
		return coded, nil
	}
	return body, err
}

// bounded reads at most limit+1 bytes of what a coding holds.
func bounded(plain io.Reader, err error) func(limit int64) ([]byte, error) {
	return func(limit int64) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(plain, limit+1))
	}
}

// checkCoding returns an error for a coding that cannot be decoded.
func checkCoding(header string) error {
	for coding := range strings.SplitSeq(header, ",") {
		switch coding = strings.ToLower(strings.TrimSpace(coding)); {
		case coding == "", coding == "identity", coding == "gzip", coding == "x-gzip":
			continue
		case slices.Contains(otherCodings[:], coding):
			return &codingError{coding}
		}
		return &codingError{"something unknown"}
	}
	return nil
}

// decodeProblem describes a body that arrived but cannot be decoded.
func decodeProblem(err error) string {
	if coding, ok := errors.AsType[*codingError](err); ok {
		return coding.Error()
	}
	return "its encoding is invalid"
}

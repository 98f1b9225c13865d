package tokens

import (
	"encoding/json"
	"maps"
	"testing"
)

// TestParseWholeAgreesWithTheOtherWay: the shorter way to parse an answer changes
// nothing about the result.
func TestParseWholeAgreesWithTheOtherWay(t *testing.T) {
	for body, short := range map[string]bool{
		`{}`: true, `{"access_token":"a","expires_in":5}`: true, `{"a":1,"a":2}`: true, `{"a": {"b": [1, null]}, "c": null}`: true,
		`{"a":"ç","\u00e7":1}`: true, `{"A":1,"a":2}`: false, `{"a":1,"A":2}`: false, `{"Access_Token":"a"}`: false,
		`{"a":1,"b":"tru`: false, `{"a":1,"b"`: false, `{"a":1}x`: false, `{`: false, `{"a":1,}`: false,
		"{\"a\":\"\xff\",\"\xff\":1}": true, `{"a":1} `: true,
	} {
		if got := parseWhole([]byte(body)) != nil; got != short {
			t.Errorf("%s: taken the shorter way %v, want %v", body, got, short)
		}
		got, gotWhole := ParseObject([]byte(body))
		want, wantWhole := parseMembers([]byte(body))
		same := maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) })
		if !same || gotWhole != wantWhole {
			t.Errorf("%s: got %s, whole %v; want %s, %v", body, got, gotWhole, want, wantWhole)
		}
	}
	for _, body := range []string{"", " ", "null", "[1]", "x", `"{"`} {
		if o, whole := ParseObject([]byte(body)); o != nil || whole {
			t.Errorf("%q: got %v, %v; want no object", body, o, whole)
		}
	}
}

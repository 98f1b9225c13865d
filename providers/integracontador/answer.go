package integracontador

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// asked is the request that an answer belongs to.
type asked struct {
	at       time.Time
	previous credential.Credential
	signed   document
	session  string
}

// known returns the known expiry of a token, and which answer stated it.
func (q asked) known(token string) (time.Time, string) {
	if token == "" || q.previous.PolicyExpiry || q.previous.Values[fieldToken].Reveal() != token {
		return time.Time{}, ""
	}
	return q.previous.ExpiresAt, q.previous.Seed[seedSource].Reveal()
}

// readApoiar reads any answer to a posted Termo. It is a pure function of the
// answer and the request.
func readApoiar(a *exchange.Answer, q asked) (credential.Credential, *credential.Fault) {
	if a.Status == http.StatusNotModified {
		token, ok := etagToken(a.Header.Get("ETag"))
		if !ok {
			return credential.Credential{}, exchange.BadResponse("the service says that the Termo is known (304) and names no token in its etag (is a cache in the way?)")
		}
		return readRepeated(a, q, token)
	}
	if f := classifyApoiar(a, q); f != nil {
		return credential.Credential{}, f
	}
	token, expiry := tokenOf(a.Body)
	if token == "" {
		// Some servers state it there as well; the body takes precedence.
		if fromHeader, ok := etagToken(a.Header.Get("ETag")); ok && a.Status == http.StatusOK {
			return readRepeated(a, q, fromHeader)
		}
		return credential.Credential{}, exchange.BadResponse("the service's answer holds no autenticar_procurador_token (is api_url that of Integra Contador?)")
	}
	if !exchange.HeaderText(token) || len(token) > 256 {
		return credential.Credential{}, exchange.BadResponse("the procurador token contains a space, a control character or a non-ASCII character, which a header cannot carry")
	}
	end, ok := parseLocal(expiry)
	if !ok {
		end = nextMidnight(q.at)
	}
	if !end.After(q.at) {
		return credential.Credential{}, stale(q, token)
	}
	return q.credential(token, end, source200), nil
}

func (q asked) credential(token string, end time.Time, source string) credential.Credential {
	return credential.Credential{
		Values:    map[string]credential.Secret{fieldToken: credential.NewSecret(token)},
		Seed:      q.signed.seed(source),
		IssuedAt:  q.at,
		ExpiresAt: end.UTC(),
	}
}

// Limits for an answer that repeats a token that should have expired.
const (
	// skew is how far the two clocks may differ: a repetition this soon after the
	// expiry may only be early.
	skew = 2 * time.Minute
	// resignAfter is how long after the expiry another Termo is tried.
	resignAfter = 5 * time.Minute
)

// readRepeated reads the answer that the posted Termo already has a token. An
// expiry that a 200 stated stays valid; else the header is used, read as GMT.
func readRepeated(a *exchange.Answer, q asked, token string) (credential.Credential, *credential.Fault) {
	known, source := q.known(token)
	end, stated := parseExpires(a.Header.Get("Expires"))
	switch {
	case known.After(q.at):
		return q.credential(token, known, source), nil
	case stated && end.After(q.at):
		return q.credential(token, end, source304), nil
	case !stated && known.IsZero():
		return q.credential(token, nextMidnight(q.at), source304), nil
	}
	f := stale(q, token)
	if stated && q.at.Sub(end) > skew && !f.SeedSpent {
		// The service keeps its answer to a Termo until the end of the day.
		f.IdleUntil = nextMidnight(q.at).UTC()
		f.Message = "the service repeats a procurador token that has expired; it is asked again after midnight in Brasília (vigente renew asks now; if it stays, compare the clock here with Brasília's)"
	}
	return credential.Credential{}, f
}

// stale is the fault of a token that has expired on arrival. Usually the clocks
// differ slightly, and the next attempt gets another token. If the service keeps
// repeating it, a Termo with another date is tried, since the same bytes get the
// same answer.
func stale(q asked, token string) *credential.Fault {
	f := exchange.BadResponse("the service still repeats a procurador token that has expired (retried automatically; if it stays, compare the clock here with Brasília's)")
	known, _ := q.known(token)
	f.SeedSpent = q.signed.stored && q.signed.signedOn < q.at.In(brasilia).Format(dayForm) && q.at.Sub(known) > resignAfter
	return f
}

// reply is the envelope of an answer, without the parts that echo the request.
type reply struct {
	Dados     json.RawMessage `json:"dados"`
	Mensagens []struct {
		Codigo string `json:"codigo"`
	} `json:"mensagens"`
}

// readReply parses the envelope; whole is false if it is not one. A member of
// the wrong type does not hide the others.
func readReply(body []byte) (r reply, whole bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(trimBOM(body), &members) != nil || members == nil {
		return r, false
	}
	r.Dados = members["dados"]
	_ = json.Unmarshal(members["mensagens"], &r.Mensagens)
	return r, true
}

// tokenOf returns the token of a 200 and its expiry as written. dados is JSON
// within a string, or an object.
func tokenOf(body []byte) (token, expiry string) {
	r, whole := readReply(body)
	if !whole || len(r.Dados) == 0 {
		return "", ""
	}
	inner := []byte(r.Dados)
	var text string
	if json.Unmarshal(r.Dados, &text) == nil {
		inner = []byte(text)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(inner, &members) != nil {
		return "", ""
	}
	// Both must be strings: a number or null in place of one leaves it empty.
	_ = json.Unmarshal(members["autenticar_procurador_token"], &token)
	_ = json.Unmarshal(members["data_hora_expiracao"], &expiry)
	return token, expiry
}

// etagToken returns the token in an etag: "autenticar_procurador_token:UUID",
// weak or not, with or without the quotes, or the bare UUID. An etag of another
// form was set by a cache and holds no token.
func etagToken(header string) (string, bool) {
	text := strings.TrimSpace(header)
	text = strings.TrimPrefix(strings.TrimPrefix(text, "W/"), "w/")
	text = strings.Trim(text, `"' `)
	name, token, named := strings.Cut(text, ":")
	if !named {
		return text, isUUID(text)
	}
	token = strings.Trim(token, `"' `)
	return token, strings.EqualFold(strings.TrimSpace(name), "autenticar_procurador_token") && isUUID(token)
}

// isUUID reports whether text has the layout of a UUID. One of the vendor's
// samples begins with a z, so its digits need not be hexadecimal.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		dash := i == 8 || i == 13 || i == 18 || i == 23
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if dash != (c == '-') || !dash && !letter {
			return false
		}
	}
	return true
}

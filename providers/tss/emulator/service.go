package emulator

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vigented/vigente/providers/emulation"
)

// call is one request to a service.
type call struct {
	e      *Emulator
	w      http.ResponseWriter
	r      *http.Request
	renew  bool // RestNewToken; false means RestGetToken
	id     Identity
	valid  bool // the parameter holds a valid message
	faults []fault
}

// serve answers one request to RestNewToken or RestGetToken.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request, renew bool) {
	faults, unknown := e.faultsFor(r)
	if unknown != "" {
		http.Error(w, "emulator: there is no fault "+unknown+"", http.StatusBadRequest)
		return
	}
	c := &call{e: e, w: w, r: r, renew: renew, faults: faults}
	c.id, c.valid = e.message(r)
	e.note(c)
	if e.opt.Latency > 0 && !emulation.Wait(r, e.opt.Latency) {
		return
	}
	for _, f := range c.faults {
		if f.instead != nil && f.instead(c) {
			return
		}
	}
	switch {
	case !e.authorised(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="TSS"`)
		frameworkFault(w, http.StatusUnauthorized, false)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		frameworkFault(w, e.opt.OtherMethod, false)
	case !c.valid:
		c.negative(e.opt.NegativeStatus, "Mensagem JSON invalida", "application/json")
	default:
		c.positive()
	}
}

// note counts the request.
func (e *Emulator) note(c *call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	switch {
	case !c.valid:
	case c.renew:
		e.account(c.id).calls++
	default:
		e.account(c.id).gets++
	}
}

func (e *Emulator) authorised(r *http.Request) bool {
	if e.opt.Username == "" {
		return true
	}
	user, password, ok := r.BasicAuth()
	same := subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(e.opt.Username+"\x00"+e.opt.Password)) == 1
	return ok && same
}

// message decodes the JSON parameter, whose name is matched without case.
func (e *Emulator) message(r *http.Request) (Identity, bool) {
	param := ""
	for name, values := range r.URL.Query() {
		if strings.EqualFold(name, "JSON") {
			param = values[0]
		}
	}
	encoding := base64.StdEncoding.Strict()
	if e.opt.Lenient {
		param = strings.TrimRight(strings.ReplaceAll(param, " ", "+"), "=")
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.DecodeString(param)
	if err != nil || len(data) == 0 {
		return Identity{}, false
	}
	var m struct {
		Empresa *struct {
			CNPJ       string `json:"cnpj"`
			TipoPessoa int    `json:"tipopessoa"`
			IE         string `json:"ie"`
			UF         string `json:"uf"`
		} `json:"empresa"`
	}
	if json.Unmarshal(data, &m) != nil || m.Empresa == nil {
		return Identity{}, false
	}
	id := Identity{m.Empresa.CNPJ, m.Empresa.IE, m.Empresa.UF}.folded()
	kind := m.Empresa.TipoPessoa
	return id, id.CNPJ != "" && id.UF != "" && (kind == 1 || kind == 2)
}

// positive answers with a token.
func (c *call) positive() {
	token, known := c.token()
	if !known {
		c.negative(c.e.opt.NegativeStatus, "Mensagem JSON invalida", "application/json")
		return
	}
	body := "{\n\"TOKEN\": " + quoted(token) + "\n}"
	for _, f := range c.faults {
		if f.body != nil {
			body = f.body(token, body)
		}
	}
	c.w.Header().Set("Content-Type", "application/json")
	for _, f := range c.faults {
		if f.send != nil {
			f.send(c, body)
			return
		}
	}
	_, _ = c.w.Write([]byte(body))
}

// token renews or reads the client's token. A renewal discards the old one.
func (c *call) token() (token string, known bool) {
	c.e.mu.Lock()
	defer c.e.mu.Unlock()
	a := c.e.account(c.id)
	row := *a
	if c.renew {
		row.before, row.token = a.token, c.e.newToken()
		row.renewals++
	}
	for _, f := range c.faults {
		if f.token != nil {
			f.token(c, *a, &row)
		}
	}
	token = row.token
	if !c.renew {
		row.token = a.token // a read changes nothing
	}
	*a = row
	return token, token != ""
}

// negative is the service's own refusal, with the blanks of the vendor's page.
func (c *call) negative(status int, message, contentType string) {
	if contentType != "" {
		c.w.Header().Set("Content-Type", contentType)
	} else {
		c.w.Header()["Content-Type"] = nil
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write([]byte("{\n\"TOKEN\": \"\",\n\"error\": \" " + message + " \"\n}"))
}

func quoted(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(data)
}

// frameworkFault writes an error of the REST framework, which answers before
// the service does: in the classic form, or in that of the newer engine.
func frameworkFault(w http.ResponseWriter, status int, newer bool) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	text := quoted(http.StatusText(status))
	number, _ := json.Marshal(status)
	if newer {
		_, _ = w.Write([]byte(`{"code":` + string(number) + `,"message":` + text + `,"detailedMessage":""}`))
		return
	}
	_, _ = w.Write([]byte(`{"errorCode":` + string(number) + `,"errorMessage":` + text + `}`))
}

package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/vigented/vigente/providers/emulation"
)

// json writes one JSON answer.
func (x *exchange) json(status int, value any) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	// A caller that went away is not a fault of the service.
	_ = json.NewEncoder(x.w).Encode(value)
}

func (x *exchange) raw(status int, contentType, body string) {
	emulation.Write(x.w, status, contentType, body)
}

// page writes one HTML answer.
func (x *exchange) page(status int, title string) { emulation.Page(x.w, status, title) }

// gateway writes a fault of WSO2.
func (x *exchange) gateway(status int, code, message, description string) {
	x.json(status, map[string]string{"code": code, "message": message, "description": description})
}

// envelope writes an answer of the service, which echoes the request.
func (x *exchange) envelope(in request, status int, dados any, code, text string) {
	out := map[string]any{
		"status": status, "dados": dados,
		"mensagens": []map[string]string{{"codigo": "[" + code + "]", "texto": text}},
	}
	if x.set.StatusText {
		out["status"] = strconv.Itoa(status)
	}
	if !x.set.NoEcho {
		out["contratante"], out["autorPedidoDados"], out["contribuinte"], out["pedidoDados"] = in.Contratante, in.AutorPedidoDados, in.Contribuinte, in.PedidoDados
		out["responseId"], out["responseDateTime"] = uuid(), x.at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	x.json(status, out)
}

// refuse writes an error of the service.
func (x *exchange) refuse(in request, status int, code, text string) {
	x.envelope(in, status, nil, code, text)
}

func (x *exchange) echoed() (in request) {
	_ = json.Unmarshal(x.body, &in)
	return in
}

// redirect answers with another address.
func (x *exchange) redirect() {
	x.w.Header().Set("Location", "/login")
	x.page(http.StatusFound, "Moved")
}

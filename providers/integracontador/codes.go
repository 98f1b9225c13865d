package integracontador

import (
	"slices"
	"strings"
	"unicode"
)

// Modules whose codes are known.
const (
	moduleTermo   = "AUTENTICAPROCURADOR"
	moduleManager = "ICGERENCIADOR"
)

// action is what an error asks for.
type action int

// The actions.
const (
	unknown   action = iota
	retry            // the service is at fault: wait
	renewPair        // another session pair
	signAgain        // another Termo, once
	configure        // somebody must change the configuration
	person           // somebody must act outside
	request          // the service does not take what we ask
)

// advice is an action, and how to fix the error in words.
type advice struct {
	action
	text string
}

// code is a documented error by module and number. The class in front and the
// HTTP status differ between versions and are ignored.
type code struct{ module, number string }

func (c code) String() string { return c.module + "-" + c.number }

// parseCode parses "[Class-MODULE-nnn]", with or without brackets and class. It
// returns false for anything but a code of a known module, so that no other
// text of the server is repeated.
func parseCode(text string) (code, bool) {
	text = strings.TrimFunc(text, func(r rune) bool { return r == '[' || r == ']' || unicode.IsSpace(r) })
	parts := strings.Split(text, "-")
	if len(parts) < 2 {
		return code{}, false
	}
	c := code{strings.ToUpper(strings.TrimSpace(parts[len(parts)-2])), strings.TrimSpace(parts[len(parts)-1])}
	if len(c.number) == 0 || len(c.number) > 3 || strings.Trim(c.number, "0123456789") != "" {
		return code{}, false
	}
	c.number = strings.Repeat("0", 3-len(c.number)) + c.number
	return c, slices.Contains([]string{moduleTermo, moduleManager}, c.module)
}

// advice returns what to do about the code.
func (c code) advice() advice {
	if c.module == moduleTermo {
		return termoAdvice(c.number)
	}
	return managerAdvice(c.number)
}

// termoAdvice lists what the service says about a Termo.
func termoAdvice(number string) advice {
	const profile = "the service says that the signed document is not as it must be (please report it with this number)"
	switch number {
	case "003", "008", "014", "034":
		return advice{retry, "the service failed internally while checking the Termo (retried automatically)"}
	case "009":
		return advice{signAgain, "author.certificate is not an e-CPF or e-CNPJ of ICP-Brasil (use one of type A1)"}
	case "010":
		return advice{signAgain, "author.certificate has expired (replace it with the renewed one)"}
	case "011":
		return advice{signAgain, "author.numero is not the number in author.certificate (correct one of the two)"}
	case "012":
		return advice{signAgain, "contratante.numero is not the contratante of the session (correct it, or use that contratante's certificate and keys)"}
	case "013", "033":
		return advice{signAgain, "the signature of the Termo is not valid to the service (check author.certificate and the names; if they are right, report it with this number)"}
	case "016":
		return advice{signAgain, "a value of the Termo is not valid to the service (check author and contratante, numero and nome)"}
	case "017":
		return advice{signAgain, "the Termo's last day has passed (check the clock here and term_days)"}
	case "018":
		return advice{signAgain, "the Termo is dated after the service's today (check the clock here)"}
	case "021":
		return advice{signAgain, "author.certificate has no ICP-Brasil fields (use an e-CPF or e-CNPJ of ICP-Brasil)"}
	case "023":
		return advice{signAgain, "author.certificate is not authorised (use an e-CPF or e-CNPJ of type A1, series A)"}
	case "037":
		return advice{signAgain, "author.certificate has been revoked (put a new one in its place)"}
	case "039":
		return advice{signAgain, "author.certificate fails the service's checks (use an e-CPF or e-CNPJ of type A1)"}
	case "040":
		return advice{signAgain, "the chain of author.certificate is not trusted (use a certificate of ICP-Brasil)"}
	case "041":
		return advice{signAgain, "author.certificate is self-signed (use a certificate of ICP-Brasil)"}
	case "002", "015", "019", "020", "025", "026", "027", "028", "029", "030", "031", "032", "038":
		return advice{signAgain, profile}
	}
	return advice{}
}

// managerAdvice lists what the manager in front of every service says.
func managerAdvice(number string) advice {
	switch number {
	case "003", "004", "005", "027", "037", "013", "025", "026", "038", "041", "045", "014", "015":
		return advice{renewPair, "the session is not accepted any more (a new one is obtained)"}
	case "006", "007", "008", "009", "010", "011", "012":
		return advice{configure, "a number or its kind is not valid to the service (check author.numero and contratante.numero)"}
	case "016":
		return advice{configure, "contratante.numero is not the CNPJ of the certificate of the login (correct one of the two)"}
	case "018":
		return advice{configure, "contratante.numero is not the owner of consumer_key (correct one of the two)"}
	case "022":
		return advice{person, "the author has no procuração in e-CAC for this taxpayer (the taxpayer must grant it)"}
	case "017", "028", "044", "052", "055", "040":
		return advice{request, "the service does not offer this operation here (is api_url right?)"}
	case "019", "042":
		return advice{request, "the service asks for a procurador token where none can be yet (is api_url right?)"}
	case "053", "054":
		return advice{signAgain, "the Termo names another contratante or author than the request (check author and contratante)"}
	case "020":
		return advice{retry, "the service lost the procurador token (the Termo is sent again)"}
	case "001", "002", "023", "029", "030", "031", "032", "033", "034", "035", "036", "056", "058":
		return advice{retry, "the service failed internally (retried automatically)"}
	}
	return advice{}
}

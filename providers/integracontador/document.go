package integracontador

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/integracontador/internal/termo"
)

// Keys of the seed, which no sink ever receives.
const (
	seedFile    = "termo"     // the signed file, byte for byte
	seedContent = "content"   // what it was made of
	seedSigned  = "signed_on" // AAAAMMDD
	seedLast    = "last_day"  // AAAAMMDD
	seedSource  = "expiry_of" // which answer stated the expiry
	source200   = "200"       // the body of a 200, which is exact
	source304   = "304"       // the header of a 304 read as GMT
	dayForm     = "20060102"
)

// document is a signed Termo.
type document struct {
	file              []byte
	content           string
	signedOn, lastDay string
	stored            bool // signed for an earlier attempt
}

// document returns the stored Termo while its content is current and its last
// day has not passed, else one that is signed now.
//
// The service answers the same bytes with the same token, and a Termo is meant
// to be used until its last day, so signing each time would gain nothing. A
// stored one that was refused is discarded through Fault.SeedSpent.
func (p *procurador) document(req credential.Request) (document, *credential.Fault) {
	today := req.At.In(brasilia)
	content, seed := p.content(), req.Previous.Seed
	if seed[seedContent].Reveal() == content && !seed[seedFile].IsZero() && today.Format(dayForm) <= seed[seedLast].Reveal() &&
		seed[seedSigned].Reveal() <= today.Format(dayForm) {
		return document{[]byte(seed[seedFile].Reveal()), content, seed[seedSigned].Reveal(), seed[seedLast].Reveal(), true}, nil
	}
	d := document{content: content, signedOn: today.Format(dayForm), lastDay: today.AddDate(0, 0, p.days).Format(dayForm)}
	t := termo.Termo{SignedOn: d.signedOn, LastDay: d.lastDay, Recipient: p.contratante.termo(), Author: p.author.termo()}
	key, _ := p.certificate.signingKey()
	file, err := t.Sign(key, p.certificate.pair.Leaf.Raw)
	if err != nil {
		return d, &credential.Fault{Reason: credential.ReasonInternal, Message: "sign the Termo: the key of author.certificate cannot sign (is it an RSA key of 1024 bits or more?)", Err: err}
	}
	d.file = file
	return d, nil
}

// content identifies what a Termo is made of, except its dates.
func (p *procurador) content() string {
	return identity("termo", p.contratante.number, p.contratante.name, p.author.number, p.author.name, p.certificate.fingerprint())
}

// seed stores the document for the next attempt.
func (d document) seed(source string) map[string]credential.Secret {
	return map[string]credential.Secret{
		seedFile:    credential.NewSecret(string(d.file)),
		seedContent: credential.NewSecret(d.content),
		seedSigned:  credential.NewSecret(d.signedOn),
		seedLast:    credential.NewSecret(d.lastDay),
		seedSource:  credential.NewSecret(source),
	}
}

// endOfDay is the midnight in Brasília that ends a day.
func endOfDay(day string) time.Time {
	t, err := time.ParseInLocation(dayForm, day, brasilia)
	if err != nil {
		return time.Time{}
	}
	return t.AddDate(0, 0, 1)
}

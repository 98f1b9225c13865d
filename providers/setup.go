package providers

// Setup is one backend of a kind that vigente init can ask about: what has to be
// known for a first configuration.
type Setup struct {
	Name, Title string
	// Provider and Credential are the usual names of the tables.
	Provider, Credential string
	// Fields are what its sinks show, the main one first.
	Fields []string
	// Section and Keys are the usual ones of an INI or an environment file.
	Section string
	Keys    []string
	// Fixed are lines of the provider's table that need no question.
	Fixed     []string
	Questions []Question
	// Login says that a person logs in once the daemon runs.
	Login bool
}

// Answer is how the value of a key is written.
type Answer int

// The forms of an answer. Nobody is asked for a secret, only told where to put
// it.
const (
	Text     Answer = iota // a string
	Secret                 // a reference to a file that holds it
	File                   // the path of a file that is put there
	Secrets                // that many references
	Optional               // a string, or no line at all
)

// Question is one key of the configuration and the question for it.
type Question struct {
	OfCredential bool // the key stands in the credential's table, not in the provider's
	Key          string
	Flag         string // of vigente init; empty for what is not asked
	Ask          string
	Comment      string
	Form         Answer
	Fallback     string // the answer when none is given
	Example      string // a valid answer, to check the others with
}

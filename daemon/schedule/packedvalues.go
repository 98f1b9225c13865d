package schedule

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unique"

	"github.com/vigented/vigente/credential"
)

// packedValues are the values of a token. A map of three takes 400 bytes, and a token
// that stands in an authorization header too would be held twice.
type packedValues struct {
	// names are the names, in their order and each with its length; equal ones are held
	// once. It is zero if there are no values.
	names unique.Handle[string]
	// texts has, for each name, how far from its end the value begins and how long it
	// is, and then the values. One that is part of another is only in that one.
	texts credential.Secret
}

func packValues(values map[string]credential.Secret) packedValues {
	if len(values) == 0 {
		return packedValues{}
	}
	names := slices.Sorted(maps.Keys(values))
	texts := ""
	for _, name := range slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(values[b].Reveal()), len(values[a].Reveal())), cmp.Compare(a, b))
	}) {
		if text := values[name].Reveal(); !strings.Contains(texts, text) {
			texts += text
		}
	}
	head, list := make([]byte, 0, len(texts)+len(names)*2*binary.MaxVarintLen16), []byte(nil)
	for _, name := range names {
		list = binary.AppendUvarint(list, uint64(len(name)))
		list = append(list, name...)
		text := values[name].Reveal()
		head = binary.AppendUvarint(head, uint64(len(texts)-strings.Index(texts, text))) //nolint:gosec // it is in there
		head = binary.AppendUvarint(head, uint64(len(text)))
	}
	return packedValues{unique.Make(string(list)), credential.NewSecret(string(append(head, texts...)))}
}

// values returns the values. They share the memory of the packed ones.
func (p packedValues) values() map[string]credential.Secret {
	if p.names == (unique.Handle[string]{}) {
		return nil
	}
	names, texts := p.names.Value(), p.texts.Reveal()
	values := make(map[string]credential.Secret, 3)
	for head := texts; names != ""; {
		var size, from, length int
		size, names = cutNumber(names)
		from, head = cutNumber(head)
		length, head = cutNumber(head)
		from = len(texts) - from
		values[names[:size]] = credential.NewSecret(texts[from : from+length])
		names = names[size:]
	}
	return values
}

// cutNumber reads what binary.AppendUvarint has written.
func cutNumber(text string) (n int, rest string) {
	for i := 0; ; i++ {
		n |= int(text[i]&0x7f) << (7 * i)
		if text[i] < 0x80 {
			return n, text[i+1:]
		}
	}
}

// unread are the Values of an Outline.
var unread = map[string]credential.Secret{"\x00unread": {}}

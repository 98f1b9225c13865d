package emulator

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// node is an element, or text if it has no name.
type node struct {
	name       string
	attributes [][2]string // as written, with namespace declarations
	text       string
	children   []*node
}

// parse reads a document without a document type, comments and prefixes: the
// profile has none of them.
func parse(file []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(file))
	d.Strict = true
	root := &node{}
	open := []*node{root}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			n := &node{name: qualified(t.Name)}
			for _, a := range t.Attr {
				n.attributes = append(n.attributes, [2]string{qualified(a.Name), a.Value})
			}
			top.children = append(top.children, n)
			open = append(open, n)
		case xml.EndElement:
			if top.name != qualified(t.Name) {
				return nil, errors.New("tags do not match")
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 1 && len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text outside the root")
			}
			if len(open) > 1 {
				top.children = append(top.children, &node{text: string(t)})
			}
		case xml.ProcInst:
			if t.Target != "xml" || len(root.children) > 0 {
				return nil, errors.New("processing instruction")
			}
		default:
			return nil, errors.New("comment or document type")
		}
	}
	if len(open) != 1 || len(root.children) != 1 {
		return nil, errors.New("not one root")
	}
	return root.children[0], nil
}

func qualified(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// canonical writes a tree in Canonical XML 1.0 without comments. namespace is
// the default namespace that the output has already declared.
func (n *node) canonical(out *strings.Builder, namespace string) {
	if n.name == "" {
		out.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(n.text))
		return
	}
	out.WriteString("<" + n.name)
	var rest [][2]string
	for _, a := range n.attributes {
		if a[0] != "xmlns" {
			rest = append(rest, a)
			continue
		}
		if a[1] != namespace {
			namespace = a[1]
			out.WriteString(` xmlns="` + escaped(namespace) + `"`)
		}
	}
	slices.SortFunc(rest, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, a := range rest {
		out.WriteString(" " + a[0] + `="` + escaped(a[1]) + `"`)
	}
	out.WriteString(">")
	for _, c := range n.children {
		c.canonical(out, namespace)
	}
	out.WriteString("</" + n.name + ">")
}

func escaped(value string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;").Replace(value)
}

// elements returns the element children, only those of that name if it is set.
func (n *node) elements(name string) (found []*node) {
	for _, c := range n.children {
		if c.name != "" && (name == "" || c.name == name) {
			found = append(found, c)
		}
	}
	return found
}

// one returns the only child of that name, or an empty element.
func (n *node) one(name string) *node {
	if all := n.elements(name); len(all) == 1 {
		return all[0]
	}
	return &node{}
}

func (n *node) attribute(name string) (string, bool) {
	for _, a := range n.attributes {
		if a[0] == name {
			return a[1], true
		}
	}
	return "", false
}

// content returns the text of an element, without white space.
func (n *node) content() string {
	var b strings.Builder
	for _, c := range n.children {
		b.WriteString(c.text)
	}
	return strings.Join(strings.Fields(b.String()), "")
}

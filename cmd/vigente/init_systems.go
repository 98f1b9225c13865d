package main

import (
	"slices"
	"strings"

	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// system is one backend that vigente init knows to ask about.
type system struct {
	providers.Setup
	kind string // of the provider
}

// initSystems returns what the kinds of the catalogue offer, in its order.
func initSystems() (all []system) {
	for _, k := range providerKinds() {
		if k.Setups == nil {
			continue
		}
		for _, s := range k.Setups() {
			all = append(all, system{s, k.Name})
		}
	}
	return all
}

func systemNames() []string {
	var names []string
	for _, s := range initSystems() {
		names = append(names, s.Name)
	}
	return names
}

func systemOf(name string) (system, bool) {
	all := initSystems()
	i := slices.IndexFunc(all, func(s system) bool { return s.Name == name })
	if i < 0 {
		return system{}, false
	}
	return all[i], true
}

// ofRow returns the questions whose answers differ from row to row of a fleet.
func (s system) ofRow() (list []providers.Question) {
	for _, q := range s.Questions {
		if q.OfCredential && (q.Form == providers.Text || q.Form == providers.Optional) {
			list = append(list, q)
		}
	}
	return list
}

// noSink is the answer of whoever wants none yet.
const noSink = "none"

// sinkChoices are the kinds of sink to choose from.
func sinkChoices() (names []string) {
	for _, k := range sinkKinds() {
		if k.Setup != nil {
			names = append(names, k.Name)
		}
	}
	return append(names, noSink)
}

// sinkSetup is what a kind of sink wants to know; nil for none.
func sinkSetup(kind string) *sinks.Setup {
	all := sinkKinds()
	if i := slices.IndexFunc(all, func(k sinks.Kind) bool { return k.Name == kind }); i >= 0 {
		return all[i].Setup
	}
	return nil
}

// The flags of the questions about a sink.
const (
	flagPath    = "path"
	flagSection = "section"
	flagKey     = "key"
)

// sinkAsks are the questions about a kind of sink.
func (s system) sinkAsks(kind string) []providers.Question {
	setup := sinkSetup(kind)
	if setup == nil {
		return nil
	}
	asks := []providers.Question{{Key: "path", Flag: flagPath, Ask: setup.Path, Example: "/run/vigente/example"}}
	if setup.Section {
		asks = append(asks, providers.Question{Key: "section", Flag: flagSection, Ask: "Section of the file", Fallback: s.Section, Example: s.Section})
	}
	if setup.Content == "" {
		asks = append(asks, providers.Question{
			Key: "values", Flag: flagKey, Ask: setup.Value + " " + strings.ReplaceAll(s.Fields[0], "_", " "), Fallback: s.Keys[0], Example: s.Keys[0],
		})
	}
	return asks
}

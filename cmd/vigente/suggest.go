package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// furthest is the largest edit distance of a suggestion.
const furthest = 3

// suggestFlag adds the most similar flag to an error.
func suggestFlag(command *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	best, least := "", furthest+1
	command.Flags().VisitAll(func(f *pflag.Flag) {
		if d := lettersBetween(unknown.GetSpecifiedName(), f.Name); d < least && !f.Hidden && d < len(f.Name) {
			best, least = f.Name, d
		}
	})
	if best == "" {
		return err
	}
	return fmt.Errorf("%w (did you mean --%s?)", err, best)
}

// lettersBetween returns the edit distance of two words.
func lettersBetween(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// oneLine returns an error on one line, with the first suggestion.
func oneLine(err error) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	_, suggestions, found := strings.Cut(rest, "Did you mean this?")
	if words := strings.Fields(suggestions); found && len(words) > 0 {
		first += " (did you mean " + words[0] + "?)"
	}
	return first
}

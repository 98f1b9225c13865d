// Package docs holds the pages that the program shows itself.
package docs

import _ "embed"

// Configuration is the reference of every key, in Markdown.
//
//go:embed configuration.md
var Configuration string

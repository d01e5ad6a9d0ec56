// Package dialplans holds the dialogues that ship with Rappel, as flows that package ivr reads and walks.
package dialplans

import "embed"

//go:embed *.yaml
var flows embed.FS

// Flows is the folder of flows.
func Flows() embed.FS { return flows }

// Package deploy holds what an operator starts from: the example configuration.
package deploy

import _ "embed"

//go:embed rappel.yaml
var example string // go:embed needs a package variable; it is read-only.

// Example is the example configuration: every key with its default.
func Example() string { return example }

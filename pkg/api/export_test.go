package api

import (
	"maps"
	"slices"
)

// Routes lists everything that is served.
func Routes() []string { return slices.Collect(maps.Keys((&API{}).routes())) }

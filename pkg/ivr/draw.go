package ivr

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Draw draws a flow as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html): a hexagon listens for a key, a
// diamond decides without the party, a thick line is a key pressed. The keys that mean the same everywhere are not drawn from
// every step. It returns "" for a flow that the book does not have.
func (b *Book) Draw(flow string) string {
	f := b.flows[flow]
	if f == nil {
		return ""
	}
	names := slices.Sorted(maps.Keys(f.Steps))
	node := make(map[string]string, len(names))
	for i, name := range names {
		node[name] = fmt.Sprintf("s%d", i) // A step may have a name that Mermaid reads as a word of its own, such as "end".
	}
	var out strings.Builder
	fmt.Fprintf(&out, "flowchart TD\n  begin((%s)) --> %s\n", quoted(f.Name), node[f.Start])
	for _, name := range names {
		s := f.Steps[name]
		from, to := `["`, `"]`
		switch {
		case s.listens():
			from, to = `{{"`, `"}}`
		case s.Lookup != nil, s.Branch != nil:
			from, to = `{"`, `"}`
		case s.Flow != "":
			from, to = `[["`, `"]]`
		case s.Hangup, s.Transfer != nil:
			from, to = `(["`, `"])`
		}
		fmt.Fprintf(&out, "  %s%s%s%s\n", node[name], from, plain(name+s.does()), to)
	}
	returns := false
	for _, name := range names {
		for _, e := range f.Steps[name].edges() {
			arrow := "-->"
			if e.key {
				arrow = "==>"
			}
			if e.label != "" {
				arrow += "|" + quoted(e.label) + "|"
			}
			returns = returns || e.to == Return
			fmt.Fprintf(&out, "  %s %s %s\n", node[name], arrow, cmp.Or(node[e.to], "back"))
		}
	}
	if returns {
		out.WriteString("  back((back))\n")
	}
	for _, everywhere := range []struct{ label, to string }{
		{keyPerson, f.Person}, {keyEmergency, f.Emergency}, {"two failures", f.Failed},
	} {
		if to := node[everywhere.to]; to != "" {
			fmt.Fprintf(&out, "  any((anywhere)) -.->|%s| %s\n", quoted(everywhere.label), to)
		}
	}
	return out.String()
}

// does is what the step does besides speaking, for a drawing.
func (s *Step) does() string {
	switch {
	case s.Collect != nil:
		return ": digits"
	case s.Record != nil:
		return ": record"
	case s.Queue != nil:
		return ": wait for " + s.Queue.For
	case s.Transfer != nil:
		return ": ring " + s.Transfer.To
	case s.Lookup != nil:
		return ": " + s.Lookup.What
	case s.Branch != nil:
		return ": " + s.Branch.On + "?"
	case s.Flow != "":
		return ": " + s.Flow
	default:
		return ""
	}
}

func quoted(s string) string { return `"` + plain(s) + `"` }

// plain keeps a text from ending Mermaid's quotation marks.
func plain(s string) string { return strings.ReplaceAll(s, `"`, "#quot;") }

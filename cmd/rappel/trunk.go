package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// trunkTerms are the flags that say what a trunk is; those not given stay as they were.
type trunkTerms struct {
	postgres.Trunk
	cli    string
	cliFor map[string]string
	permit []string
	given  func(flag string) bool
}

func (p *program) addTrunk() *cobra.Command {
	t := trunkTerms{Trunk: postgres.Trunk{Kind: postgres.TrunkAddress, Lines: 4, CallsPerSecond: 1}}
	c := p.inScheme(&cobra.Command{
		Use:   "trunk NAME",
		Short: "Show, make or change a trunk; the PBX knows it within seconds",
		Long: `Shows a trunk; with flags it makes or changes that first: what no flag names stays as it was. With --username the service
registers with the operator; without, the operator knows it by its address. The password is read from the environment variable
RAPPEL_TRUNK_SECRET, never from the command line.

Each kind of call may present a number of its own. In France a call that a machine places (presence, reminder, survey,
outreach) must: one of the beginnings that are kept for such calls (0162, 0163, 0270, …, 0937 to 0939, 0948, 0949), which the operator
gives out, and not that of human calls. Without it such calls are not placed. No call may show a number that costs whoever
rings back more than a call, nor, in France, a mobile one. An empty number takes it back. Further numbers that the operator permits are for the schemes that share it.

  rappel scheme trunk town --host sip.operator.example --cli +33199001000
  rappel scheme trunk town --cli-for presence=+33162000000 --cli-for reminder=+33162000000
  rappel scheme trunk town --permit +33199001001                  (then rappel scheme share-trunk, in the other scheme)

With several nodes a trunk is at the PBX of each, unless --nodes names some of them (rappel node list): an operator who knows one
address only, a line that ends in one building. Calls by it are then placed there.

  rappel scheme trunk town --nodes north-1a2b3c4d                 (--nodes "" is everywhere)`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		known, err := r.Trunk(ctx, r.scheme.Key, args[0])
		old := err == nil
		switch {
		case errors.Is(err, postgres.ErrNoTrunk):
			known = t.Trunk
			known.Endpoint, known.CLI = args[0], map[call.Kind]string{}
		case err != nil:
			return err
		}
		changed, err := t.change(&known, r.scheme.Country)
		if err != nil {
			return usageError{err}
		}
		if changed || !old {
			if err := checkNumbers(known, r.scheme.Country); err != nil {
				return usageError{err}
			}
			if err := app.CheckTrunk(known); err != nil {
				return usageError{err}
			}
			if err := p.checkNodes(ctx, r.Store, known.Nodes); err != nil {
				return err
			}
			err := r.SaveTrunk(ctx, r.scheme.Key, known)
			if errors.Is(err, postgres.ErrTaken) {
				return usageError{fmt.Errorf("another scheme has a trunk %s; choose another name, or share it: rappel scheme share-trunk %s", args[0], args[0])}
			}
			if err != nil {
				return err
			}
			if known, err = r.Trunk(ctx, r.scheme.Key, args[0]); err != nil {
				return err
			}
			if r.scheme.Country == "BE" && !old && known.Kind != postgres.TrunkSimulated {
				fmt.Fprintln(p.err, belgian)
			}
		}
		return p.printTrunk(known)
	})
	f := c.Flags()
	f.StringVar(&t.Host, "host", "", "address of the operator")
	f.IntVar(&t.Port, "port", 0, "its port (default: 5060, with tls 5061)")
	f.StringVar(&t.Transport, "transport", "udp", "how it is reached: udp, or tls with encrypted audio (Asterisk needs --sip-tls of rappel pbx files)")
	f.StringVar(&t.Username, "username", "", "user name, to register with")
	f.IntVar(&t.Lines, "lines", t.Lines, "calls at once in all")
	f.IntVar(&t.InboundReserve, "inbound-reserve", 0, "lines never used outbound (default: a fifth, at least 1)")
	f.Float64Var(&t.CallsPerSecond, "calls-per-second", t.CallsPerSecond, "new calls per second")
	f.StringVar(&t.FromDomain, "domain", "", "domain of our calls' address, when the operator asks for one")
	f.StringSliceVar(&t.Codecs, "codecs", nil, "codecs in order (default: alaw,ulaw)")
	f.StringVar(&t.DTMF, "dtmf", "rfc4733", "how keys travel: rfc4733, inband, info or auto")
	f.IntVar(&t.Position, "position", 1, "the order in which several trunks are tried for a call")
	f.BoolVar(&t.Disabled, "disabled", false, "take it out of service; --disabled=false takes that back")
	f.StringToStringVar(&t.cliFor, "cli-for", nil, "number presented by one kind of call, such as presence=+33162000000; may be given again")
	f.StringVar(&t.cli, "cli", "", "number presented, which the operator permits (E.164)")
	f.StringSliceVar(&t.Nodes, "nodes", nil, `nodes at whose PBXs it is; "" is all of them`)
	f.StringSliceVar(&t.permit, "permit", nil, `further numbers that the operator permits; "" is none`)
	t.given = f.Changed
	return c
}

// change lays the flags and the secret of the environment over a trunk, and reports whether there was one.
func (t *trunkTerms) change(known *postgres.Trunk, country string) (changed bool, err error) {
	lines := known.Lines
	for _, flag := range []struct {
		name string
		lay  func()
	}{
		{"host", func() { known.Host = t.Host }},
		{"transport", func() { known.Transport = t.Transport }},
		{"username", func() { known.Username = t.Username }},
		{"lines", func() { known.Lines = t.Lines }},
		{"inbound-reserve", func() { known.InboundReserve = t.InboundReserve }},
		{"calls-per-second", func() { known.CallsPerSecond = t.CallsPerSecond }},
		{"domain", func() { known.FromDomain = t.FromDomain }},
		{"codecs", func() { known.Codecs = t.Codecs }},
		{"dtmf", func() { known.DTMF = t.DTMF }},
		{"position", func() { known.Position = t.Position }},
		{"disabled", func() { known.Disabled = t.Disabled }},
		{"port", func() { known.Port = t.Port }},
		{"nodes", func() { known.Nodes = slices.DeleteFunc(t.Nodes, func(n string) bool { return n == "" }) }},
	} {
		if t.given(flag.name) {
			flag.lay()
			changed = true
		}
	}
	if t.given("lines") && !t.given("inbound-reserve") && known.Lines != lines {
		known.InboundReserve = 0 // As the usual share of the new number of lines.
	}
	if !t.given("port") && (known.Port == 0 || t.given("transport")) {
		if known.Port = 5060; known.Transport == "tls" {
			known.Port = 5061
		}
	}
	if known.Kind != postgres.TrunkSimulated {
		if known.Kind = postgres.TrunkAddress; known.Username != "" {
			known.Kind = postgres.TrunkRegistration
		}
	}
	if secret := trunkSecret(); secret != "" && secret != known.Secret {
		known.Secret, changed = secret, true
	}
	numbers, err := t.changeNumbers(known, country)
	return changed || numbers, err
}

// changeNumbers lays the numbers over what a trunk presents, and reports whether there was one.
func (t *trunkTerms) changeNumbers(known *postgres.Trunk, country string) (changed bool, err error) {
	further := slices.DeleteFunc(slices.Clone(known.PermittedCLI), func(n string) bool {
		return slices.Contains(slices.Collect(maps.Values(known.CLI)), n)
	})
	lay := func(flag, number string, kind call.Kind) error {
		changed = true
		if number == "" {
			delete(known.CLI, kind)
			return nil
		}
		number, err := e164(flag, number, country)
		known.CLI[kind] = number
		return err
	}
	if t.given("cli") {
		if err := lay("--cli", t.cli, ""); err != nil {
			return false, err
		}
	}
	for kind, number := range t.cliFor {
		if !slices.Contains(call.Kinds(), call.Kind(kind)) {
			return false, fmt.Errorf("--cli-for %s=%s: no such kind of call; write %s", kind, number, choice(call.Kinds()))
		}
		if err := lay("--cli-for "+kind, number, call.Kind(kind)); err != nil {
			return false, err
		}
	}
	if t.given("permit") {
		further, changed = nil, true
		for _, text := range t.permit {
			if text == "" {
				continue
			}
			number, err := e164("--permit", text, country)
			if err != nil {
				return false, err
			}
			further = append(further, number)
		}
	}
	known.PermittedCLI = slices.Compact(slices.Sorted(slices.Values(append(further, slices.Collect(maps.Values(known.CLI))...))))
	return changed, nil
}

// checkNumbers refuses numbers that a kind of call may not present in the country.
func checkNumbers(t postgres.Trunk, country string) error {
	shows := dispatch.Scheme{Country: country, CLI: t.CLI}
	for _, kind := range slices.Sorted(maps.Keys(t.CLI)) {
		if err := shows.Presentable(kind); err != nil {
			return fmt.Errorf("--cli-for %s: %w\nask the operator for one; rappel scheme trunk NAME --cli-for %s=NUMBER has these calls show it", kind, err, kind)
		}
		if err := numbering.Presentable(t.CLI[kind], country, false); err != nil {
			return fmt.Errorf("%s: %w; choose a number of the town's own, of a landline", strings.TrimSpace("presented by "+cmp.Or(string(kind), "all calls")), err)
		}
	}
	return nil
}

// belgian says what operators do in Belgium with calls that come in from abroad: royal decree of 12 May 2024.
const belgian = "In Belgium operators stop calls that enter the country with a Belgian number: this one must place them from inside Belgium, or\n" +
	"have your numbers registered. Ask it before the first call."

// ownCLI says what to type when calls of a kind have no number that they may present; other errors stay as they are.
func ownCLI(err error, kind call.Kind) error {
	if !errors.Is(err, dispatch.ErrOwnCLI) {
		return err
	}
	return usageError{fmt.Errorf("%w\ngive it to a trunk that is in service: rappel scheme trunk NAME --cli-for %s=+33162000000", err, kind)}
}

func (p *program) printTrunk(t postgres.Trunk) error {
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("host", t.Host)
	line("port", fmt.Sprintf("%d %s", t.Port, t.Transport))
	line("user", t.Username)
	if t.Secret != "" {
		line("secret", "set")
	}
	line("domain", t.FromDomain)
	line("lines", fmt.Sprintf("%d, of which %d are kept for people who ring in", t.Lines, t.InboundReserve))
	line("calls per second", fmt.Sprint(t.CallsPerSecond))
	line("codecs", strings.Join(t.Codecs, ","))
	line("keys", t.DTMF)
	line("position", fmt.Sprint(t.Position))
	if t.Disabled {
		line("disabled", "yes")
	}
	line("at the PBXs of", strings.Join(t.Nodes, ", "))
	presented := map[string]bool{}
	for _, kind := range slices.Sorted(maps.Keys(t.CLI)) {
		presented[t.CLI[kind]] = true
		line(strings.TrimSpace("presents "+string(kind)), t.CLI[kind])
	}
	line("permits", strings.Join(slices.DeleteFunc(slices.Clone(t.PermittedCLI), func(n string) bool { return presented[n] }), ", "))
	return w.Flush()
}

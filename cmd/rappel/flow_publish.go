package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/dialplans"
	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// shipped is the word for the version of a flow that ships.
const shipped = "shipped"

// spoken is which version of every flow a scheme speaks, for one that it has published: the newest publication by name.
type spoken map[string]postgres.FlowPublication

// inFlows gives do the flows of a scheme, with what it speaks now.
func (p *program) inFlows(c *cobra.Command, do func(ctx context.Context, r records, flows *app.Flows, args []string) error) *cobra.Command {
	return p.inScheme(c, func(ctx context.Context, r records, args []string) error {
		flows, err := app.NewFlows(r.config, r.Store)
		if err != nil {
			return err
		}
		return p.flowMistake(do(ctx, r, flows, args))
	})
}

// flowMistake explains what is refused. What is wrong with a flow is printed as by check.
func (p *program) flowMistake(err error) error {
	switch {
	case errors.Is(err, app.ErrFlawed):
		p.tellProblems(err)
		return silentError{}
	case errors.Is(err, postgres.ErrFlowsChanged):
		return usageError{fmt.Errorf("%w; look at rappel flow history and try again", err)}
	case errors.Is(err, postgres.ErrNoFlowVersion):
		return usageError{fmt.Errorf("%w; rappel flow history shows those there are", err)}
	case errors.Is(err, app.ErrNoFlow):
		return usageError{fmt.Errorf("%w; rappel flow publish it in another version, or have no line lead there", err)}
	}
	return err
}

// tellProblems prints what is wrong, a line each.
func (p *program) tellProblems(err error) {
	text := strings.TrimPrefix(err.Error(), app.ErrFlawed.Error()+": ")
	fmt.Fprintln(p.out, strings.TrimRight(text, "\n"))
}

func (p *program) draftFlow() *cobra.Command {
	var by string
	c := p.inFlows(&cobra.Command{
		Use:   "draft FILE",
		Short: "Keep a flow as its newest version, which nobody hears before it is published",
		Long: `Keeps a flow as its newest version. Nobody hears it before rappel flow publish; what is wrong with it is printed, and keeps
nothing from being kept.`,
		Example: "  rappel flow draft registration.yaml",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, flows *app.Flows, args []string) error {
		text, err := os.ReadFile(args[0])
		if err != nil {
			return usageError{err}
		}
		flaws := flows.Check(ctx, r.scheme.Key, args[0], string(text))
		v, err := flows.Draft(ctx, r.scheme.Key, postgres.FlowVersion{Text: string(text), By: by}, time.Now())
		switch {
		case err != nil && flaws != nil:
			return flaws // They name the lines of the file.
		case err != nil:
			return err
		case flaws != nil && !errors.Is(flaws, app.ErrFlawed):
			return flaws
		case flaws != nil:
			p.tellProblems(flaws)
		}
		fmt.Fprintf(p.out, "%s: version %d is kept; rappel flow publish %s has the scheme speak it\n", v.Name, v.Version, v.Name)
		return nil
	})
	c.Flags().StringVar(&by, "by", me(), "who wrote it")
	return c
}

func (p *program) publishFlow() *cobra.Command {
	var by string
	var version int
	c := p.inFlows(&cobra.Command{
		Use:   "publish FILE|NAME",
		Short: "Have the scheme speak a flow: whoever rings from the next seconds on hears it",
		Long: `Has the scheme speak a flow. A file is checked and kept as the newest version first; a name stands for the newest version that
was kept, or for that of --version. A flow with a problem is not published. Calls under way go on with what they began with.`,
		Example: `  rappel flow publish registration.yaml
  rappel flow publish registration --version 3`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, flows *app.Flows, args []string) error {
		name := args[0]
		if _, err := os.Stat(name); err == nil {
			if version != 0 {
				return usageError{errors.New("--version goes with the name of a flow, not with a file")}
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return usageError{err}
			}
			// What is wrong is told with the lines of the file, before anything is kept.
			if err := flows.Check(ctx, r.scheme.Key, name, string(text)); err != nil {
				return err
			}
			v, err := flows.Draft(ctx, r.scheme.Key, postgres.FlowVersion{Text: string(text), By: by}, time.Now())
			if err != nil {
				return err
			}
			name, version = v.Name, v.Version
		} else if version == 0 {
			versions, err := r.FlowVersions(ctx, r.scheme.Key, name)
			if err != nil {
				return err
			}
			if len(versions) == 0 {
				return usageError{fmt.Errorf("there is no file %s, and nobody wrote a flow of that name; rappel flow list shows the flows", name)}
			}
			version = versions[0].Version
		}
		return p.publish(ctx, r, flows, postgres.FlowPublication{Name: name, Version: version, By: by})
	})
	c.Flags().StringVar(&by, "by", me(), "who publishes it")
	c.Flags().IntVar(&version, "version", 0, "number of the version (default: the newest)")
	return c
}

// publish publishes, and says what the scheme speaks then.
func (p *program) publish(ctx context.Context, r records, flows *app.Flows, pub postgres.FlowPublication) error {
	err := flows.Publish(ctx, r.scheme.Key, pub, time.Now())
	if errors.Is(err, app.ErrAlreadySpoken) {
		fmt.Fprintf(p.out, "%s: the scheme speaks %s already\n", pub.Name, versionWords(pub.Version))
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: the scheme speaks %s within seconds\n", pub.Name, versionWords(pub.Version))
	return nil
}

func versionWords(version int) string {
	if version == app.Shipped {
		return "the version that ships"
	}
	return "version " + strconv.Itoa(version)
}

func (p *program) rollbackFlow() *cobra.Command {
	var by, to string
	c := p.inFlows(&cobra.Command{
		Use:   "rollback NAME",
		Short: "Have the scheme speak an earlier version of a flow, or the one that ships",
		Long: `Has the scheme speak the newest published version of a flow that is older than the present one, and before the first the one
that ships; --to chooses. The history tells of it as of any publication.`,
		Example: `  rappel flow rollback registration
  rappel flow rollback registration --to shipped`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, flows *app.Flows, args []string) error {
		pub := postgres.FlowPublication{Name: args[0], Version: app.Shipped, By: by}
		var err error
		switch to {
		case shipped:
		case "":
			if pub.Version, err = flows.Before(ctx, r.scheme.Key, args[0]); errors.Is(err, app.ErrNothingBefore) {
				return usageError{fmt.Errorf("%s: %w; rappel flow history %s shows what was written", args[0], err, args[0])}
			} else if errors.Is(err, app.ErrNoFlow) {
				return noFlow(args[0])
			} else if err != nil {
				return err
			}
		default:
			if pub.Version, err = strconv.Atoi(to); err != nil || pub.Version < 1 {
				return usageError{fmt.Errorf("--to %s: write the number of a version, or shipped", to)}
			}
		}
		return p.publish(ctx, r, flows, pub)
	})
	c.Flags().StringVar(&by, "by", me(), "who rolls it back")
	c.Flags().StringVar(&to, "to", "", "number of a version, or shipped (default: the one before)")
	return c
}

func (p *program) flowHistory() *cobra.Command {
	return p.inFlows(&cobra.Command{
		Use:     "history [NAME]",
		Short:   "List what was written and published of a flow, or of all, the newest first",
		Example: "  rappel flow history registration",
		Args:    atMostOne,
	}, func(ctx context.Context, r records, _ *app.Flows, args []string) error {
		name := strings.Join(args, "")
		versions, err := r.FlowVersions(ctx, r.scheme.Key, name)
		if err != nil {
			return err
		}
		pubs, err := r.FlowPublications(ctx, r.scheme.Key, name)
		if err != nil {
			return err
		}
		if name != "" && len(versions)+len(pubs) == 0 && !shipsFlow(r, name) {
			return noFlow(name)
		}
		current := newest(pubs)
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "WHEN\tFLOW\tVERSION\tWHAT\tBY")
		for len(pubs)+len(versions) > 0 {
			// Two lists, each the newest first (the versions by flow), become one.
			next := -1
			for i, v := range versions {
				if next < 0 || v.At.After(versions[next].At) {
					next = i
				}
			}
			if next < 0 || len(pubs) > 0 && !pubs[0].At.Before(versions[next].At) {
				pub, what := pubs[0], "published"
				if current[pub.Name].Number == pub.Number {
					what = "published, spoken now"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.clock(pub.At), pub.Name, versionWord(pub.Version), what, pub.By)
				pubs = pubs[1:]
				continue
			}
			v := versions[next]
			fmt.Fprintf(w, "%s\t%s\t%d\twritten\t%s\n", r.clock(v.At), v.Name, v.Version, v.By)
			versions = append(versions[:next], versions[next+1:]...)
		}
		return w.Flush()
	})
}

// shipsFlow reports whether a flow of that name ships, or is in the folder calls.dialplans.
func shipsFlow(r records, name string) bool {
	_, err := app.ShippedFlow(r.config, name)
	return err == nil
}

func versionWord(version int) string {
	if version == app.Shipped {
		return shipped
	}
	return strconv.Itoa(version)
}

// newest is what a scheme speaks, of publications of which the newest comes first.
func newest(pubs []postgres.FlowPublication) spoken {
	current := spoken{}
	for _, pub := range pubs {
		if _, known := current[pub.Name]; !known {
			current[pub.Name] = pub
		}
	}
	return current
}

func (p *program) listFlows() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the flows, and which version of each the scheme speaks", Example: "  rappel flow list", Args: exactly(0),
	}
	return p.withOrWithoutRecords(c, func(context.Context, []string) error {
		book, err := p.draft("")
		if err != nil {
			return err
		}
		fmt.Fprintln(p.out, strings.Join(book.Flows(), "\n"))
		return nil
	}, func(ctx context.Context, r records, flows *app.Flows, _ []string) error {
		book, refused, _, err := flows.Book(ctx, r.scheme.Key)
		if err != nil {
			return err
		}
		pubs, err := r.FlowPublications(ctx, r.scheme.Key, "")
		if err != nil {
			return err
		}
		current := newest(pubs)
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "FLOW\tVERSION\tSINCE\tBY")
		for _, name := range book.Flows() {
			pub, ok := current[name]
			switch {
			case !ok:
				fmt.Fprintf(w, "%s\t%s\t\t\n", name, shipped)
			case refused[name] != nil:
				fmt.Fprintf(w, "%s\t%s, for version %d has problems\t%s\t%s\n", name, shipped, pub.Version, r.clock(pub.At), pub.By)
			default:
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, versionWord(pub.Version), r.clock(pub.At), pub.By)
			}
		}
		return w.Flush()
	})
}

func (p *program) showFlow() *cobra.Command {
	var version string
	c := p.withOrWithoutRecords(&cobra.Command{
		Use:   "show NAME",
		Short: "Print a flow as the scheme speaks it now, to begin a change with",
		Long: `Prints a flow as the scheme speaks it now; its first line says which version that is. Without a configuration it is the one
that ships.`,
		Example: `  rappel flow show registration > registration.yaml
  rappel flow show registration --version shipped`,
		Args: exactly(1),
	}, func(_ context.Context, args []string) error {
		if version != "" && version != shipped {
			return usageError{fmt.Errorf("--version %s: there is no configuration %s, so only the version that ships is known", version, p.config)}
		}
		return p.showShipped(args[0])
	}, func(ctx context.Context, r records, flows *app.Flows, args []string) error {
		name, wanted := args[0], version
		if version == "" {
			pubs, err := r.FlowPublications(ctx, r.scheme.Key, name)
			if err != nil {
				return err
			}
			wanted = strconv.Itoa(newest(pubs)[name].Version)
		}
		v, err := r.flowVersion(ctx, name, wanted)
		if err != nil {
			return err
		}
		from := fmt.Sprintf("# %s: version %d, written %s by %s\n", name, v.Version, r.clock(v.At), v.By)
		if v.Version == app.Shipped {
			from = fmt.Sprintf("# %s: the version that ships\n", name)
		}
		return p.printFlow([]byte(v.Text), from)
	})
	c.Flags().StringVar(&version, "version", "", "number of a version, draft (the newest), or shipped (default: what the scheme speaks)")
	return c
}

// draft is the word for the newest version of a flow, published or not.
const draft = "draft"

// flowVersion is a version of a flow: its number, draft or shipped; 0 is shipped too.
func (r records) flowVersion(ctx context.Context, name, version string) (postgres.FlowVersion, error) {
	if version == shipped || version == "0" {
		text, err := app.ShippedFlow(r.config, name)
		if errors.Is(err, app.ErrNoFlow) {
			err = noFlow(name)
		}
		return postgres.FlowVersion{Name: name, Text: string(text)}, err
	}
	number, err := strconv.Atoi(version)
	if version != draft && (err != nil || number < 1) {
		return postgres.FlowVersion{}, usageError{fmt.Errorf("--version %s: write the number of a version, draft or shipped", version)}
	}
	versions, err := r.FlowVersions(ctx, r.scheme.Key, name)
	if err != nil {
		return postgres.FlowVersion{}, err
	}
	for _, v := range versions { // The newest first.
		if v.Version == number || version == draft {
			return v, nil
		}
	}
	if len(versions) == 0 && version == draft {
		return postgres.FlowVersion{}, usageError{fmt.Errorf("nobody wrote a flow %s; rappel flow draft FILE keeps one", name)}
	}
	return postgres.FlowVersion{}, postgres.ErrNoFlowVersion
}

// printFlow prints a flow below a line that tells where it comes from. The line of an earlier show goes.
func (p *program) printFlow(text []byte, from string) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // Windows' editor writes it; below a line of ours it would spoil the flow.
	name, _, _ := strings.Cut(from, ":")
	if first, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(first, []byte(name+": ")) {
		text = rest
	}
	_, err := p.out.Write(append([]byte(from), text...))
	return err
}

func (p *program) showShipped(name string) error {
	text, err := dialplans.Flows().ReadFile(name + ".yaml")
	if err != nil {
		return noFlow(name)
	}
	_, err = p.out.Write(text)
	return err
}

// withOrWithoutRecords makes c do its work on a scheme's flows, or, where there is no configuration and none is asked for, on
// those that ship.
func (p *program) withOrWithoutRecords(
	c *cobra.Command, without func(context.Context, []string) error, with func(context.Context, records, *app.Flows, []string) error,
) *cobra.Command {
	p.inFlows(c, with)
	work := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		_, err := os.Stat(p.config)
		if errors.Is(err, os.ErrNotExist) && !c.Flags().Changed("config") && !c.Flags().Changed("scheme") {
			return without(c.Context(), args)
		}
		return work(c, args)
	}
	return c
}

// me is the name of who types, as the machine knows it.
func me() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

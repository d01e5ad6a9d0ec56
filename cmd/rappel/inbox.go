package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
)

func (p *program) inbox() *cobra.Command {
	c := &cobra.Command{
		Use:   "inbox",
		Short: "Work on what people left on the line, and look after those who were not reached",
		Long: `What waits for the registrars. A message is listened to and answered; a callback is dialled by itself when its turn comes; a
registration is made a person by resolve; welfare is somebody who was not reached as she was promised: take it, call her again or
those whom she has named (rappel person contacts), and resolve it when she is known to be well, or somebody else looks after her. Whoever was proposed by somebody else is asked first: call books that, and what she
says decides: --agreed makes her a person, --refused erases everything but a keyed hash of her number, which nobody can register
again.`,
	}
	c.AddCommand(p.listInbox(), p.showInbox(), p.takeInbox(), p.listenInbox(), p.callInbox(), p.resolveInbox())
	return c
}

// byFlag gives a command the flag that says who works on an item.
func byFlag(c *cobra.Command, by *string) {
	name := "registrar"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	c.Flags().StringVar(by, "by", name, "who does it: the registrar's ref or name")
}

func (p *program) listInbox() *cobra.Command {
	var all bool
	c := p.inScheme(&cobra.Command{
		Use:     "list",
		Short:   "List what waits, the oldest first",
		Example: "  rappel inbox list",
		Args:    exactly(0),
	}, func(ctx context.Context, r records, _ []string) error {
		items, err := r.Inbox(ctx, r.scheme.Key, all)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "LEFT AT\tKIND\tSTATE\tNUMBER\tLANGUAGE\tALIKE\tTAKEN BY\tID")
		for _, i := range items {
			number, who := cmp.Or(i.Number, i.CLI, "withheld"), alike(i)
			if i.Kind == inbox.Welfare {
				who = i.Person
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.clock(i.At), i.Kind, stateOf(i), number, i.Language, who, cmp.Or(i.TakenBy, "-"), i.ID)
		}
		return w.Flush()
	})
	c.Flags().BoolVar(&all, "all", false, "handled ones too")
	return c
}

// stateOf is where an item stands, in one word.
func stateOf(i inbox.Item) string {
	switch {
	case !i.HandledAt.IsZero():
		return "handled"
	case i.Refused:
		return "refused-before"
	case i.Kind == inbox.Welfare:
		return string(i.Ended)
	case i.Kind != inbox.Registration:
		return "waits"
	case i.Consent == "":
		return "unfinished"
	default:
		return string(i.Consent)
	}
}

// alike says who else is at the number of an item.
func alike(i inbox.Item) string {
	list := i.Alike
	if i.Others > 0 && i.Kind == inbox.Registration {
		list = append(slices.Clip(list), count(i.Others, "other registration"))
	}
	return cmp.Or(strings.Join(list, ", "), "-")
}

func (p *program) showInbox() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:     "show ID",
		Short:   "Show everything that is known of one item",
		Example: "  rappel inbox show 0198a2f0-0000-7000-8000-000000000001",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		item, err := r.InboxItem(ctx, r.scheme.Key, args[0])
		if err != nil {
			return inboxError(args[0], err)
		}
		p.printItem(r, item)
		return nil
	})
}

func (p *program) printItem(r records, i inbox.Item) {
	w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("what", string(i.Kind)+", "+stateOf(i))
	if i.Kind == inbox.Welfare {
		line("since", r.clock(i.At))
	} else {
		line("left at", r.clock(i.At))
		line("rung from", cmp.Or(i.CLI, "withheld"))
	}
	line("number", i.Number)
	line("language", string(i.Language))
	if i.Kind == inbox.Registration {
		line("registered by", string(i.Source))
		line("wants", wish(i))
		line("consent", i.Wording)
	}
	if i.Kind != inbox.Welfare {
		line("same number", alike(i))
	}
	for n, c := range i.Contacts {
		line(fmt.Sprintf("ask %d", n+1), fmt.Sprintf("%s, %s, %s", c.Name, c.Relation, c.Number))
	}
	if i.Recording != "" {
		line("recording", filepath.Join(r.config.Asterisk.Recordings, i.Recording+".wav"))
	}
	line("taken by", i.TakenBy)
	if !i.HandledAt.IsZero() {
		line("handled", strings.TrimSpace(r.clock(i.HandledAt)+" "+i.HandledBy))
	}
	line("person", i.Person)
	_ = w.Flush() // A terminal that has gone is nobody's error.
}

// wish says how somebody wants to be called.
func wish(i inbox.Item) string {
	if i.Cadence == "" {
		return ""
	}
	text := string(i.Cadence)
	if i.Cadence == roster.Weekly && i.PerWeek > 1 {
		text = fmt.Sprintf("%d times a week", i.PerWeek)
	}
	var days []string
	for _, d := range i.Days {
		days = append(days, d.String()[:3])
	}
	if len(days) > 0 {
		text += ", on " + strings.Join(days, " ")
	}
	if i.Part != "" {
		text += ", " + string(i.Part)
	}
	return text
}

func (p *program) takeInbox() *cobra.Command {
	var by string
	c := p.inScheme(&cobra.Command{
		Use:     "take ID",
		Short:   "Say that you work on an item, so that nobody else does",
		Example: "  rappel inbox take 0198a2f0-0000-7000-8000-000000000001 --by R01",
		Args:    exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		item, err := r.TakeInbox(ctx, r.scheme.Key, args[0], by, time.Now())
		if err != nil {
			return inboxError(args[0], err)
		}
		p.printItem(r, item)
		return nil
	})
	byFlag(c, &by)
	return c
}

func (p *program) listenInbox() *cobra.Command {
	return p.inScheme(&cobra.Command{
		Use:   "listen ID [FILE.wav]",
		Short: "Copy a message, or the name that was said, to a file or to standard output",
		Example: `  rappel inbox listen 0198a2f0-0000-7000-8000-000000000001 message.wav
  rappel inbox listen 0198a2f0-0000-7000-8000-000000000001 | aplay`,
		Args: fromTo(1, 2),
	}, func(ctx context.Context, r records, args []string) (err error) {
		item, err := r.InboxItem(ctx, r.scheme.Key, args[0])
		if err != nil {
			return inboxError(args[0], err)
		}
		if item.Recording == "" {
			return usageError{fmt.Errorf("nothing was recorded with this; rappel inbox show %s says what is known", args[0])}
		}
		recording, err := os.Open(filepath.Join(r.config.Asterisk.Recordings, filepath.FromSlash(item.Recording)+".wav"))
		if errors.Is(err, fs.ErrNotExist) {
			return usageError{fmt.Errorf("%w: the recording is at the PBX of another node, or was erased; asterisk.recordings names the folder of this one", err)}
		} else if err != nil {
			return usageError{err}
		}
		defer func() { _ = recording.Close() }() // It was only read.
		out := p.out
		if len(args) == 2 {
			file, err := os.OpenFile(args[1], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return usageError{err}
			}
			_, err = io.Copy(file, recording)
			return errors.Join(err, file.Close())
		}
		_, err = io.Copy(out, recording)
		return err
	})
}

func (p *program) callInbox() *cobra.Command {
	var contact int
	c := p.inScheme(&cobra.Command{
		Use:   "call ID",
		Short: "Have a registrar call back about a registration or a message, in the queue of the line",
		Long: `Books a call to whoever a registration or a message is about, in the queue of the registrars: a person rings, never a machine.
It is how somebody who was proposed by others is asked first. Whoever was not reached is tried once more in this way, or with
--contact one of those whom she has named, as rappel inbox show counts them.`,
		Example: `  rappel inbox call 0198a2f0-0000-7000-8000-000000000001
  rappel inbox call 0198a2f0-0000-7000-8000-000000000006 --contact 1`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		booked, err := r.CallInbox(ctx, r.scheme.Key, args[0], contact, time.Now())
		if err != nil {
			return inboxError(args[0], err)
		}
		if !booked {
			fmt.Fprintln(p.out, "This number is owed a callback already.")
			return nil
		}
		fmt.Fprintln(p.out, "Booked. When a registrar is free, the number is rung.")
		return nil
	})
	c.Flags().IntVar(&contact, "contact", 0, "ring not her, but this one of those whom she has named")
	return c
}

// inboxError says what to type next.
func inboxError(id string, err error) error {
	switch {
	case errors.Is(err, inbox.ErrNoItem):
		return usageError{fmt.Errorf("%s: %w; rappel inbox list --all shows everything", id, err)}
	case errors.Is(err, inbox.ErrTaken):
		return usageError{fmt.Errorf("%w; rappel inbox show %s says who", err, id)}
	case errors.Is(err, inbox.ErrHandled):
		return usageError{fmt.Errorf("%w; rappel inbox show %s says how", err, id)}
	case errors.Is(err, inbox.ErrNoConsent):
		return usageError{fmt.Errorf("%w; ask her: rappel inbox call %s, then resolve it with --agreed \"…\" or --refused", err, id)}
	case errors.Is(err, inbox.ErrIncomplete):
		return usageError{err}
	case errors.Is(err, inbox.ErrNoContact):
		return usageError{fmt.Errorf("%w; rappel inbox show %s lists them, rappel person contacts REF --add names one", err, id)}
	case errors.Is(err, inbox.ErrNotThis):
		return usageError{fmt.Errorf("%w; rappel inbox resolve --help says how each is closed", err)}
	case errors.Is(err, roster.ErrNumberRefused):
		return usageError{fmt.Errorf("%w; if she herself wishes it: rappel refusal lift NUMBER", err)}
	case errors.Is(err, inbox.ErrRefTaken):
		return usageError{fmt.Errorf("%w; choose another --ref, or --into REF when it is the same person", err)}
	case errors.Is(err, postgres.ErrNoBeneficiary):
		return usageError{fmt.Errorf("%w; rappel export shows the refs", err)}
	}
	return err
}

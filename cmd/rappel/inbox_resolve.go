package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// resolving is what rappel inbox resolve was asked for.
type resolving struct {
	inbox.Resolution
	into               string
	refused, discarded bool
}

// outcome reads the flags: one outcome, and what it needs.
func (o *resolving) outcome() error {
	chosen := 0
	o.Outcome = inbox.Done
	for want, set := range map[inbox.Outcome]bool{
		inbox.Registered: o.Ref != "", inbox.Into: o.into != "", inbox.Refused: o.refused, inbox.Discarded: o.discarded,
	} {
		if set {
			chosen, o.Outcome = chosen+1, want
		}
	}
	if chosen > 1 {
		return errors.New("choose one of --ref, --into, --refused and --discard")
	}
	if o.Outcome == inbox.Registered && o.Given+o.Family == "" {
		return errors.New("--given and --family: write her name as you heard it; rappel inbox listen plays it")
	}
	if o.Outcome == inbox.Into {
		o.Ref = o.into
	}
	return nil
}

func (p *program) resolveInbox() *cobra.Command {
	var o resolving
	c := p.inScheme(&cobra.Command{
		Use:   "resolve ID",
		Short: "Close an item: a message or callback that was dealt with, a registration that becomes a person, or does not",
		Long: `Closes an item of the inbox. A message or a callback needs nothing more (the call of a callback is called off). A registration
becomes a person by --ref with her name. She has agreed by keypad, or to you (--agreed); whoever was proposed by others and was
not asked yet gets a first call that asks her, and no other before (rappel consent list). --into says that she is there already,
whose records stay as they are; --refused erases it for ever, so that nobody registers the number again; --discard erases it and
nothing else.`,
		Example: `  rappel inbox resolve 0198a2f0-0000-7000-8000-000000000001
  rappel inbox resolve 0198a2f0-0000-7000-8000-000000000002 --ref B120 --given Marie --family Dupont --class 1
  rappel inbox resolve 0198a2f0-0000-7000-8000-000000000003 --ref B121 --family Lambert --agreed "by telephone, to R01"
  rappel inbox resolve 0198a2f0-0000-7000-8000-000000000004 --into B017
  rappel inbox resolve 0198a2f0-0000-7000-8000-000000000005 --refused`,
		Args: exactly(1),
	}, func(ctx context.Context, r records, args []string) error {
		if err := o.outcome(); err != nil {
			return usageError{err}
		}
		item, erase, err := r.ResolveInbox(ctx, r.scheme.Key, args[0], o.Resolution, time.Now())
		if err != nil {
			return inboxError(args[0], err)
		}
		switch o.Outcome {
		case inbox.Registered:
			fmt.Fprintf(p.out, "%s is registered.\n", o.Ref)
			if item.Consent != roster.ConsentGiven && o.Agreed == "" {
				fmt.Fprintln(p.out, "A first call asks whether she agrees, and no other is made before (rappel consent list).")
			}
			for _, ref := range item.Alike {
				if ref != o.Ref {
					fmt.Fprintf(p.out, "hint: %s is reached at the same number; nothing was merged\n", ref)
				}
			}
		case inbox.Refused:
			fmt.Fprintln(p.out, "Everything of it is erased, and nobody can be registered at this number.")
		default:
			fmt.Fprintln(p.out, "Closed.")
		}
		return eraseRecordings(r.config.Asterisk.Recordings, erase)
	})
	f := c.Flags()
	byFlag(c, &o.By)
	f.StringVar(&o.Ref, "ref", "", "the town's reference for the new person")
	f.StringVar(&o.Given, "given", "", "her given name")
	f.StringVar(&o.Family, "family", "", "her family name")
	f.IntVar(&o.Class, "class", 0, "how vulnerable she is, 0 to 3")
	f.StringVar(&o.Agreed, "agreed", "", "how she agreed when you rang her, as the proof of consent")
	f.StringVar(&o.into, "into", "", "ref of the person it is about, who stays as she is")
	f.BoolVar(&o.refused, "refused", false, "she will not be called, ever: erase all but a keyed hash of the number")
	f.BoolVar(&o.discarded, "discard", false, "nothing comes of it: erase it")
	return c
}

// eraseRecordings erases files below the PBX's recordings folder. Those of another node's PBX are named.
func eraseRecordings(folder string, names []string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, filepath.FromSlash(name)+".wav")); err != nil {
			errs = append(errs, fmt.Errorf("it is closed, but its recording is not erased; erase it at the PBX: %w", err))
		}
	}
	return errors.Join(errs...)
}

package callflow

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/telephony"
	"github.com/rappel-tel/rappel/pkg/telephony/telephonytest"
)

// typing presses keys one after the other, each two seconds after the one before; "_" waits two seconds more, in which a name is
// said.
func typing(text string) telephonytest.Script {
	var pairs []any
	after := 3 * time.Second
	for key := range strings.SplitSeq(text, "") {
		if key == "_" {
			after += 2 * time.Second
			continue
		}
		pairs = append(pairs, after, key)
		after = 2 * time.Second
	}
	return keys(pairs...)
}

func TestARegistrationByKeypad(t *testing.T) {
	t.Parallel()
	const other = "+3281247454"
	for name, c := range map[string]struct {
		from  string
		press string
		desk  func(*desk)
		want  *Registration // Nil when nothing is kept.
		says  string
	}{
		"herself": {
			from: cli, press: "211__#11122" + "4#" + "111", says: "register.thanks",
			want: &Registration{
				CLI: cli, Number: cli, Source: roster.SourceSelf, Language: roster.French, Cadence: roster.Weekly, PerWeek: 1,
				Days: []time.Weekday{time.Tuesday, time.Thursday}, Part: roster.Morning, Consent: roster.ConsentGiven,
			},
		},
		"another number, in Dutch, twice a week, whenever": {
			from: cli, press: "212" + "081247454#1" + "__#12213" + "11", says: "register.thanks",
			want: &Registration{
				CLI: cli, Number: other, Source: roster.SourceSelf, Language: roster.Dutch, Cadence: roster.Weekly, PerWeek: 2,
				Consent: roster.ConsentGiven,
			},
		},
		"somebody else, by a nurse, every day": {
			from: cli, press: "2232" + "081247454#1" + "__#1132" + "11", says: "register.thanks_other",
			want: &Registration{
				CLI: cli, Number: other, Source: roster.SourceNurse, Language: roster.French, Cadence: roster.Daily, Part: roster.Afternoon,
				Consent: roster.ConsentProposed,
			},
		},
		"withheld: a number is asked for": {
			press: "21" + "081247454#1" + "__#11413" + "11", says: "register.thanks",
			want: &Registration{
				Number: other, Source: roster.SourceSelf, Language: roster.French, Cadence: roster.Fortnightly, Consent: roster.ConsentGiven,
			},
		},
		"a number that may not be rung": {
			from: cli, desk: func(d *desk) { d.forbidden = cli }, press: "21" + "0470000001#", says: "register.bad",
			want: &Registration{CLI: cli, Source: roster.SourceSelf, Language: roster.French},
		},
		"a foreign number that is typed, and the line itself": {
			from: cli, desk: func(d *desk) { d.forbidden = "+442079460000" }, press: "212" + "00442079460000#" + "081000000#", says: "error.mistyped",
			want: &Registration{CLI: cli, Source: roster.SourceSelf, Language: roster.French},
		},
		"she declines": {from: cli, press: "211__#11113" + "12", says: "register.forgotten"},
		"she hangs up in the middle": {
			from: cli, press: "211__#112", says: "register.days",
			want: &Registration{
				CLI: cli, Number: cli, Source: roster.SourceSelf, Language: roster.French, Cadence: roster.Weekly, PerWeek: 2,
			},
		},
		"she wants a person": {
			from: cli, press: "2110", says: "register.name",
			want: &Registration{CLI: cli, Number: cli, Source: roster.SourceSelf, Language: roster.French},
		},
		"a person instead of a number": {from: "", press: "210", says: "person.wait"},
		"she starts again": {
			from: cli, press: "211__#11113" + "2" + "22" + "081247454#1" + "__#12213" + "11", says: "register.thanks_other",
			want: &Registration{
				CLI: cli, Number: other, Source: roster.SourceNeighbour, Language: roster.Dutch, Cadence: roster.Weekly, PerWeek: 2,
				Consent: roster.ConsentProposed,
			},
		},
		"the records are away": {
			from: cli, desk: func(d *desk) { d.saveErr = errAway }, press: "211__#11113" + "11", says: "register.thanks",
			want: &Registration{
				CLI: cli, Number: cli, Source: roster.SourceSelf, Language: roster.French, Cadence: roster.Weekly, PerWeek: 1,
				Consent: roster.ConsentGiven,
			},
		},
		"she has refused before, and a neighbour registers her": {
			from: cli, desk: func(d *desk) { d.saveErr = roster.ErrNumberRefused }, press: "222" + "081247454#1" + "__#1111311", says: "register.thanks_other",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				defer r.close()
				if c.desk != nil {
					r.desk.locked(func() { c.desk(r.desk) })
				}
				ch := r.dial(c.from, typing(c.press), time.Duration(2*len(c.press)+7)*time.Second)
				text, _, _ := strings.Cut(r.says(roster.French, c.says), "{")
				require.Contains(t, r.heard(ch), strings.TrimSpace(text))
				r.pbx.HangUp(ch, telephony.CauseNormal)
				time.Sleep(5 * time.Second)
				r.desk.locked(func() {
					if errors.Is(r.desk.saveErr, errAway) {
						r.desk.saveErr = nil
					}
				})
				time.Sleep(spoolRetry + time.Second)
				synctest.Wait()
				got := r.seen().registrations
				if c.want == nil {
					require.Empty(t, got)
					return
				}
				require.Len(t, got, 1)
				g := got[0]
				require.Equal(t, c.want.Consent == roster.ConsentGiven, g.Wording != "")
				if c.want.Cadence != "" {
					require.True(t, strings.HasPrefix(g.Name, "registrations/"+g.ID+"-"))
					require.Contains(t, r.heard(ch), "recording:"+g.Name, "she hears her name")
				}
				g.ID, g.Scheme, g.Name, g.Wording, g.At, g.Dialled = "", 0, "", "", time.Time{}, ""
				require.Equal(t, *c.want, g)
				r.sound(t)
			})
		})
	}
}

// What was said so far survives the process, on disk.
func TestARegistrationSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(o *Options) { o.SpoolDir = dir })
		ch := r.dial(cli, typing("211__#112"), 30*time.Second)
		r.leave()
		require.Empty(t, r.seen().registrations)
		next := newRig(t, func(o *Options) { o.SpoolDir = dir })
		time.Sleep(time.Second)
		synctest.Wait()
		got := next.seen().registrations
		require.Len(t, got, 1)
		require.Equal(t, cli, got[0].Number)
		require.Empty(t, got[0].Consent, "unfinished")
		require.NotEmpty(t, got[0].Name)
		r.pbx.HangUp(ch, telephony.CauseNormal)
		r.pbx.Close()
		next.close()
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/tests/bench/measure"
)

// Names in the configuration of the PBX.
const (
	trunkName   = "benchtrunk"
	diallerName = "benchdialler"
	dialplan    = "bench"
)

// rig is what all modes share: one PBX, one database, one scheme with its people, the addresses of the phones.
type rig struct {
	database
	options Options
	dir     string
	inst    *setup.Installation
	pbx     *setup.Asterisk
	ari     *ari

	scheme    postgres.Scheme
	endpoints []string // Of the callers' phones.
	people    []person

	beneficiaries, callers, diallers netip.AddrPort // Where the phones are.

	driven bool // The PBX has had calls.
	trials int
	lead   time.Duration // From the start of a service to its first call.
	files  int           // Descriptors of the PBX at rest.
}

// person is somebody who is called.
type person struct {
	key, agreement int64
	number         string
}

// number is the telephone number of the nth person, from 1.
func number(n int) string { return fmt.Sprintf("+33199%06d", n) }

// build sets everything up. What was started is stopped by close, also after an error.
func build(ctx context.Context, o Options) (*rig, error) {
	r := &rig{options: o, lead: lead}
	root, err := moduleRoot()
	if err != nil {
		return r, err
	}
	r.inst, err = setup.Prepare(ctx, setup.Options{Dir: filepath.Join(root, ".rappel"), SIPp: true, Progress: func(s setup.Step) {
		if s.Done {
			o.tell("%s: %s", s.Name, s.Took.Round(100*time.Millisecond))
		}
	}})
	if err != nil {
		return r, err
	}
	if r.dir, err = r.inst.NewRunDir("bench"); err != nil {
		return r, err
	}
	if err := r.choosePorts(); err != nil {
		return r, err
	}
	if err := r.openDatabase(ctx, r.inst, r.dir); err != nil {
		return r, err
	}
	if err := r.writePeople(ctx); err != nil {
		return r, err
	}
	return r, r.startPBX(ctx, root)
}

// moduleRoot is the folder of go.mod, above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", fmt.Errorf("find go.mod above the working directory: %w", fs.ErrNotExist)
		}
		dir = parent
	}
}

// close stops what was started, in reverse.
func (r *rig) close(ctx context.Context) error {
	var errs []error
	for _, stop := range slices.Backward(r.stops) {
		errs = append(errs, stop(ctx))
	}
	if r.dir != "" {
		if r.options.Keep {
			r.options.tell("kept: %s", r.dir)
		} else {
			errs = append(errs, os.RemoveAll(r.dir))
		}
	}
	return errors.Join(errs...)
}

func (r *rig) choosePorts() error {
	for _, at := range []struct {
		host string
		into *netip.AddrPort
	}{{beneficiariesHost, &r.beneficiaries}, {callersHost, &r.callers}, {diallersHost, &r.diallers}} {
		port, err := freePort(at.host)
		if err != nil {
			return err
		}
		*at.into = netip.AddrPortFrom(netip.MustParseAddr(at.host), port)
	}
	return nil
}

// callerRing is how long a caller's phone may ring. It is part of the instant to dial by, from which the instant of the
// decision is known.
const callerRing = 20 * time.Second

// writePeople makes the scheme: its trunk with more lines and calls per second than are tried, callers, and people who each
// have a reference caller and a daily call in the evening, far from the hours of the benchmark.
func (r *rig) writePeople(ctx context.Context) error {
	callers, people := r.options.callers(), r.options.people()
	var err error
	r.scheme, err = r.store.CreateScheme(ctx, postgres.Scheme{
		Name: "bench", Zone: zone, Country: "BE", Opens: 8 * 60, Closes: 20 * 60, MaxAttempts: 1,
	}, day())
	if err != nil {
		return err
	}
	cli := number(0)
	err = r.store.SaveTrunk(ctx, r.scheme.Key, postgres.Trunk{
		Endpoint: trunkName, Kind: postgres.TrunkAddress, Host: r.beneficiaries.Addr().String(), Port: int(r.beneficiaries.Port()),
		Lines: 4000, InboundReserve: 10, CallsPerSecond: 2000, PermittedCLI: []string{cli}, CLI: map[call.Kind]string{"": cli},
	})
	if err != nil {
		return err
	}
	if err := r.store.SetDestinations(ctx, r.scheme.Key, []string{"+33199"}); err != nil {
		return err
	}
	var list roster.People
	for i := range callers {
		list.Staff = append(list.Staff, roster.Staff{
			Ref: fmt.Sprintf("C%05d", i), Roles: []roster.Role{roster.RoleCaller}, Languages: []roster.Language{roster.French},
		})
	}
	for i := range people {
		list.Beneficiaries = append(list.Beneficiaries, roster.Beneficiary{
			Ref: fmt.Sprintf("B%05d", i+1), Numbers: []roster.Number{{E164: number(i + 1)}}, Class: i % 4,
			Consent: roster.Consent{State: roster.ConsentGiven}, Reference: fmt.Sprintf("C%05d", i%callers),
			Agreement: roster.Agreement{
				Cadence: roster.Daily, Windows: []roster.Window{{Begin: 19 * 60, End: 20 * 60}}, Length: 10 * time.Minute,
				CallerRing: callerRing, Ring: 30 * time.Second,
			},
		})
	}
	book := r.store.Book(r.scheme.Key, day)
	if err := book.Edit(ctx, func(page roster.Page) error { return page.Put(ctx, list) }); err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	return r.readPeople(ctx)
}

func (r *rig) readPeople(ctx context.Context) error {
	rows, err := r.pool.Query(ctx, `SELECT b.beneficiary_id, a.agreement_id, n.e164 FROM beneficiary b
		JOIN agreement a USING (scheme_id, beneficiary_id) JOIN contact_number n USING (scheme_id, beneficiary_id)
		WHERE scheme_id = $1 ORDER BY n.e164`, r.scheme.Key)
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p person
		if err := rows.Scan(&p.key, &p.agreement, &p.number); err != nil {
			return fmt.Errorf("read people: %w", err)
		}
		r.people = append(r.people, p)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	accounts, _, _, err := r.store.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		r.endpoints = append(r.endpoints, a.Endpoint)
	}
	return nil
}

// startPBX starts Asterisk with the accounts of the callers, each with a static contact at the generator, and beside
// Rappel's own dialplan a context that only dials.
func (r *rig) startPBX(ctx context.Context, root string) error {
	own, err := os.ReadFile(filepath.Join(root, "asterisk", "extensions.conf"))
	if err != nil {
		return fmt.Errorf("read dialplan: %w", err)
	}
	options := setup.AsteriskOptions{
		Installation: r.inst, RunDir: filepath.Join(r.dir, "asterisk"), RTPTimeout: -1,
		Files: map[string]string{
			"extensions.conf": string(own) + fmt.Sprintf("\n[%s]\nexten => _+X.,1,Dial(PJSIP/${EXTEN}@%s,20)\n same => n,Hangup()\n",
				dialplan, trunkName),
			asteriskconf.AccountsFile: r.accounts(),
			asteriskconf.TrunksFile:   r.trunks(),
		},
	}
	// Each leg takes two ports; other instances may have left no long run of free ones.
	for _, options.RTPPorts = range r.options.rtpPorts() {
		if r.pbx, err = setup.StartAsterisk(ctx, options); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	r.stops = append(r.stops, r.pbx.Close)
	r.ari = newARI(r.pbx)
	r.stops = append(r.stops, func(context.Context) error { r.ari.client.CloseIdleConnections(); return nil })
	return nil
}

func (r *rig) accounts() string {
	var b strings.Builder
	for _, name := range r.endpoints {
		fmt.Fprintf(&b, "[%[1]s](caller)\naors=%[1]s\n\n[%[1]s](caller-aor)\ncontact=sip:%[1]s@%[2]s\n\n", name, r.callers)
	}
	return b.String()
}

// trunks has the line to the beneficiaries' phones as the service would write it, and a phone that dials.
func (r *rig) trunks() string {
	return fmt.Sprintf("[%[1]s](trunk)\naors=%[1]s\n\n[%[1]s](trunk-aor)\ncontact=sip:%[2]s\nqualify_frequency=0\n\n"+
		"[%[1]s]\ntype=identify\nendpoint=%[1]s\nmatch=%[3]s\n\n", trunkName, r.beneficiaries, r.beneficiaries.Addr()) +
		fmt.Sprintf("[%[1]s](endpoint-base)\ncontext=%[2]s\ntransport=transport-udp\nallow=alaw,ulaw\nidentify_by=ip\n\n"+
			"[%[1]s]\ntype=identify\nendpoint=%[1]s\nmatch=%[3]s\n\n", diallerName, dialplan, r.diallers.Addr())
}

// processor is how much processor time has been used since the start, per part.
type processor struct {
	asterisk, postgres, service, bench time.Duration
	busy, all                          time.Duration // Of the whole machine, all of its cores.
	at                                 time.Time
}

// used reads the processor time of everything but the phones, whose generators say it themselves.
func (r *rig) used(service int) (processor, error) {
	p := processor{at: time.Now()}
	var errs [5]error
	p.asterisk, errs[0] = measure.OfProcess(r.pbx.PID())
	p.postgres, errs[1] = measure.OfFamily(r.pg.PID())
	p.bench, errs[2] = measure.OfProcess(os.Getpid())
	p.busy, p.all, errs[3] = measure.OfMachine()
	if service != 0 {
		p.service, errs[4] = measure.OfProcess(service)
	}
	return p, errors.Join(errs[:]...)
}

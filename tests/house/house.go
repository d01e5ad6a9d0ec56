package house

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/postgres"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// The tones in Hz by which the two sides of a call know each other.
const (
	CallerTone = 600.0
	PersonTone = 900.0
)

// Plan says who lives in a House.
type Plan struct {
	Callers    []CallerPlan
	Registrars int
	Speak      []roster.Language // What each registrar speaks; French where this is shorter.
	People     []PersonPlan
	// MaxAttempts is how often a promise is tried; 0 means once, so that every end shows at once.
	MaxAttempts int
	Spoken      string        // What the line calls the scheme.
	WrapUp      time.Duration // 0 means an hour: a caller stays in wrap-up for as long as a test looks.
	Retry       map[call.Result]time.Duration
	DTMF        string // How the trunk takes keys; "" means RTP events.
	// NotReady leaves the callers off, until Ready makes them ready.
	NotReady bool
}

// CallerPlan is a caller.
type CallerPlan struct {
	Ordinary bool   // She has an ordinary phone, behind the trunk.
	Number   string // Of the ordinary phone; "" gives her one of her own.
}

// PersonPlan is somebody whose call is due now.
type PersonPlan struct {
	Does       phone.Behaviour                       // What her phone does.
	Then       func(context.Context, *phone.Call)    // What she does once answered, besides Does; may be nil.
	Ring       time.Duration                         // How long her phone may ring; 0 means 10 s.
	CallerRing time.Duration                         // How long the caller's may; 0 means 10 s.
	Number     string                                // "" gives her one of her own.
	Reference  int                                   // Her reference caller, counted from 1; 0 is none.
	Continuity roster.Continuity                     // Empty means preferred.
	NotDue     bool                                  // Her window lies later in the day.
	Change     func(*roster.Beneficiary)             // Any other detail.
	Choose     func(phone.Ring, int) phone.Behaviour // Instead of Does: by the call and its number from 0.
}

// House is one scheme with its telephones.
type House struct {
	*Street
	Scheme     postgres.Scheme
	Line       string // The registration number.
	Machine    string // What calls without a caller present.
	Trunk      *phone.Trunk
	Callers    []*Caller
	Registrars []*Caller
	People     []*Person

	t  *testing.T
	mu *sync.Mutex            // Guards what follows.
	at map[string]*subscriber // By number.
}

// subscriber is somebody behind the trunk.
type subscriber struct {
	choose func(phone.Ring, int) phone.Behaviour
	rings  int
	calls  chan *phone.Call
	then   func(context.Context, *phone.Call)
}

// Person is somebody who is called.
type Person struct {
	Ref    string
	Key    int64
	Number string
	calls  chan *phone.Call
}

// Move makes a House and waits until its callers are ready. It ends with the test.
func (s *Street) Move(t *testing.T, plan Plan) *House {
	t.Helper()
	h := &House{Street: s, t: t, mu: &sync.Mutex{}, at: map[string]*subscriber{}}
	h.openTrunk()
	h.write(plan)
	h.plugIn()
	if !plan.NotReady {
		for _, c := range h.Callers {
			h.Ready(c)
		}
	}
	return h
}

// For is the same house for a test within the one that moved in: it is that one which fails.
func (h *House) For(t *testing.T) *House {
	in := *h
	in.t = t
	return &in
}

func (h *House) openTrunk() {
	var err error
	h.Trunk, err = phone.NewTrunk(phone.TrunkOptions{
		Listen: h.address().String(), PBX: h.Asterisk.SIPAddr().String(), Tones: []float64{CallerTone, PersonTone},
		Pacer: h.pacer, Logger: zap.NewNop(),
		Answer: func(r phone.Ring) phone.Behaviour {
			sub := h.subscriberAt(r.Number)
			if sub == nil {
				return phone.NotFound()
			}
			h.mu.Lock()
			n := sub.rings
			sub.rings++
			h.mu.Unlock()
			return sub.choose(r, n)
		},
		OnCall: func(ctx context.Context, r phone.Ring, c *phone.Call) {
			sub := h.subscriberAt(r.Number)
			if sub == nil || r.From == "" {
				return // One that the test placed, from somebody's number perhaps.
			}
			select {
			case sub.calls <- c:
			default: // Nobody counts so many.
			}
			if sub.then != nil {
				sub.then(ctx, c)
			}
		},
	})
	require.NoError(h.t, err)
	h.t.Cleanup(h.Trunk.Close)
}

func (h *House) subscriberAt(number string) *subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at[number]
}

// subscribe puts somebody behind the trunk.
func (h *House) subscribe(number string, choose func(phone.Ring, int) phone.Behaviour, then func(context.Context, *phone.Call)) *subscriber {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.at[number]; old != nil {
		return old // People who share a phone.
	}
	// Room for every call of a test: nobody need listen.
	sub := &subscriber{choose: choose, then: then, calls: make(chan *phone.Call, 16)}
	h.at[number] = sub
	return sub
}

// write writes the scheme, its line, its people and its trunk into the records.
func (h *House) write(plan Plan) {
	t, ctx := h.t, h.t.Context()
	if plan.MaxAttempts == 0 {
		plan.MaxAttempts = 1
	}
	if plan.WrapUp == 0 {
		plan.WrapUp = time.Hour
	}
	var err error
	h.Line, h.Machine = h.Street.Number(), h.Street.Number()
	h.Scheme, err = h.Store.CreateScheme(ctx, postgres.Scheme{
		Name: t.Name() + " " + h.Line, Spoken: plan.Spoken, Zone: zone, Country: "FR", Language: roster.French, Hold: time.Second, WrapUp: plan.WrapUp,
		MaxAttempts: plan.MaxAttempts, Retry: plan.Retry,
	}, h.Now())
	require.NoError(t, err)
	shown := map[call.Kind]string{"": h.Line}
	for _, kind := range call.Kinds() {
		if kind.Automatic() {
			shown[kind] = h.Machine
		}
	}
	require.NoError(t, h.Store.SaveTrunk(ctx, h.Scheme.Key, postgres.Trunk{
		Endpoint: fmt.Sprintf("trunk%d", h.Scheme.Key), Kind: postgres.TrunkSimulated, Host: h.Trunk.Addr().Addr().String(),
		Port: int(h.Trunk.Addr().Port()), DTMF: plan.DTMF, Lines: 60, InboundReserve: 2, CallsPerSecond: 50,
		PermittedCLI: []string{h.Line, h.Machine}, CLI: shown,
	}))
	require.NoError(t, h.Store.SaveDID(ctx, h.Scheme.Key, postgres.DID{Number: h.Line, Languages: roster.Languages()}))
	require.NoError(t, h.Store.SetDestinations(ctx, h.Scheme.Key, numbering.FictionalPrefixes("FR")))
	var people roster.People
	for i, c := range plan.Callers {
		people.Staff = append(people.Staff, h.newCaller(fmt.Sprintf("A%02d", i+1), c, roster.RoleCaller))
	}
	for i := range plan.Registrars {
		staff := h.newCaller(fmt.Sprintf("I%02d", i+1), CallerPlan{}, roster.RoleRegistrar)
		if i < len(plan.Speak) {
			staff.Languages = []roster.Language{plan.Speak[i]}
		}
		people.Staff = append(people.Staff, staff)
	}
	for i, p := range plan.People {
		people.Beneficiaries = append(people.Beneficiaries, h.newPerson(fmt.Sprintf("B%02d", i+1), p))
	}
	require.NoError(t, h.Store.Book(h.Scheme.Key, h.Now).Edit(ctx, func(page roster.Page) error { return page.Put(ctx, people) }))
	h.readKeys()
}

func (h *House) newCaller(ref string, plan CallerPlan, role roster.Role) roster.Staff {
	c := &Caller{Ref: ref, house: h, Offers: make(chan *Offer, 16)} // Room for every offer of a test.
	staff := roster.Staff{
		Ref: ref, Given: "Claire", Family: ref, Roles: []roster.Role{role}, Languages: []roster.Language{roster.French},
	}
	if plan.Ordinary {
		c.Number = plan.Number
		if c.Number == "" {
			c.Number = h.Street.Number()
		}
		staff.Number = roster.Number{E164: c.Number}
	}
	if role == roster.RoleRegistrar {
		h.Registrars = append(h.Registrars, c)
	} else {
		h.Callers = append(h.Callers, c)
	}
	return staff
}

func (h *House) newPerson(ref string, plan PersonPlan) roster.Beneficiary {
	p := &Person{Ref: ref, Number: plan.Number}
	if p.Number == "" {
		p.Number = h.Street.Number()
	}
	h.People = append(h.People, p)
	choose := plan.Choose
	if choose == nil {
		choose = func(phone.Ring, int) phone.Behaviour { return plan.Does }
	}
	p.calls = h.subscribe(p.Number, choose, plan.Then).calls
	b := roster.Beneficiary{
		Ref: ref, Given: "Odette", Family: ref, Numbers: []roster.Number{{E164: p.Number}}, Language: roster.French, Class: 1,
		Consent: roster.Consent{State: roster.ConsentGiven}, Source: roster.SourceSelf,
		Agreement: roster.Agreement{
			Cadence: roster.Weekly, Days: []time.Weekday{h.Now().Weekday()}, Continuity: plan.Continuity,
			CallerRing: orElse(plan.CallerRing, 10*time.Second), Ring: orElse(plan.Ring, 10*time.Second),
		},
	}
	if plan.Reference > 0 {
		b.Reference = fmt.Sprintf("A%02d", plan.Reference)
	}
	if plan.NotDue {
		b.Agreement.Windows = []roster.Window{{Begin: 15 * 60, End: 16 * 60}}
	}
	if plan.Change != nil {
		plan.Change(&b)
	}
	return b
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// Join brings in somebody while the service runs.
func (h *House) Join(t *testing.T, plan PersonPlan) *Person {
	t.Helper()
	b := h.newPerson(fmt.Sprintf("B%02d", len(h.People)+1), plan)
	people := roster.People{Beneficiaries: []roster.Beneficiary{b}}
	require.NoError(t, h.Store.Book(h.Scheme.Key, h.Now).Edit(t.Context(), func(page roster.Page) error {
		return page.Put(t.Context(), people)
	}))
	h.readKeys()
	return h.People[len(h.People)-1]
}

// Stranger is somebody with a telephone whom the scheme does not know.
func (h *House) Stranger(does phone.Behaviour) *Person {
	return h.StrangerWho(func(phone.Ring, int) phone.Behaviour { return does })
}

// StrangerWho is Stranger by the call and its number from 0.
func (h *House) StrangerWho(does func(phone.Ring, int) phone.Behaviour) *Person {
	p := &Person{Number: h.Street.Number()}
	p.calls = h.subscribe(p.Number, does, nil).calls
	return p
}

// AwaitCall waits until she has answered a call, and returns her side of it.
func (h *House) AwaitCall(p *Person) *phone.Call {
	h.t.Helper()
	select {
	case c := <-p.calls:
		return c
	case <-time.After(startLimit):
		require.Fail(h.t, "nobody called her", p.Ref)
		return nil
	}
}

// Rang returns what the far end saw of the calls to her number, in order.
func (h *House) Rang(number string) []phone.Record {
	var of []phone.Record
	for _, r := range h.Trunk.Ledger().Records() {
		if r.Number == number && !r.Inbound {
			of = append(of, r)
		}
	}
	return of
}

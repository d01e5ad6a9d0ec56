package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/app"
	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/phone"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/setup"
	"github.com/rappel-tel/rappel/pkg/setup/setuptest"
	"github.com/rappel-tel/rappel/tests/house"
)

// twoNodes: two services, each beside a PBX of its own, share records and event bus, and two schemes: one each. Whoever leads
// is lost while two people talk at its PBX: frozen, killed, cut off from the bus, stopped in order, cut off from the records;
// then the bus goes away for good. Each time the other leads within seconds, every person is called once, and what came of
// a call is known exactly although another node leads by then. The other scheme, in which nobody is called, moves to whichever
// node leads none.
func twoNodes(t *testing.T, program string) {
	bus := startNATS(t)
	street := house.Build(t, house.Options{Outside: true})
	street.Config.Dispatch.Spread = true
	straight := street.Config.Postgres.URL
	records, events := newRelay(t, hostOf(t, straight.Value())), newRelay(t, hostOf(t, bus.ClientURL()))
	street.Config.Postgres.URL = app.Secret(strings.Replace(straight.Value(), records.to, records.address(), 1))
	street.Config.NATS.URL = strings.Replace(bus.ClientURL(), events.to, events.address(), 1)
	other := setuptest.Asterisk(t, func(o *setup.AsteriskOptions) { o.SoundsDir = street.Asterisk.SoundsDir() })
	dir := t.TempDir()
	first := street.Serve(t, program)
	plan := house.Plan{Callers: []house.CallerPlan{{}}}
	for range 7 {
		plan.People = append(plan.People, house.PersonPlan{
			Does: phone.Answers(200*time.Millisecond, house.PersonTone), Reference: 1, Continuity: roster.Strict,
		})
	}
	h := street.Move(t, plan)
	w := &talks{House: h}
	caller := h.Callers[0]
	quiet := street.Move(t, house.Plan{})
	leadsQuiet := func(data string) {
		t.Helper()
		house.Await(t, time.Minute, "the node to lead the quiet scheme", func(context.Context) bool {
			leader, _ := quiet.Lead()
			return leader != "" && leader == nodeIn(t, data)
		})
	}
	leadsQuiet(street.Config.Data)
	street.Config.Postgres.URL, street.Config.NATS.URL = straight, bus.ClientURL()
	second := street.Node(t, program, dir, other)
	leadsQuiet(dir)
	at := map[string]*phone.Phone{
		nodeIn(t, street.Config.Data): caller.Phone, nodeIn(t, dir): h.PlugInto(caller, other),
	}
	called := map[*house.Person]bool{}
	codes := "" // Where she dials her codes, when it is not at the leader's PBX.
	leads := func(data string, epoch int) {
		t.Helper()
		node := nodeIn(t, data)
		house.Await(t, time.Minute, "the node to lead", func(context.Context) bool {
			leader, now := h.Lead()
			return leader == node && now == epoch
		})
	}
	// The function one lets whoever is next be called, by the node that is to lead in the epoch. Meanwhile happens while the
	// two talk.
	one := func(data string, epoch int, meanwhile func(*house.Person)) {
		t.Helper()
		leads(data, epoch)
		node := nodeIn(t, data)
		caller.Phone = at[node]
		if len(called) > 0 { // She is in wrap-up, and the node may just be beginning to lead.
			if codes != "" { // Whichever PBX she dials at, it reaches who leads.
				caller.Phone = at[nodeIn(t, codes)]
			}
			house.Await(t, time.Minute, "her to be ready", func(context.Context) bool {
				h.Dial(caller, "*1")
				return h.CallerState(caller) != call.CallerWrapUp
			})
		}
		hers := h.Take(caller)
		var theirs *phone.Call
		var who *house.Person
		house.Await(t, time.Minute, "somebody to be called", func(context.Context) bool {
			for _, p := range h.People {
				if !called[p] && len(h.Rang(p.Number)) > 0 {
					who, theirs = p, h.AwaitCall(p)
					return true
				}
			}
			return false
		})
		called[who] = true
		_, err := theirs.HearTone(t.Context(), house.CallerTone)
		require.NoError(t, err)
		_, err = hers.HearTone(t.Context(), house.PersonTone)
		require.NoError(t, err)
		if meanwhile != nil {
			talking := time.Now()
			meanwhile(who)
			require.Equal(t, call.StateBridged, h.AwaitAttempt(who, 1, call.StateBridged).State, "ended by a node that does not see it")
			_, err := hers.HearTone(t.Context(), house.PersonTone)
			require.NoError(t, err)
			require.Less(t, hers.LongestToneGap(house.PersonTone, talking, time.Now().Add(-200*time.Millisecond)), soundLimit)
		}
		h.HangUp(theirs)
		talked := time.Since(theirs.Answered())
		end := h.AwaitEnd(who)
		require.Equal(t, call.ResultAnswered, end.Result)
		require.Equal(t, call.ReasonNone, end.Reason, "%+v", end)
		require.False(t, end.Estimated, "%+v", end)
		talkedFor(t, talked, end.Talk)
		require.Len(t, h.Attempts(who), 1)
		require.Equal(t, 1, h.Ends(end.ID), "events of the end")
		h.HangUp(hers)
		h.AwaitState(caller, call.CallerWrapUp)
		for _, p := range h.People {
			require.Len(t, h.Rang(p.Number), map[bool]int{true: 1}[called[p]], "rung twice, or by two nodes")
		}
	}
	one(street.Config.Data, 1, func(*house.Person) {
		frozen := time.Now()
		first.Pause(t)
		leads(dir, 2)
		tookOver(t, "a frozen node", frozen)
		house.Await(t, time.Minute, "half a minute to pass", func(context.Context) bool { return time.Since(frozen) > 30*time.Second })
		first.Continue(t)
	})
	one(dir, 2, func(who *house.Person) {
		killed := time.Now()
		second.Kill()
		leads(street.Config.Data, 3)
		tookOver(t, "a killed node", killed)
		second = street.Node(t, program, dir, other)
		follows(t, bus, nodeIn(t, dir), h.Scheme.Key, h.AwaitAttempt(who, 1, call.StateBridged).ID)
	})
	leadsQuiet(dir)
	codes = dir
	one(street.Config.Data, 3, func(*house.Person) {
		events.part(true)
		leads(dir, 4)
		events.part(false)
	})
	codes = ""
	leadsQuiet(street.Config.Data)
	one(dir, 4, func(who *house.Person) {
		second.Stop(t, 30*time.Second)
		leads(street.Config.Data, 5)
		second = street.Node(t, program, dir, other)
		follows(t, bus, nodeIn(t, dir), h.Scheme.Key, h.AwaitAttempt(who, 1, call.StateBridged).ID)
	})
	one(street.Config.Data, 5, func(*house.Person) {
		records.part(true)
		leads(dir, 6)
		records.part(false)
	})
	first.Stop(t, 30*time.Second)
	leadsQuiet(dir)
	one(dir, 6, nil)

	bus.Shutdown()
	bus.WaitForShutdown()
	require.True(t, second.Running())
	house.Await(t, time.Minute, "some seconds without a bus", longerThan(leaseTerm))
	one(dir, 6, nil)
	require.Zero(t, w.Trunk.Ledger().Summary().DoubleRings)
	require.Zero(t, w.Trunk.Ledger().Summary().SilentCalls)
}

// takeoverLimit bounds how long a scheme is without a leader on a machine that does much else; it is to be ten seconds.
const takeoverLimit = 30 * time.Second

func tookOver(t *testing.T, from string, since time.Time) {
	t.Helper()
	took := time.Since(since)
	t.Logf("the other node led %s after %s was lost", took.Round(10*time.Millisecond), from)
	require.Less(t, took, takeoverLimit)
}

// follows waits until a node that started anew follows an attempt at its PBX, by asking it as whoever leads does.
func follows(t *testing.T, bus *server.Server, node string, scheme int64, attempt call.ID) {
	t.Helper()
	conn, err := nats.Connect(bus.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	question, err := json.Marshal(map[string]any{"scheme": scheme, "attempts": []call.ID{attempt}})
	require.NoError(t, err)
	house.Await(t, time.Minute, "the node to follow its call", func(context.Context) bool {
		answer, err := conn.Request("rappel.ask."+node, question, time.Second)
		return err == nil && bytes.Contains(answer.Data, []byte(attempt)) && !bytes.Contains(answer.Data, []byte("unknown"))
	})
}

// hostOf is the host and port of an address.
func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

// leaseTerm is how long a node keeps a lease that it does not renew.
const leaseTerm = 5 * time.Second

func longerThan(d time.Duration) func(context.Context) bool {
	since := time.Now()
	return func(context.Context) bool { return time.Since(since) > d }
}

// nodeIn is the name of the node with a data directory; empty before its first start.
func nodeIn(t *testing.T, data string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "node"))
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func startNATS(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(30*time.Second))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

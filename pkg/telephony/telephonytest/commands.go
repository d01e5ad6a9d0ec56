package telephonytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// confirmWait is how long an ordinary phone may take to press the key that Connect.Confirm asks for.
const confirmWait = 10 * time.Second

// Connect plays the dialplan's part: see telephony.Switch.
func (f *Fake) Connect(_ context.Context, o telephony.Connect) error {
	act, err := f.begin("Connect", o.Channel)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	phone := o.CallerEndpoint
	if phone == "" {
		phone = o.CallerNumber
	}
	c, startErr := f.start(o.Channel, phone, o.CallerEndpoint != "")
	if startErr != nil {
		return startErr
	}
	c.connect = &o
	f.ring(c, o.CallerRing, func() {
		if !o.Confirm {
			f.after(f.opts.Step, c, func() { f.connect(c) })
			return
		}
		c.awaitKey = func() { f.connect(c) }
		f.after(confirmWait, c, func() {
			if c.awaitKey != nil {
				f.refuse(c, telephony.RefusedNoKey)
			}
		})
	}, func(telephony.Cause) {})
	return err
}

// start makes the channel of a leg we name.
func (f *Fake) start(id, phone string, endpoint bool) (*channel, error) {
	f.posted[id]++
	if f.channels[id] != nil {
		return nil, fmt.Errorf("channel %s: %w", id, telephony.ErrExists)
	}
	if _, known := f.phones[phone]; !known && endpoint {
		return nil, fmt.Errorf("phone is not registered: %w", telephony.ErrRefused)
	}
	c := f.newChannel(id, "", phone)
	if _, known := f.phones[phone]; !known {
		c.script = Script{Refuse: telephony.CauseUnallocated}
	}
	return c, nil
}

func (f *Fake) refuse(c *channel, why string) {
	f.emit(c, telephony.Event{Type: telephony.EventRefused, Args: []string{why}})
	f.after(f.opts.Prompt, c, func() { f.end(c, telephony.CauseNormal) })
}

// connect rings the beneficiary, whose leg no longer depends on the caller's.
func (f *Fake) connect(c *channel) {
	o := c.connect
	if !time.Now().Add(f.opts.Skew).Before(o.DialBy) {
		f.refuse(c, telephony.RefusedDialBy)
		return
	}
	b := f.newChannel("", o.BeneficiaryLeg, o.Number)
	if _, known := f.phones[o.Number]; !known {
		b.script = Script{Refuse: telephony.CauseUnallocated}
	}
	b.connect, b.beneficiary, b.partner, c.partner = o, true, c.id, b.id
	f.ring(b, o.BeneficiaryRing, func() {
		caller := f.channels[b.partner]
		if caller == nil {
			f.alone(b, telephony.TalkedNever)
			return
		}
		f.join(caller, "pbx")
		f.join(b, "pbx")
	}, func(cause telephony.Cause) {
		if caller := f.channels[b.partner]; caller != nil {
			f.enter(caller, telephony.EnteredNotReached, fmt.Sprint(int(cause)))
		}
	})
}

// Announce plays the dialplan's part: see telephony.Switch.
func (f *Fake) Announce(_ context.Context, a telephony.Announce) error {
	act, err := f.begin("Announce", a.Channel)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	f.posted[a.Channel]++
	if f.posted[a.Channel] > 1 {
		return fmt.Errorf("channel %s: %w", a.Channel, telephony.ErrExists)
	}
	placed := f.newChannel(a.Channel, "", "")
	f.after(f.opts.Step, placed, func() {
		if !time.Now().Add(f.opts.Skew).Before(a.DialBy) {
			f.emit(placed, telephony.Event{Type: telephony.EventRefused, Args: []string{telephony.RefusedDialBy}})
			f.end(placed, telephony.CauseNormal)
			return
		}
		b := f.newChannel("", a.BeneficiaryLeg, a.Number)
		b.listened = true
		if _, known := f.phones[a.Number]; !known {
			b.script = Script{Refuse: telephony.CauseUnallocated}
		}
		f.end(placed, telephony.CauseNormal)
		f.ring(b, a.Ring, func() {
			b.inApp = true
			f.emit(b, telephony.Event{
				Type: telephony.EventEntered, Args: []string{telephony.EnteredAutomatic, a.BeneficiaryLeg}, Language: a.Language,
			})
		}, func(telephony.Cause) {})
	})
	return err
}

// Originate rings one phone into the application.
func (f *Fake) Originate(_ context.Context, o telephony.Originate) error {
	act, err := f.begin("Originate", o.Channel)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	phone := o.Endpoint
	if phone == "" {
		phone = o.Number
	}
	c, startErr := f.start(o.Channel, phone, o.Endpoint != "")
	if startErr != nil {
		return startErr
	}
	f.ring(c, o.Ring, func() {
		c.inApp = true
		f.emit(c, telephony.Event{Type: telephony.EventEntered, Args: o.Args, Language: o.Language})
	}, func(telephony.Cause) {})
	return err
}

// Answer answers an inbound channel.
func (f *Fake) Answer(_ context.Context, id string) error {
	act, err := f.begin("Answer", id)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	c, appErr := f.app(id)
	if appErr != nil {
		return appErr
	}
	if c.state != telephony.ChannelUp {
		f.up(c)
	}
	return err
}

// Hangup ends a channel.
func (f *Fake) Hangup(_ context.Context, id string, cause telephony.Cause) error {
	act, err := f.begin("Hangup", id)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	if c := f.channels[id]; c != nil {
		f.end(c, cause)
	}
	return err
}

// Play plays media; the channel has heard them from the first moment on.
func (f *Fake) Play(_ context.Context, id, playback string, media ...telephony.Media) error {
	act, err := f.begin("Play", id+" "+playback)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	c, appErr := f.app(id)
	if appErr != nil {
		return appErr
	}
	c.comforted = true
	f.heard[id] = append(f.heard[id], media...)
	var total time.Duration
	for _, m := range media {
		d, known := f.media[m]
		if ms, ok := strings.CutPrefix(string(m), "silence:"); ok && !known {
			d, _ = time.ParseDuration(ms + "ms")
			known = true
		}
		if !known {
			d = f.opts.Prompt
		}
		total += d
	}
	p := &play{channel: id}
	p.timer = f.after(total, c, func() {
		delete(f.plays, playback)
		f.emit(c, telephony.Event{Type: telephony.EventPlaybackDone, Playback: playback})
	})
	f.plays[playback] = p
	return err
}

// StopPlay ends a playback early.
func (f *Fake) StopPlay(_ context.Context, playback string) error {
	act, err := f.begin("StopPlay", playback)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	if p := f.plays[playback]; p != nil {
		p.timer.Stop()
		delete(f.timers, p.timer)
		delete(f.plays, playback)
		if c := f.channels[p.channel]; c != nil {
			f.emit(c, telephony.Event{Type: telephony.EventPlaybackDone, Playback: playback})
		}
	}
	return err
}

// Record records until its limit, a key, or the hang-up.
func (f *Fake) Record(_ context.Context, id string, r telephony.Recording) error {
	act, err := f.begin("Record", id+" "+r.Name)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	c, appErr := f.app(id)
	if appErr != nil {
		return appErr
	}
	rec := &recording{Recording: r, from: time.Now()}
	c.recording = rec
	if r.MaxLength > 0 {
		f.after(r.MaxLength, c, func() {
			if c.recording == rec {
				f.finishRecording(c)
			}
		})
	}
	return err
}

// Ring notes that the channel hears a ringing tone.
func (f *Fake) Ring(_ context.Context, id string, on bool) error {
	act, err := f.begin("Ring", fmt.Sprint(id, " ", on))
	defer f.mu.Unlock()
	if !act {
		return err
	}
	if c, appErr := f.app(id); appErr != nil {
		return appErr
	} else if on {
		c.comforted = true
		f.heard[id] = append(f.heard[id], "tone:ring")
	}
	return err
}

// Bridge joins channels.
func (f *Fake) Bridge(_ context.Context, bridge string, ids ...string) error {
	act, err := f.begin("Bridge", bridge+" "+strings.Join(ids, ","))
	defer f.mu.Unlock()
	if !act {
		return err
	}
	for _, id := range ids {
		if _, appErr := f.app(id); appErr != nil {
			return appErr
		}
	}
	for _, id := range ids {
		if !slices.Contains(f.bridges[bridge], id) {
			f.bridges[bridge] = append(f.bridges[bridge], id)
			f.join(f.channels[id], bridge)
		}
	}
	return err
}

// Unbridge deletes a bridge.
func (f *Fake) Unbridge(_ context.Context, bridge string) error {
	act, err := f.begin("Unbridge", bridge)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	for _, id := range slices.Clone(f.bridges[bridge]) {
		if c := f.channels[id]; c != nil {
			f.leave(c)
		}
	}
	delete(f.bridges, bridge)
	return err
}

// Send takes the channel out of the application; the Fake has no dialplan to run it in.
func (f *Fake) Send(_ context.Context, id, dialplanContext, extension string) error {
	act, err := f.begin("Send", id+" "+dialplanContext+","+extension)
	defer f.mu.Unlock()
	if !act {
		return err
	}
	c, appErr := f.app(id)
	if appErr != nil {
		return appErr
	}
	c.inApp = false
	f.emit(c, telephony.Event{Type: telephony.EventLeft})
	return err
}

// Guard takes the channel out of the application when it is not renewed; the dialplan says a prompt then and hangs up.
func (f *Fake) Guard(_ context.Context, id string, d time.Duration) error {
	act, err := f.begin("Guard", fmt.Sprint(id, " ", d))
	defer f.mu.Unlock()
	if !act {
		return err
	}
	c, appErr := f.app(id)
	if appErr != nil {
		return appErr
	}
	if c.recording != nil || f.playsOn(id) {
		panic("telephonytest: Guard while something is played or recorded on " + id)
	}
	if c.guard != nil {
		c.guard.Stop()
		delete(f.timers, c.guard)
		c.guard = nil
	}
	if d <= 0 {
		return err
	}
	c.guard = f.after(d, c, func() {
		c.guard = nil
		if !c.inApp {
			return
		}
		f.leave(c)
		c.inApp, c.comforted = false, true
		f.heard[id] = append(f.heard[id], "dialplan")
		f.emit(c, telephony.Event{Type: telephony.EventLeft})
		f.after(f.opts.Prompt, c, func() { f.end(c, telephony.CauseNormal) })
	})
	return err
}

func (f *Fake) playsOn(id string) bool {
	for _, p := range f.plays {
		if p.channel == id {
			return true
		}
	}
	return false
}

// Channel returns one channel.
func (f *Fake) Channel(_ context.Context, id string) (telephony.Channel, error) {
	act, err := f.begin("Channel", id)
	defer f.mu.Unlock()
	if !act || err != nil {
		return telephony.Channel{}, err
	}
	c := f.channels[id]
	if c == nil {
		return telephony.Channel{}, fmt.Errorf("channel %s: %w", id, telephony.ErrNoChannel)
	}
	return c.view(), nil
}

// Channels lists every channel.
func (f *Fake) Channels(context.Context) ([]telephony.Channel, error) {
	act, err := f.begin("Channels", "")
	defer f.mu.Unlock()
	if !act || err != nil {
		return nil, err
	}
	return f.list(), nil
}

func (f *Fake) list() []telephony.Channel {
	var out []telephony.Channel
	for _, c := range f.channels {
		out = append(out, c.view())
	}
	slices.SortFunc(out, func(a, b telephony.Channel) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (c *channel) view() telephony.Channel {
	return telephony.Channel{
		ID: c.id, Leg: c.leg, State: c.state, Bridge: c.bridge != "", InApp: c.inApp, Created: c.created,
	}
}

// Open starts a mailbox.
func (f *Fake) Open(key string) *telephony.Mailbox {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.boxes[key] != nil {
		panic("telephonytest: mailbox " + key + " is open")
	}
	box := telephony.NewMailbox(key, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.boxes, key)
	})
	f.boxes[key] = box
	return box
}

// Arrivals delivers what entered the application and belongs to no mailbox.
func (f *Fake) Arrivals() <-chan telephony.Event { return f.arrivals }

// Reconciled delivers a value after Up and Restart.
func (f *Fake) Reconciled() <-chan telephony.Reconciliation { return f.reconciled }

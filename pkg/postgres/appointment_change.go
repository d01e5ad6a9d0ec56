package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/callflow"
	"github.com/rappel-tel/rappel/pkg/dispatch"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

const (
	// ringsBackAfter is how long a person has to put the receiver down before she is rung back.
	ringsBackAfter = 15 * time.Second
	// mostAsked is how often one person is rung back on a day because somebody with her number asked for changes.
	mostAsked = 3
)

// confirmationWindow is when a person is rung back who asks for a change at now.
func confirmationWindow(now time.Time, rules schedule.Rules) schedule.Slot {
	return dispatch.SoonFor(call.KindConfirmation, now.Add(ringsBackAfter), rules)
}

// AskChange notes a change that somebody wants by telephone and books the call back in which it is agreed to, in one
// transaction; it returns when she is rung back. Whoever leads the scheme learns of it by Dispatcher.Changed; when another
// process does, by the event scheme.changed. The errors are callflow.ErrWaits, ErrGone and ErrNotAllowed.
func (s *Store) AskChange(ctx context.Context, scheme int64, c callflow.Change, now time.Time) (callflow.Proposal, error) {
	var back callflow.Proposal
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		rules, pauses, err := s.rules(ctx, q, scheme, now)
		if err != nil {
			return err
		}
		rules.Pauses = pauses[c.Beneficiary]
		if err := presentable(ctx, s, q, scheme, call.KindConfirmation, now); err != nil {
			return errors.Join(callflow.ErrNotAllowed, err)
		}
		if err := askable(ctx, q, j, c.Beneficiary, rules, now); err != nil {
			return err
		}
		row, err := s.changeRow(ctx, q, scheme, c, now)
		if err != nil {
			return err
		}
		window := confirmationWindow(now, rules)
		if row.closes.IsZero() || window.Closes.Before(row.closes) {
			row.closes = window.Closes
		}
		if window.Closes = row.closes; !window.Opens.Before(window.Closes) {
			return callflow.ErrGone // The call comes before she could be rung back.
		}
		booked, err := bookExtra(ctx, q, j, extra{kind: call.KindConfirmation, people: []int64{c.Beneficiary}, window: window, now: now})
		if err != nil {
			return err
		}
		if len(booked) == 0 {
			return ErrNoBeneficiary
		}
		row.InsertChangeParams.Confirmation, row.Channel, row.AskedAt, row.State = booked[0].Key, ChannelLine, instant(now), string(callflow.ChangePending)
		if err := noteChange(ctx, q, j, row.InsertChangeParams, "asked"); err != nil {
			return err
		}
		back = callflow.Proposal{Opens: booked[0].Opens.In(rules.Zone), Closes: booked[0].Closes.In(rules.Zone)}
		j.noteScheme("changed", now, changedData{Booked: 1})
		return nil
	})
	if err != nil {
		return back, fmt.Errorf("ask for a change: %w", err)
	}
	return back, nil
}

// askable reports whether a person may be rung back for one change more: none waits for her word, and she was not rung back for
// changes too often on her day. Changes whose call back was called off are dropped first.
func askable(ctx context.Context, q *sqldb.Queries, j *journal, person int64, rules schedule.Rules, now time.Time) error {
	if err := dropPending(ctx, q, j, person, now, false); err != nil {
		return err
	}
	y, m, d := rules.DateIn(now).Date()
	zone := rules.Zone
	if zone == nil {
		zone = time.UTC
	}
	asked, err := q.CountAskedChanges(ctx, sqldb.CountAskedChangesParams{
		SchemeID: j.scheme, BeneficiaryID: person, Since: instant(time.Date(y, m, d, 0, 0, 0, 0, zone)),
	})
	if err != nil {
		return fmt.Errorf("count changes: %w", err)
	}
	if asked >= mostAsked {
		return fmt.Errorf("%w: she was rung back %d times today", callflow.ErrNotAllowed, asked)
	}
	return nil
}

// dropPending drops the change of a person that waits for her word: one whose call back has ended, or with whatever any. It
// returns callflow.ErrWaits when one still waits.
func dropPending(ctx context.Context, q *sqldb.Queries, j *journal, person int64, now time.Time, whatever bool) error {
	waits, err := q.FindPendingChange(ctx, sqldb.FindPendingChangeParams{SchemeID: j.scheme, BeneficiaryID: someone(person)})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("read changes: %w", err)
	case !whatever && !call.OccurrenceState(waits.ConfirmationState).Ended():
		return callflow.ErrWaits
	}
	return settleChange(ctx, q, j, settledChange{
		uid: waits.Uid, kind: waits.Kind, confirmation: waits.Confirmation, state: string(callflow.ChangeLapsed), now: now,
	})
}

// settledChange is what became of a change that had waited.
type settledChange struct {
	uid          pgtype.UUID
	kind         string
	confirmation int64 // The call back in which she would be asked.
	state        string
	agreedOn     time.Time // Of a skipped call.
	now          time.Time
}

// settleChange writes what became of a change, and calls the call back off in which she would be asked, if it has not begun.
func settleChange(ctx context.Context, q *sqldb.Queries, j *journal, c settledChange) error {
	nth, err := q.SettleChange(ctx, sqldb.SettleChangeParams{
		SchemeID: j.scheme, Uid: c.uid, State: c.state, Now: instant(c.now), AgreedOn: localDate(c.agreedOn),
	})
	if err != nil {
		return fmt.Errorf("settle a change: %w", err)
	}
	event := c.state
	if event == string(callflow.ChangeDone) {
		event = "changed"
	}
	j.note("appointment", uuid.UUID(c.uid.Bytes), int(nth), event, c.now, appointmentData{Change: c.kind, Pending: true})
	cancelled, err := j.cancelPromises(ctx, q, []int64{c.confirmation}, c.now)
	if err == nil && cancelled > 0 {
		j.noteScheme("changed", c.now, changedData{Cancelled: cancelled})
	}
	return err
}

// wantedChange is a change as it is to be kept.
type wantedChange struct {
	sqldb.InsertChangeParams
	promise *promise
	slot    schedule.Slot
	pause   Pause
	closes  time.Time // Until when it can be agreed to at the latest; zero leaves it open.
}

// changeRow reads what a change is about and finds out whether it is possible; callflow.ErrGone when it is not.
func (s *Store) changeRow(ctx context.Context, q *sqldb.Queries, scheme int64, c callflow.Change, now time.Time) (wantedChange, error) {
	w := wantedChange{InsertChangeParams: sqldb.InsertChangeParams{BeneficiaryID: c.Beneficiary, Kind: string(c.Kind)}}
	if c.Kind == callflow.ChangeAway {
		rules, _, err := s.rules(ctx, q, scheme, now)
		if err != nil {
			return w, err
		}
		w.pause = Pause{First: later(rules.DateIn(now), c.From), Last: c.Back.AddDate(0, 0, -1), WelcomeBack: true, Channel: ChannelLine}
		w.FirstDay, w.LastDay = localDate(w.pause.First), localDate(w.pause.Last)
		if w.pause.Last.Before(w.pause.First) {
			return w, callflow.ErrGone
		}
		return w, nil
	}
	p, err := s.promise(ctx, q, scheme, c.Occurrence, now)
	if err != nil {
		return w, err
	}
	if p.row.BeneficiaryID != c.Beneficiary {
		return w, callflow.ErrGone
	}
	w.promise, w.OccurrenceID, w.closes = p, c.Occurrence, when(p.row.ClosesAt)
	if c.Kind == callflow.ChangeSkip {
		w.AgreedOn = localDate(p.agreedOn())
		return w, nil
	}
	times := p.times(now)
	at := slices.IndexFunc(times, func(t schedule.Slot) bool { return t.Opens.Equal(c.To.Opens) && t.Closes.Equal(c.To.Closes) })
	if at < 0 {
		return w, callflow.ErrGone
	}
	w.slot = times[at]
	w.LocalDate, w.OpensAt, w.ClosesAt = localDate(w.slot.Date), instant(w.slot.Opens), instant(w.slot.Closes)
	if w.slot.Opens.Before(w.closes) {
		w.closes = w.slot.Opens
	}
	return w, nil
}

// PendingChange returns the change of a person's calls that waits for her word; its ID is empty when there is none.
func (s *Store) PendingChange(ctx context.Context, scheme, person int64) (callflow.Change, error) {
	c, err := s.waitingChange(ctx, sqldb.FindPendingChangeParams{SchemeID: scheme, BeneficiaryID: someone(person)})
	if errors.Is(err, callflow.ErrNothing) {
		err = nil
	}
	return c, err
}

// AskedChange returns the change that the person of an attempt is asked about: that of the call back, or in any other call to her
// the one that waits for her word. It is callflow.ErrNothing when there is none.
func (s *Store) AskedChange(ctx context.Context, scheme int64, attempt call.ID) (callflow.Change, error) {
	return s.waitingChange(ctx, sqldb.FindPendingChangeParams{SchemeID: scheme, AttemptID: attemptUUID(attempt)})
}

func (s *Store) waitingChange(ctx context.Context, p sqldb.FindPendingChangeParams) (callflow.Change, error) {
	if !p.AttemptID.Valid && !p.BeneficiaryID.Valid {
		return callflow.Change{}, callflow.ErrNothing // Nobody's, and not whosever waits.
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	r, err := s.query.FindPendingChange(ctx, p)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && call.OccurrenceState(r.ConfirmationState).Ended():
		return callflow.Change{}, callflow.ErrNothing // Or it has lapsed.
	case err != nil:
		return callflow.Change{}, fmt.Errorf("read the change: %w", storeError(err))
	}
	zone, err := time.LoadLocation(r.Zone)
	if err != nil {
		return callflow.Change{}, fmt.Errorf("load zone of the scheme: %w", err)
	}
	return changeOf(r, zone), nil
}

// someone is a person that a query may leave open.
func someone(person int64) pgtype.Int8 { return pgtype.Int8{Int64: person, Valid: person != 0} }

func changeOf(r sqldb.FindPendingChangeRow, zone *time.Location) callflow.Change {
	c := callflow.Change{ID: r.Uid.String(), Kind: callflow.ChangeKind(r.Kind), Beneficiary: r.BeneficiaryID, Occurrence: r.OccurrenceID}
	c.Promised = callflow.Proposal{Opens: when(r.PromisedOpens).In(zone), Closes: when(r.PromisedCloses).In(zone)}
	c.To = callflow.Proposal{Opens: when(r.OpensAt).In(zone), Closes: when(r.ClosesAt).In(zone)}
	if r.LastDay.Valid {
		c.From, c.Back = dateOf(r.FirstDay), dateOf(r.LastDay).AddDate(0, 0, 1)
	}
	return c
}

// SettleChange makes the change that a person was told, or drops it when she does not agree, in one transaction. The errors
// are callflow.ErrGone, when it could not be made any more and everything stays, and callflow.ErrNothing, when it no longer waits
// for her word.
func (s *Store) SettleChange(ctx context.Context, scheme int64, told callflow.Told, now time.Time) error {
	which := sqldb.FindPendingChangeParams{SchemeID: scheme, BeneficiaryID: someone(told.Beneficiary), Uid: uuidOf(told.Change)}
	if told.Attempt != "" {
		which.AttemptID = attemptUUID(told.Attempt)
	}
	if !which.Uid.Valid || !which.AttemptID.Valid && !which.BeneficiaryID.Valid {
		return fmt.Errorf("settle a change: %w", callflow.ErrNothing)
	}
	gone := false
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		r, err := q.FindPendingChange(ctx, which)
		if errors.Is(err, pgx.ErrNoRows) {
			return callflow.ErrNothing
		} else if err != nil {
			return fmt.Errorf("read the change: %w", err)
		}
		settled := settledChange{
			uid: r.Uid, kind: r.Kind, confirmation: r.Confirmation, state: string(callflow.ChangeRefused), now: now,
		}
		if !told.Agreed {
			return settleChange(ctx, q, j, settled)
		}
		w, err := s.changeRow(ctx, q, scheme, changeOf(r, time.UTC), now)
		if gone = errors.Is(err, callflow.ErrGone); gone {
			settled.state = string(callflow.ChangeLapsed)
			return settleChange(ctx, q, j, settled)
		} else if err != nil {
			return err
		}
		settled.state, settled.agreedOn = string(callflow.ChangeDone), dateOf(w.AgreedOn)
		if err := settleChange(ctx, q, j, settled); err != nil {
			return err
		}
		return s.makeChange(ctx, q, j, w, now)
	})
	switch {
	case err != nil:
		return fmt.Errorf("settle a change: %w", err)
	case gone:
		return callflow.ErrGone
	default:
		return nil
	}
}

// ChangeNow makes a change that somebody asked for whom a person has talked to, at once; one that waits for her word is dropped.
// The error is callflow.ErrGone.
func (s *Store) ChangeNow(ctx context.Context, scheme int64, c callflow.Change, channel string, now time.Time) error {
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error {
		if err := dropPending(ctx, q, j, c.Beneficiary, now, true); err != nil {
			return err
		}
		w, err := s.changeRow(ctx, q, scheme, c, now)
		if err != nil {
			return err
		}
		w.Channel, w.AskedAt, w.State, w.SettledAt = channel, instant(now), string(callflow.ChangeDone), instant(now)
		w.pause.Channel = channel
		if err := noteChange(ctx, q, j, w.InsertChangeParams, "changed"); err != nil {
			return err
		}
		return s.makeChange(ctx, q, j, w, now)
	})
	if err != nil {
		return fmt.Errorf("change a call: %w", err)
	}
	return nil
}

// makeChange makes a change that is recorded as done.
func (s *Store) makeChange(ctx context.Context, q *sqldb.Queries, j *journal, w wantedChange, now time.Time) error {
	switch callflow.ChangeKind(w.Kind) {
	case callflow.ChangeAway:
		_, err := s.announce(ctx, q, j, announcement{Pause: &w.pause, person: w.BeneficiaryID, now: now})
		return err
	case callflow.ChangeSkip:
		if err := endPromise(ctx, q, j, w.OccurrenceID, call.OccurrenceCancelled, now); err != nil {
			return err
		}
		// The record of the change keeps its date from being booked again; what follows may have to be booked instead.
		_, err := s.rearrange(ctx, q, j, replanning{now: now, people: []int64{w.BeneficiaryID}, held: true})
		return err
	default:
		return s.moveTo(ctx, q, j, w, now)
	}
}

// moveTo ends a call as moved and books the one in its place.
func (s *Store) moveTo(ctx context.Context, q *sqldb.Queries, j *journal, w wantedChange, now time.Time) error {
	if err := endPromise(ctx, q, j, w.OccurrenceID, call.OccurrenceMoved, now); err != nil {
		return err
	}
	slot := plannedSlot{
		Slot: w.slot, agreement: w.promise.row.AgreementID, beneficiary: w.BeneficiaryID, kind: call.KindScheduled,
		length: milliseconds(w.promise.row.LengthMs),
	}
	p, err := bookingParams(j.scheme, []plannedSlot{slot})
	if err != nil {
		return err
	}
	p.Events = 1
	for _, r := range w.promise.rows {
		if r.AgreementID == slot.agreement && call.Kind(r.Kind) == slot.kind && dateOf(r.LocalDate).Equal(slot.Date) {
			p.Sequences[0] = max(p.Sequences[0], r.Sequence+1)
		}
	}
	made, err := q.InsertOccurrences(ctx, p)
	if err != nil {
		return fmt.Errorf("book the moved call: %w", err)
	}
	if len(made) != 1 {
		return fmt.Errorf("%w: its agreement has ended", callflow.ErrGone)
	}
	j.note("occurrence", uuid.UUID(made[0].Uid.Bytes), 1, "booked", now, bookedOf(slot))
	if slot.Opens.Before(j.loadFrom) {
		if err := q.LowerLoadFrom(ctx, sqldb.LowerLoadFromParams{SchemeID: j.scheme, OpensAt: instant(slot.Opens)}); err != nil {
			return fmt.Errorf("lower load limit: %w", err)
		}
	}
	j.noteScheme("changed", now, changedData{Moved: 1})
	return nil
}

// endPromise ends an open call. The error is callflow.ErrGone when it is no longer open.
func endPromise(ctx context.Context, q *sqldb.Queries, j *journal, id int64, state call.OccurrenceState, now time.Time) error {
	ended, err := j.endPromises(ctx, q, sqldb.EndPromisesParams{OccurrenceIds: []int64{id}, States: []string{string(state)}}, now)
	if err != nil {
		return err
	}
	if ended == 0 {
		return callflow.ErrGone
	}
	return nil
}

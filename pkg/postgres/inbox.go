package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Inbox lists what waits for the scheme's registrars, the oldest first, and behind it, with all, what was handled; 500 at most.
func (s *Store) Inbox(ctx context.Context, scheme int64, all bool) ([]inbox.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	return s.inboxItems(ctx, s.query, sqldb.ListInboxParams{SchemeID: scheme, AllOfThem: all})
}

// InboxItem returns an item, handled or not; inbox.ErrNoItem means that there is none.
func (s *Store) InboxItem(ctx context.Context, scheme int64, id string) (inbox.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	return s.inboxItem(ctx, s.query, scheme, id)
}

func (s *Store) inboxItem(ctx context.Context, q *sqldb.Queries, scheme int64, id string) (inbox.Item, error) {
	item, err := uuid.Parse(id)
	if err != nil {
		return inbox.Item{}, inbox.ErrNoItem
	}
	list, err := s.inboxItems(ctx, q, sqldb.ListInboxParams{
		SchemeID: scheme, AllOfThem: true, Item: pgtype.UUID{Bytes: item, Valid: true},
	})
	if err == nil && len(list) == 0 {
		err = inbox.ErrNoItem
	}
	if err != nil {
		return inbox.Item{}, err
	}
	if list[0].Kind == inbox.Welfare {
		list[0].Contacts, err = s.contactPeople(ctx, q, scheme, list[0].Person)
	}
	return list[0], err
}

func (s *Store) inboxItems(ctx context.Context, q *sqldb.Queries, p sqldb.ListInboxParams) ([]inbox.Item, error) {
	rows, err := q.ListInbox(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("list the inbox: %w", storeError(err))
	}
	list := make([]inbox.Item, len(rows))
	var numbers set[string]
	for i, r := range rows {
		list[i] = inbox.Item{
			ID: r.Item.String(), Kind: inbox.Kind(r.Kind), At: when(r.LeftAt), CLI: r.Cli, Number: r.Number,
			Language: roster.Language(r.Language), Recording: r.Recording, Length: milliseconds(r.LengthMs),
			Source: roster.Source(r.Source), Cadence: roster.Cadence(r.Cadence), PerWeek: int(r.PerWeek), Days: weekdays(r.Days),
			Part: roster.DayPart(r.Part), Consent: roster.ConsentState(r.Consent), Wording: r.Wording,
			TakenBy: r.TakenBy, TakenAt: when(r.TakenAt), HandledBy: r.HandledBy, HandledAt: when(r.HandledAt), Person: r.Person,
		}
		if list[i].Kind == inbox.Welfare {
			list[i].Ended, list[i].Wording = call.OccurrenceState(r.Wording), ""
			continue // She is who it is about.
		}
		if r.Number != "" {
			numbers.add(r.Number)
		}
	}
	return list, s.likenesses(ctx, q, likenessesAt{p.SchemeID, numbers.list, list})
}

// likenessesAt are items and the numbers in them.
type likenessesAt struct {
	scheme  int64
	numbers []string
	items   []inbox.Item
}

// likenesses finds who and what else is at the numbers of items.
func (s *Store) likenesses(ctx context.Context, q *sqldb.Queries, l likenessesAt) error {
	if len(l.numbers) == 0 {
		return nil
	}
	people, err := q.RefsAt(ctx, sqldb.RefsAtParams{SchemeID: l.scheme, Numbers: l.numbers})
	if err != nil {
		return fmt.Errorf("find who is reached at numbers: %w", storeError(err))
	}
	refs := map[string][]string{}
	for _, p := range people {
		refs[p.E164] = append(refs[p.E164], p.Ref)
	}
	open, err := q.RegistrationsAt(ctx, sqldb.RegistrationsAtParams{SchemeID: l.scheme, Numbers: l.numbers})
	if err != nil {
		return fmt.Errorf("count registrations at numbers: %w", storeError(err))
	}
	others := map[string]int{}
	for _, o := range open {
		others[o.Number] = int(o.Registrations)
	}
	refused, err := s.refusedAmong(ctx, q, l.scheme, l.numbers)
	if err != nil && !errors.Is(err, ErrRefusalKey) {
		return err
	}
	for i := range l.items {
		item := &l.items[i]
		item.Alike, item.Others, item.Refused = refs[item.Number], others[item.Number], refused[item.Number]
		if item.Kind == inbox.Registration && item.HandledAt.IsZero() {
			item.Others-- // Itself.
		}
	}
	return nil
}

// TakeInbox notes who works on an item. Taking it again changes nothing; inbox.ErrTaken means that somebody else has it, and
// inbox.ErrHandled that it is closed.
func (s *Store) TakeInbox(ctx context.Context, scheme int64, id, by string, now time.Time) (inbox.Item, error) {
	var item inbox.Item
	err := s.transact(ctx, scheme, func(q *sqldb.Queries, _ *journal) error {
		var err error
		if item, err = s.inboxItem(ctx, q, scheme, id); err != nil {
			return err
		}
		if !item.HandledAt.IsZero() {
			return inbox.ErrHandled
		}
		n, err := q.TakeItem(ctx, sqldb.TakeItemParams{
			SchemeID: scheme, Item: uuidOf(item.ID), TakenBy: by, Now: instant(now),
		})
		if err != nil {
			return fmt.Errorf("write who took it: %w", err)
		}
		if n == 0 {
			return inbox.ErrTaken
		}
		item, err = s.inboxItem(ctx, q, scheme, id)
		return err
	})
	if err != nil {
		return item, fmt.Errorf("take an item of the inbox: %w", err)
	}
	return item, nil
}

// uuidOf is an id that was read from the database.
func uuidOf(id string) pgtype.UUID {
	parsed, err := uuid.Parse(id)
	return pgtype.UUID{Bytes: parsed, Valid: err == nil}
}

// CallInbox books a call to whoever an item is about, in the queue of the registrars, for the consent of a person whom somebody
// else has proposed, to finish a registration, or to look after somebody who was not reached: her, or with contact above 0 that one
// of those whom she has named to be asked after her. A human call on purpose: nobody is rung by a machine, nor at once, because a
// stranger has keyed her number. It reports false when the number is owed a callback already. The scheme must be allowed to ring it.
func (s *Store) CallInbox(ctx context.Context, scheme int64, id string, contact int, now time.Time) (bool, error) {
	item, err := s.InboxItem(ctx, scheme, id)
	switch {
	case err != nil:
		return false, err
	case !item.HandledAt.IsZero():
		return false, inbox.ErrHandled
	case item.Kind == inbox.Callback:
		return false, inbox.ErrNotThis
	}
	number := cmp.Or(item.Number, item.CLI)
	if contact != 0 {
		if contact < 0 || contact > len(item.Contacts) {
			return false, inbox.ErrNoContact
		}
		number = item.Contacts[contact-1].Number
	}
	if number == "" {
		return false, inbox.ErrNotThis
	}
	refused, err := s.Refused(ctx, scheme, []string{number})
	switch {
	case err != nil:
		return false, err // Rather nobody than somebody who has refused.
	case refused[number]:
		return false, inbox.ErrNotThis
	}
	_, booked, err := s.PromiseCallback(ctx, scheme, LineCallback{Number: number, Language: item.Language, Asked: now}, now)
	return booked, err
}

// ResolveInbox closes an item, in one transaction, and returns it as it was, with the recordings that whoever asks has to erase now.
// A person is registered through the scheme's book, as an import would, in that transaction too. Closing it again in the same way
// changes nothing; inbox.ErrHandled means in another way.
func (s *Store) ResolveInbox(
	ctx context.Context, scheme int64, id string, r inbox.Resolution, now time.Time,
) (inbox.Item, []string, error) {
	item, err := s.InboxItem(ctx, scheme, id)
	c := closing{store: s, item: item, by: r, now: now}
	switch {
	case err != nil:
		return item, nil, err
	case !r.Outcome.Fits(item.Kind):
		return item, nil, inbox.ErrNotThis
	case !item.HandledAt.IsZero() && (item.Person == r.Ref || item.Kind == inbox.Welfare && item.HandledBy == r.By):
		return item, nil, nil
	case !item.HandledAt.IsZero():
		return item, nil, inbox.ErrHandled
	}
	if r.Outcome == inbox.Into {
		if _, err := s.KeyOf(ctx, scheme, r.Ref); err != nil {
			return item, nil, err
		}
	}
	if r.Outcome == inbox.Registered {
		err = s.registerPerson(ctx, scheme, &c)
	} else {
		err = s.transact(ctx, scheme, func(q *sqldb.Queries, j *journal) error { return c.write(ctx, q, j) })
	}
	if err != nil {
		return item, nil, fmt.Errorf("close an item of the inbox: %w", err)
	}
	return item, c.erase, nil
}

// registerPerson puts the person into the book and closes the registration with her, so that of two who close it at once only one
// makes a person of it. Somebody else of the ref stays as she is.
func (s *Store) registerPerson(ctx context.Context, key int64, c *closing) error {
	schemes, err := s.Schemes(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(schemes, func(one Scheme) bool { return one.Key == key })
	if at < 0 {
		return errNoScheme
	}
	scheme := schemes[at]
	zone, err := time.LoadLocation(scheme.Zone)
	if err != nil {
		return fmt.Errorf("load zone of the scheme: %w", err)
	}
	item := c.item
	item.At = item.At.In(zone)
	person, err := item.Beneficiary(c.by, inbox.Hours{Opens: scheme.Opens, Closes: scheme.Closes}, schedule.DateIn(c.now, zone))
	if err != nil {
		return err
	}
	return s.Book(scheme.Key, func() time.Time { return c.now }).edit(ctx, func(opened *page) error {
		found, err := opened.Find(ctx, []string{c.by.Ref})
		if err != nil {
			return err
		}
		if len(found.Staff) > 0 || len(found.Beneficiaries) > 0 && !found.Beneficiaries[0].Equal(person) {
			return inbox.ErrRefTaken
		}
		opened.also = c.write
		return opened.Put(ctx, roster.People{Beneficiaries: []roster.Beneficiary{person}})
	})
}

// closing writes that an item is closed.
type closing struct {
	store *Store
	q     *sqldb.Queries
	j     *journal
	item  inbox.Item
	by    inbox.Resolution
	now   time.Time
	erase []string // Recordings that nobody needs any more.
}

func (c *closing) write(ctx context.Context, q *sqldb.Queries, j *journal) error {
	c.q, c.j, c.erase = q, j, nil
	id, scheme := uuidOf(c.item.ID), c.j.scheme
	var err error
	switch c.item.Kind {
	case inbox.Message:
		var n int64
		n, err = c.q.HandleMessage(ctx, sqldb.HandleMessageParams{SchemeID: scheme, MessageID: id, Now: instant(c.now)})
		if err == nil && n == 0 {
			return inbox.ErrNoItem // Another was quicker.
		}
		c.j.note("message", id.Bytes, 2, "handled", c.now, struct{}{})
	case inbox.Callback:
		var rows []sqldb.CancelLineCallbackRow
		rows, err = c.q.CancelLineCallback(ctx, sqldb.CancelLineCallbackParams{SchemeID: scheme, Item: id, Now: instant(c.now)})
		if err == nil && len(rows) == 0 {
			return inbox.ErrHandled // Somebody is in the call just now, or it has ended.
		}
		for _, r := range rows {
			c.cancelled(r.Uid, int(r.Events))
		}
	case inbox.Registration:
		err = c.registration(ctx, id)
	case inbox.Welfare:
		var n int64
		n, err = c.q.HandleWelfare(ctx, sqldb.HandleWelfareParams{SchemeID: scheme, WelfareID: id, Now: instant(c.now)})
		if err == nil && n == 0 {
			return inbox.ErrHandled // Another was quicker, or she was heard from.
		}
	}
	if err != nil {
		return fmt.Errorf("write outcome: %w", err)
	}
	ref := c.by.Ref
	if c.by.Outcome == inbox.Refused || c.by.Outcome == inbox.Discarded {
		ref = ""
	}
	err = c.q.MarkHandled(ctx, sqldb.MarkHandledParams{SchemeID: scheme, Item: id, HandledBy: c.by.By, Person: ref})
	if err != nil {
		return fmt.Errorf("write who closed it: %w", err)
	}
	return nil
}

func (c *closing) cancelled(id pgtype.UUID, events int) {
	c.j.note("occurrence", id.Bytes, events, "cancelled", c.now, settledData{})
	c.j.noteScheme("changed", c.now, changedData{Cancelled: 1})
}

func (c *closing) registration(ctx context.Context, id pgtype.UUID) error {
	scheme := c.j.scheme
	if c.item.Recording != "" {
		c.erase = append(c.erase, c.item.Recording) // The name is written now, or not to be known.
	}
	var n int64
	var err error
	outcome := c.by.Outcome
	switch outcome {
	case inbox.Refused:
		return c.refuse(ctx)
	case inbox.Discarded:
		n, err = c.q.DeleteRegistration(ctx, sqldb.DeleteRegistrationParams{SchemeID: scheme, RegistrationID: id})
	case inbox.Into:
		outcome = inbox.Registered
		fallthrough
	default:
		n, err = c.q.HandleRegistration(ctx, sqldb.HandleRegistrationParams{SchemeID: scheme, RegistrationID: id, Now: instant(c.now)})
	}
	if err != nil {
		return err
	}
	switch {
	case n == 0 && outcome == inbox.Discarded:
		return inbox.ErrNoItem // Another was quicker.
	case n == 0:
		return inbox.ErrHandled
	}
	return c.handled(ctx, id, c.item.Source, outcome)
}

// handled counts and tells what became of a registration.
func (c *closing) handled(ctx context.Context, id pgtype.UUID, source roster.Source, outcome inbox.Outcome) error {
	c.j.note("registration", id.Bytes, 2, "handled", c.now, handledData{Outcome: string(outcome)})
	return countRegistration(ctx, c.q, counting{c.j.scheme, c.now, string(source), string(outcome)})
}

// refuse keeps the refusal, and of whoever would have been called there nothing else: every registration at the number goes, and
// the calls that were made, or are owed, to ask her no longer tell it.
func (c *closing) refuse(ctx context.Context) error {
	number, scheme := c.item.Number, c.j.scheme
	if number == "" {
		return inbox.ErrNotThis
	}
	switch called, err := c.q.IsBeingCalled(ctx, sqldb.IsBeingCalledParams{SchemeID: scheme, Number: number}); {
	case err != nil:
		return fmt.Errorf("look for a call: %w", err)
	case called: // Were it to fail, she would be rung again; and what ends it looks for her number.
		return inbox.ErrInCall
	}
	err := c.store.refuse(ctx, c.q, refusing{scheme, []string{number}, RefusedAtFirstCall, c.now})
	if err != nil {
		return err
	}
	deleted, err := c.q.DeleteRegistrationsAt(ctx, sqldb.DeleteRegistrationsAtParams{SchemeID: scheme, Number: number})
	if err != nil {
		return fmt.Errorf("delete registrations: %w", err)
	}
	if len(deleted) == 0 {
		return inbox.ErrNoItem
	}
	for _, d := range deleted {
		if d.Recording != "" && d.Recording != c.item.Recording {
			c.erase = append(c.erase, d.Recording)
		}
		if err := c.handled(ctx, d.RegistrationID, roster.Source(d.Source), inbox.Refused); err != nil {
			return err
		}
	}
	rows, err := c.q.CancelCallbacksTo(ctx, sqldb.CancelCallbacksToParams{SchemeID: scheme, Number: number, Now: instant(c.now)})
	if err != nil {
		return fmt.Errorf("cancel callbacks: %w", err)
	}
	for _, r := range rows {
		c.cancelled(r.Uid, int(r.Events))
	}
	if err := c.q.EraseAttemptNumbers(ctx, sqldb.EraseAttemptNumbersParams{SchemeID: scheme, Number: number}); err != nil {
		return fmt.Errorf("erase the number from calls: %w", err)
	}
	if err := c.q.EraseCallbackNumbers(ctx, sqldb.EraseCallbackNumbersParams{SchemeID: scheme, Number: number}); err != nil {
		return fmt.Errorf("erase the number from callbacks: %w", err)
	}
	return nil
}

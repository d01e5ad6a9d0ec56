package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/inbox"
	"github.com/rappel-tel/rappel/pkg/roster"
)

// Inbox is what waits for the registrars. Package postgres implements it; its errors are those of package inbox, and
// roster.ErrNumberRefused.
type Inbox interface {
	// Inbox lists what waits, the oldest first, and with all what was handled too.
	Inbox(ctx context.Context, scheme int64, all bool) ([]inbox.Item, error)
	// InboxItem returns one.
	InboxItem(ctx context.Context, scheme int64, id string) (inbox.Item, error)
	// TakeInbox notes who works on one.
	TakeInbox(ctx context.Context, scheme int64, id, by string, now time.Time) (inbox.Item, error)
	// CallInbox books a registrar's call about one, to one of her contact people with contact above 0, and reports false when
	// there is one already.
	CallInbox(ctx context.Context, scheme int64, id string, contact int, now time.Time) (bool, error)
	// ContactPeople are whom somebody has named to be asked after her; ChangeContactPeople changes the list, which it gives to
	// change, and returns what came of it. The errors are roster.ErrNoBeneficiary and one that wraps roster.ErrContactPerson.
	ContactPeople(ctx context.Context, scheme int64, ref string) ([]roster.ContactPerson, error)
	ChangeContactPeople(
		ctx context.Context, scheme int64, ref string, change func([]roster.ContactPerson) ([]roster.ContactPerson, error),
	) ([]roster.ContactPerson, error)
	// ResolveInbox closes one, and returns the recordings that are to be erased now.
	ResolveInbox(ctx context.Context, scheme int64, id string, r inbox.Resolution, now time.Time) (inbox.Item, []string, error)
}

// Recordings are what the PBX has recorded, by name.
type Recordings interface {
	// Open returns a WAV file; fs.ErrNotExist means that it is not at this node's PBX.
	Open(name string) (fs.File, error)
	// Erase removes one; that there is none is no error.
	Erase(name string) error
}

// errNoRecording means that there is nothing to listen to.
var errNoRecording = errors.New("there is no recording here")

// itemBody is an item of the inbox as it is told.
type itemBody struct {
	ID        string          `json:"id"`
	Kind      inbox.Kind      `json:"kind"`
	At        time.Time       `json:"at"`
	CLI       string          `json:"cli,omitempty"`
	Number    string          `json:"number,omitempty"`
	Language  roster.Language `json:"language"`
	Recording bool            `json:"recording"`
	LengthMS  int64           `json:"length_ms,omitempty"`

	Source  roster.Source       `json:"source,omitempty"`
	Cadence roster.Cadence      `json:"cadence,omitempty"`
	PerWeek int                 `json:"per_week,omitempty"`
	Days    []string            `json:"days,omitempty"`
	Part    roster.DayPart      `json:"part,omitempty"`
	Consent roster.ConsentState `json:"consent,omitempty"`
	Wording string              `json:"wording,omitempty"`

	Ended    call.OccurrenceState `json:"ended,omitempty"`
	Contacts []contactBody        `json:"contacts,omitempty"`

	TakenBy   string     `json:"taken_by,omitempty"`
	TakenAt   *time.Time `json:"taken_at,omitempty"`
	HandledBy string     `json:"handled_by,omitempty"`
	HandledAt *time.Time `json:"handled_at,omitempty"`
	Person    string     `json:"person,omitempty"`

	SameNumber []string `json:"same_number,omitempty"`
	Others     int      `json:"other_registrations,omitempty"`
	Refused    bool     `json:"refused_before,omitempty"`
}

// contactBody is somebody whom a person has named to be asked after her.
type contactBody struct {
	Name     string          `json:"name"`
	Relation roster.Relation `json:"relation"`
	Number   string          `json:"number"`
}

func bodyOfItem(i inbox.Item) itemBody {
	body := itemBody{
		ID: i.ID, Kind: i.Kind, At: i.At.UTC(), CLI: i.CLI, Number: i.Number, Language: i.Language, Recording: i.Recording != "",
		LengthMS: i.Length.Milliseconds(), Source: i.Source, Cadence: i.Cadence, PerWeek: i.PerWeek, Part: i.Part, Consent: i.Consent,
		Wording: i.Wording, TakenBy: i.TakenBy, TakenAt: instantOf(i.TakenAt), HandledBy: i.HandledBy, HandledAt: instantOf(i.HandledAt),
		Person: i.Person, Ended: i.Ended, SameNumber: i.Alike, Others: max(0, i.Others), Refused: i.Refused,
	}
	for _, c := range i.Contacts {
		body.Contacts = append(body.Contacts, contactBody{c.Name, c.Relation, c.Number})
	}
	for _, d := range i.Days {
		body.Days = append(body.Days, strings.ToLower(d.String()[:3]))
	}
	return body
}

// instantOf is nil for what has not happened.
func instantOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (a *API) inbox(q ask) (any, error) {
	all := false
	for name, values := range q.URL.Query() {
		if name != "all" || len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return nil, errQuery
		}
		all = values[0] == "true"
	}
	list, err := a.opts.Inbox.Inbox(q.Context(), q.scheme.Key, all)
	if err != nil {
		return nil, err
	}
	body := struct {
		Items []itemBody `json:"items"`
	}{Items: []itemBody{}}
	for _, i := range list {
		body.Items = append(body.Items, bodyOfItem(i))
	}
	return body, nil
}

func (a *API) inboxItem(q ask) (any, error) {
	item, err := a.opts.Inbox.InboxItem(q.Context(), q.scheme.Key, q.PathValue("item"))
	if err != nil {
		return nil, err
	}
	return bodyOfItem(item), nil
}

// recording answers with a WAV file, or the part of it that is asked for (RFC 9110, section 14).
func (a *API) recording(q ask) (any, error) {
	item, err := a.opts.Inbox.InboxItem(q.Context(), q.scheme.Key, q.PathValue("item"))
	if err != nil {
		return nil, err
	}
	if item.Recording == "" || a.opts.Recordings == nil {
		return nil, errNoRecording
	}
	file, err := a.opts.Recordings.Open(item.Recording)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRecording
	} else if err != nil {
		return nil, err
	}
	content, ok := file.(io.ReadSeeker)
	if !ok {
		return nil, errors.Join(errNoRecording, file.Close())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { _ = file.Close() }() // It was only read.
		w.Header().Set("Content-Type", "audio/wav")
		http.ServeContent(w, r, "", item.At, content)
	}), nil
}

// byBody says who does something; whoever holds the token when nothing is said.
type byBody struct {
	By string `json:"by"`
}

func (a *API) take(q ask) (any, error) {
	var sent byBody
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	item, err := a.opts.Inbox.TakeInbox(q.Context(), q.scheme.Key, q.PathValue("item"), cmp.Or(sent.By, q.who.name), q.now)
	if err != nil {
		return nil, err
	}
	return bodyOfItem(item), nil
}

func (a *API) callAbout(q ask) (any, error) {
	var sent struct {
		Contact int `json:"contact"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	booked, err := a.opts.Inbox.CallInbox(q.Context(), q.scheme.Key, q.PathValue("item"), sent.Contact, q.now)
	if err != nil {
		return nil, err
	}
	return struct {
		Booked bool `json:"booked"`
	}{booked}, nil
}

// resolve closes an item of the inbox.
func (a *API) resolve(q ask) (any, error) {
	var sent struct {
		byBody
		Outcome inbox.Outcome `json:"outcome"`
		Ref     string        `json:"ref"`
		Given   string        `json:"given"`
		Family  string        `json:"family"`
		Class   int           `json:"class"`
		Agreed  string        `json:"agreed"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Outcome != "" && !slices.Contains(inbox.Outcomes(), sent.Outcome) {
		return nil, fmt.Errorf("%w: outcome is none of %v", errBody, inbox.Outcomes())
	}
	_, erase, err := a.opts.Inbox.ResolveInbox(q.Context(), q.scheme.Key, q.PathValue("item"), inbox.Resolution{
		Outcome: cmp.Or(sent.Outcome, inbox.Done), By: cmp.Or(sent.By, q.who.name), Ref: sent.Ref, Given: sent.Given,
		Family: sent.Family, Class: sent.Class, Agreed: sent.Agreed,
	}, q.now)
	if err != nil {
		return nil, err
	}
	for _, name := range erase {
		if a.opts.Recordings == nil {
			break
		}
		if err := a.opts.Recordings.Erase(name); err != nil {
			a.log.Error("erase a recording failed", zap.String("recording", name), zap.Error(err))
			return nil, err
		}
	}
	return nil, nil
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// Errors of flows.
var (
	// ErrNoFlowVersion means that nobody wrote such a version of the flow.
	ErrNoFlowVersion = errors.New("there is no such version of the flow")
	// ErrFlowsChanged means that somebody else wrote or published a flow of the scheme at the same time.
	ErrFlowsChanged = errors.New("somebody else has just changed a flow of this scheme")
)

// FlowVersion is a flow as somebody wrote it for a scheme. It is never changed.
type FlowVersion struct {
	Name    string
	Version int    // From 1 on, for each flow of a scheme.
	Text    string // YAML.
	At      time.Time
	By      string
}

// FlowPublication is a moment from which on a scheme speaks a version of a flow.
type FlowPublication struct {
	Number  int // From 1 on, for each scheme.
	Name    string
	Version int // 0 is the flow that ships.
	At      time.Time
	By      string
}

// WriteFlow keeps a text as the newest version of a flow, which nobody hears before it is published, and returns it with its
// number. A text that is the newest version already is not kept twice. The error may be ErrFlowsChanged.
func (s *Store) WriteFlow(ctx context.Context, scheme int64, v FlowVersion, now time.Time) (FlowVersion, error) {
	if v.Name == "" {
		return FlowVersion{}, errors.New("write flow: it has no name")
	}
	before, err := s.FlowVersions(ctx, scheme, v.Name)
	if err != nil {
		return FlowVersion{}, err
	}
	if len(before) > 0 && before[0].Text == v.Text {
		return before[0], nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	n, err := s.query.InsertFlowVersion(ctx, sqldb.InsertFlowVersionParams{
		SchemeID: scheme, Name: v.Name, Text: v.Text, Now: instant(now), WrittenBy: v.By,
	})
	if err != nil {
		return FlowVersion{}, fmt.Errorf("write flow: %w", flowError(err))
	}
	v.Version, v.At = int(n), now
	return v, nil
}

// FlowVersions lists what was written of a flow, or of every flow when the name is empty, by name and the newest first.
func (s *Store) FlowVersions(ctx context.Context, scheme int64, name string) ([]FlowVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FlowVersions(ctx, sqldb.FlowVersionsParams{SchemeID: scheme, Name: name})
	if err != nil {
		return nil, fmt.Errorf("list versions of flows: %w", storeError(err))
	}
	list := make([]FlowVersion, len(rows))
	for i, r := range rows {
		list[i] = FlowVersion{Name: r.Name, Version: int(r.Version), Text: r.Text, At: r.WrittenAt.Time, By: r.WrittenBy}
	}
	return list, nil
}

// PublishFlow makes a version of a flow what the scheme speaks, or with version 0 the flow that ships. After is the number of
// the scheme's newest publication when the flow was checked: the error is ErrFlowsChanged when there is a newer one, or
// ErrNoFlowVersion.
func (s *Store) PublishFlow(ctx context.Context, scheme int64, p FlowPublication, after int, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	err := s.query.InsertFlowPublication(ctx, sqldb.InsertFlowPublicationParams{
		SchemeID: scheme, Number: int32(after) + 1, Name: p.Name, Version: pgtype.Int4{Int32: int32(p.Version), Valid: p.Version != 0},
		Now: instant(now), PublishedBy: p.By,
	})
	if err != nil {
		return fmt.Errorf("publish flow: %w", flowError(err))
	}
	return nil
}

// FlowPublications lists when a flow was published, or any flow when the name is empty, the newest first.
func (s *Store) FlowPublications(ctx context.Context, scheme int64, name string) ([]FlowPublication, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FlowPublications(ctx, sqldb.FlowPublicationsParams{SchemeID: scheme, Name: name})
	if err != nil {
		return nil, fmt.Errorf("list publications of flows: %w", storeError(err))
	}
	list := make([]FlowPublication, len(rows))
	for i, r := range rows {
		list[i] = FlowPublication{Number: int(r.Number), Name: r.Name, Version: int(r.Version), At: r.PublishedAt.Time, By: r.PublishedBy}
	}
	return list, nil
}

// PublishedFlows lists what a scheme speaks in the place of flows that ship, by name, and the number of its newest publication
// of which they hold; 0 before the first.
func (s *Store) PublishedFlows(ctx context.Context, scheme int64) (flows []FlowVersion, number int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	// The number first: what is published in between is seen again the next time.
	n, err := s.query.FlowNumber(ctx, scheme)
	if err != nil {
		return nil, 0, fmt.Errorf("count publications of flows: %w", storeError(err))
	}
	rows, err := s.query.PublishedFlows(ctx, scheme)
	if err != nil {
		return nil, 0, fmt.Errorf("list published flows: %w", storeError(err))
	}
	flows = make([]FlowVersion, len(rows))
	for i, r := range rows {
		flows[i] = FlowVersion{Name: r.Name, Version: int(r.Version), Text: r.Text, At: r.WrittenAt.Time, By: r.WrittenBy}
	}
	return flows, int(n), nil
}

// FlowNumbers is the number of the newest publication of every scheme that has one.
func (s *Store) FlowNumbers(ctx context.Context) (map[int64]int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.FlowNumbers(ctx)
	if err != nil {
		return nil, fmt.Errorf("count publications of flows: %w", storeError(err))
	}
	numbers := make(map[int64]int, len(rows))
	for _, r := range rows {
		numbers[r.SchemeID] = int(r.Number)
	}
	return numbers, nil
}

func flowError(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refused.Code {
		case stateUnique:
			return ErrFlowsChanged
		case stateForeignKey:
			return ErrNoFlowVersion
		}
	}
	return storeError(err)
}

package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rappel-tel/rappel/pkg/api"
	"github.com/rappel-tel/rappel/pkg/ivr"
	"github.com/rappel-tel/rappel/pkg/postgres"
)

// programFlows are flows as programs see them: api.Flows.
type programFlows struct {
	*Flows
	cfg Config
}

// SpokenFlows implements api.Flows.
func (p programFlows) SpokenFlows(ctx context.Context, scheme int64) ([]api.SpokenFlow, error) {
	book, refused, _, err := p.Book(ctx, scheme)
	if err != nil {
		return nil, err
	}
	pubs, err := p.store.FlowPublications(ctx, scheme, "")
	if err != nil {
		return nil, err
	}
	names := slices.AppendSeq(book.Flows(), maps.Keys(refused))
	slices.Sort(names)
	var list []api.SpokenFlow
	for _, name := range slices.Compact(names) {
		f := api.SpokenFlow{Name: name, Problems: problemsOf(refused[name])}
		if i := slices.IndexFunc(pubs, func(pub postgres.FlowPublication) bool { return pub.Name == name }); i >= 0 {
			at := pubs[i].At.UTC()
			f.Version, f.Since, f.By = pubs[i].Version, &at, pubs[i].By
		}
		list = append(list, f)
	}
	return list, nil
}

// FlowText implements api.Flows.
func (p programFlows) FlowText(ctx context.Context, scheme int64, name string, v api.FlowNumber) (api.FlowVersion, error) {
	version, err := p.number(ctx, scheme, name, v)
	if err != nil {
		return api.FlowVersion{}, asProgram(err)
	}
	if version == Shipped {
		text, err := ShippedFlow(p.cfg, name)
		return api.FlowVersion{Name: name, Text: string(text)}, asProgram(err)
	}
	found, err := p.version(ctx, scheme, postgres.FlowPublication{Name: name, Version: version})
	if err != nil {
		return api.FlowVersion{}, asProgram(err)
	}
	at := found.At.UTC()
	return api.FlowVersion{Name: name, Version: version, At: &at, By: found.By, Text: found.Text}, nil
}

// number is that of the version which is meant.
func (p programFlows) number(ctx context.Context, scheme int64, name string, v api.FlowNumber) (int, error) {
	switch v {
	case api.FlowSpoken:
		pubs, err := p.store.FlowPublications(ctx, scheme, name)
		if err != nil || len(pubs) == 0 {
			return Shipped, err
		}
		return pubs[0].Version, nil
	case api.FlowNewest:
		versions, err := p.store.FlowVersions(ctx, scheme, name)
		if err != nil {
			return 0, err
		}
		if len(versions) == 0 {
			return 0, ErrNoFlow
		}
		return versions[0].Version, nil
	case api.FlowBefore:
		return p.Before(ctx, scheme, name)
	case api.FlowShipped:
		return Shipped, nil
	default:
		return int(v), nil
	}
}

// CheckFlow implements api.Flows.
func (p programFlows) CheckFlow(ctx context.Context, scheme int64, name, text string) error {
	if err := misnamed(name, text); err != nil {
		return err
	}
	return asProgram(p.Check(ctx, scheme, name, text))
}

// misnamed is what is wrong with a text that is another flow than the one it is sent as.
func misnamed(name, text string) error {
	if f, err := ivr.ReadFlow(name, []byte(text)); err == nil && f.Name != name {
		return api.FlowProblems{name + ":1: the flow is called " + f.Name + ", not " + name}
	}
	return nil
}

// DraftFlow implements api.Flows.
func (p programFlows) DraftFlow(ctx context.Context, scheme int64, v api.FlowVersion, now time.Time) (api.FlowVersion, error) {
	if err := misnamed(v.Name, v.Text); err != nil {
		return api.FlowVersion{}, err
	}
	flaws := p.Check(ctx, scheme, v.Name, v.Text)
	if flaws != nil && !errors.Is(flaws, ErrFlawed) {
		return api.FlowVersion{}, asProgram(flaws)
	}
	kept, err := p.Draft(ctx, scheme, postgres.FlowVersion{Text: v.Text, By: v.By}, now)
	if errors.Is(err, ErrFlawed) && flaws != nil {
		err = flaws // They name the flow.
	}
	if err != nil {
		return api.FlowVersion{}, asProgram(err)
	}
	v.Version = kept.Version
	return v, asProgram(flaws)
}

// PublishFlow implements api.Flows.
func (p programFlows) PublishFlow(ctx context.Context, scheme int64, pub api.FlowPublication, now time.Time) (int, error) {
	version, err := p.number(ctx, scheme, pub.Name, pub.Version)
	if err != nil {
		return 0, asProgram(err)
	}
	err = p.Publish(ctx, scheme, postgres.FlowPublication{Name: pub.Name, Version: version, By: pub.By}, now)
	if errors.Is(err, ErrAlreadySpoken) {
		err = nil
		if version == Shipped {
			_, err = ShippedFlow(p.cfg, pub.Name)
		}
	}
	return version, asProgram(err)
}

// FlowHistory implements api.Flows.
func (p programFlows) FlowHistory(ctx context.Context, scheme int64, name string) ([]api.FlowChange, error) {
	versions, err := p.store.FlowVersions(ctx, scheme, name)
	if err != nil {
		return nil, err
	}
	pubs, err := p.store.FlowPublications(ctx, scheme, name)
	if err != nil {
		return nil, err
	}
	if len(versions)+len(pubs) == 0 {
		_, err := ShippedFlow(p.cfg, name)
		return nil, asProgram(err)
	}
	var list []api.FlowChange
	for _, pub := range pubs {
		list = append(list, api.FlowChange{At: pub.At.UTC(), What: "published", Version: pub.Version, By: pub.By})
	}
	for _, v := range versions {
		list = append(list, api.FlowChange{At: v.At.UTC(), What: "written", Version: v.Version, By: v.By})
	}
	// Of one instant the publication is the later one, and stands first already.
	slices.SortStableFunc(list, func(a, b api.FlowChange) int { return b.At.Compare(a.At) })
	return list, nil
}

// problemsOf takes joined errors apart.
func problemsOf(err error) api.FlowProblems {
	joined, several := err.(interface{ Unwrap() []error })
	switch {
	case err == nil || err == ErrFlawed: //nolint:errorlint // The word for all of them is none of them.
		return nil
	case !several:
		return api.FlowProblems{strings.TrimSpace(err.Error())}
	}
	var list api.FlowProblems
	for _, part := range joined.Unwrap() {
		list = append(list, problemsOf(part)...)
	}
	return list
}

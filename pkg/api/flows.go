package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Flows are the dialogues that schemes speak. Package app implements it. What is wrong with a flow is FlowProblems; a flow or a
// version that is not there is ErrNoFlow.
type Flows interface {
	// SpokenFlows lists every flow by name, with the version that the scheme speaks.
	SpokenFlows(ctx context.Context, scheme int64) ([]SpokenFlow, error)
	// FlowText returns a version of a flow.
	FlowText(ctx context.Context, scheme int64, name string, v FlowNumber) (FlowVersion, error)
	// CheckFlow says what is wrong with a text in the place of what the scheme speaks; it keeps nothing.
	CheckFlow(ctx context.Context, scheme int64, name, text string) error
	// DraftFlow keeps a text as the newest version of the flow it names, and returns it. FlowProblems together with a version
	// were found in what is kept; without one nothing is kept.
	DraftFlow(ctx context.Context, scheme int64, v FlowVersion, now time.Time) (FlowVersion, error)
	// PublishFlow has the scheme speak a version and returns its number. That it speaks it already is no error. The error may
	// be ErrFlowsChanged or, before the first publication, ErrNothingBefore.
	PublishFlow(ctx context.Context, scheme int64, p FlowPublication, now time.Time) (int, error)
	// FlowHistory lists what was written and published of a flow, the newest first.
	FlowHistory(ctx context.Context, scheme int64, name string) ([]FlowChange, error)
}

// Errors of flows.
var (
	// ErrNoFlow means that there is no such flow, or no such version of it.
	ErrNoFlow = errors.New("there is no such flow, or no such version of it")
	// ErrFlowsChanged means that somebody else wrote or published a flow of the scheme at the same time.
	ErrFlowsChanged = errors.New("somebody else has just changed a flow of this scheme")
	// ErrNothingBefore means that the scheme speaks what ships, so that there is nothing to go back to.
	ErrNothingBefore = errors.New("the scheme speaks the version that ships, and nothing is before it")
)

// FlowProblems is what is wrong with flows, each "flow:line: what", so that nobody shall hear them.
type FlowProblems []string

// Error lists the problems, a line each.
func (p FlowProblems) Error() string { return strings.Join(p, "\n") }

// FlowNumber says which version of a flow is meant: its number from 1 on, or one of the constants.
type FlowNumber int

const (
	// FlowShipped is the version that ships, or that the installation has in its place.
	FlowShipped FlowNumber = 0
	// FlowSpoken is what the scheme speaks now.
	FlowSpoken FlowNumber = -1
	// FlowNewest is what was written last.
	FlowNewest FlowNumber = -2
	// FlowBefore is what the scheme spoke before what it speaks now.
	FlowBefore FlowNumber = -3
)

// SpokenFlow is a flow, and which version of it a scheme speaks.
type SpokenFlow struct {
	Name    string     `json:"name"`
	Version int        `json:"version"` // 0 is the one that ships.
	Since   *time.Time `json:"since,omitempty"`
	By      string     `json:"by,omitempty"`
	// Problems are what is wrong with the version, for which the scheme speaks what ships, if that is there.
	Problems FlowProblems `json:"problems,omitempty"`
}

// FlowVersion is a flow as somebody wrote it.
type FlowVersion struct {
	Name    string     `json:"name"`
	Version int        `json:"version"` // 0 is the one that ships.
	At      *time.Time `json:"at,omitempty"`
	By      string     `json:"by,omitempty"`
	Text    string     `json:"text"` // YAML.
}

// FlowPublication says what a scheme shall speak.
type FlowPublication struct {
	Name    string
	Version FlowNumber
	By      string
}

// FlowChange is an entry of the history of a flow.
type FlowChange struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"`    // "written" or "published".
	Version int       `json:"version"` // 0 is the one that ships.
	By      string    `json:"by"`
}

func (a *API) flows(q ask) (any, error) {
	list, err := a.opts.Flows.SpokenFlows(q.Context(), q.scheme.Key)
	if err != nil {
		return nil, err
	}
	return struct {
		Flows []SpokenFlow `json:"flows"`
	}{append([]SpokenFlow{}, list...)}, nil
}

// flow answers with the text that the scheme speaks, or with that of the query's version, a number or "shipped".
func (a *API) flow(q ask) (any, error) {
	version := FlowSpoken
	for key, values := range q.URL.Query() {
		n, err := strconv.Atoi(values[0])
		switch {
		case key != "version" || len(values) != 1:
			return nil, fmt.Errorf("%w: %s; ask ?version=3, ?version=shipped or nothing", errQuery, key)
		case values[0] == "shipped":
			version = FlowShipped
		case err != nil || n < 1:
			return nil, fmt.Errorf("%w: version is a number from 1, or shipped", errQuery)
		default:
			version = FlowNumber(n)
		}
	}
	return a.opts.Flows.FlowText(q.Context(), q.scheme.Key, q.PathValue("flow"), version)
}

// problemsBody is what was found wrong.
type problemsBody struct {
	Problems FlowProblems `json:"problems"`
}

// checkFlow answers with what is wrong with a text, which is no problem of the question.
func (a *API) checkFlow(q ask) (any, error) {
	var sent struct {
		Text string `json:"text"`
	}
	err := q.read(&sent)
	if err == nil {
		err = a.opts.Flows.CheckFlow(q.Context(), q.scheme.Key, q.PathValue("flow"), sent.Text)
	}
	if found, ok := errors.AsType[FlowProblems](err); ok {
		return problemsBody{found}, nil
	}
	return problemsBody{FlowProblems{}}, err
}

// draftFlow keeps a text as the newest version of the flow of its name, with what is wrong with it.
func (a *API) draftFlow(q ask) (any, error) {
	var sent struct {
		byBody
		Text string `json:"text"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	kept, err := a.opts.Flows.DraftFlow(q.Context(), q.scheme.Key, FlowVersion{
		Name: q.PathValue("flow"), Text: sent.Text, By: cmp.Or(sent.By, q.who.name),
	}, q.now)
	found, flawed := errors.AsType[FlowProblems](err)
	if err != nil && (!flawed || kept.Version == 0) {
		return nil, err
	}
	return struct {
		Name    string `json:"name"`
		Version int    `json:"version"`
		problemsBody
	}{kept.Name, kept.Version, problemsBody{append(FlowProblems{}, found...)}}, nil
}

// publishFlow has the scheme speak the version that is sent, without one the newest.
func (a *API) publishFlow(q ask) (any, error) { return a.publish(q, FlowNewest) }

// rollBackFlow has the scheme speak the version that is sent, without one what it spoke before.
func (a *API) rollBackFlow(q ask) (any, error) { return a.publish(q, FlowBefore) }

func (a *API) publish(q ask, version FlowNumber) (any, error) {
	var sent struct {
		byBody
		Version *int `json:"version"`
	}
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	name := q.PathValue("flow")
	if sent.Version != nil {
		if version = FlowNumber(*sent.Version); version < FlowShipped {
			return nil, fmt.Errorf("%w: version is a number from 1, or 0 for what ships", errBody)
		}
	}
	n, err := a.opts.Flows.PublishFlow(q.Context(), q.scheme.Key, FlowPublication{
		Name: name, Version: version, By: cmp.Or(sent.By, q.who.name),
	}, q.now)
	if err != nil {
		return nil, err
	}
	return struct {
		Name    string `json:"name"`
		Version int    `json:"version"`
	}{name, n}, nil
}

func (a *API) flowHistory(q ask) (any, error) {
	list, err := a.opts.Flows.FlowHistory(q.Context(), q.scheme.Key, q.PathValue("flow"))
	if err != nil {
		return nil, err
	}
	return struct {
		Changes []FlowChange `json:"changes"`
	}{append([]FlowChange{}, list...)}, nil
}

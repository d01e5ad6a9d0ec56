package forecast

import "context"

// Plan is what a coordinator is shown of a day before it begins.
type Plan struct {
	Outlook *Outlook `json:"outlook"`
	Advice  *Advice  `json:"advice"`
	Line    []Desk   `json:"line"` // Empty when too few calls came in to tell.
}

// PlanDay simulates a day and says what to do about it. A negative target means Target's.
func PlanDay(ctx context.Context, day *Day, target float64, opts Options) (*Plan, error) {
	outlook, err := Simulate(ctx, day, opts)
	if err != nil {
		return nil, err
	}
	if target < 0 {
		target = Target(len(day.Promises))
	}
	advice, err := Advise(ctx, day, outlook, target, opts)
	if err != nil {
		return nil, err
	}
	line, err := Staffing(day)
	if err != nil {
		return nil, err
	}
	return &Plan{Outlook: outlook, Advice: advice, Line: line}, nil
}

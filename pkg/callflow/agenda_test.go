package callflow

import (
	"context"
	"time"

	"github.com/rappel-tel/rappel/pkg/call"
)

func (d *desk) OtherTimes(context.Context, int64, int64) (list []Proposal, err error) {
	d.locked(func() { list, err = d.times, d.askErr })
	return list, err
}

func (d *desk) Confirm(_ context.Context, _, occurrence int64) (err error) {
	d.locked(func() { d.confirmed = append(d.confirmed, occurrence) })
	return nil
}

func (d *desk) Ask(_ context.Context, _ int64, c Change) (back Proposal, err error) {
	d.locked(func() {
		if err = d.askErr; err == nil {
			d.change = c
		}
	})
	return Proposal{Opens: time.Now().Add(15 * time.Second), Closes: time.Now().Add(time.Hour)}, err
}

func (d *desk) Change(_ context.Context, _ int64, c Change) (err error) {
	d.locked(func() {
		if err = d.askErr; err == nil {
			d.made = append(d.made, c)
		}
	})
	return err
}

func (d *desk) Asked(context.Context, int64, call.ID) (c Change, err error) {
	d.locked(func() { c = d.change })
	if c.Kind == "" {
		return c, ErrNothing
	}
	return c, nil
}

func (d *desk) Settle(_ context.Context, _ int64, told Told) (err error) {
	d.locked(func() {
		if err = d.settleErr; err == nil {
			d.settled = append(d.settled, told)
		}
	})
	return err
}

package callflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// saveMessage writes a message to the records, under the scheme of the number dialled when that was not known before.
func (c *Connector) saveMessage(ctx context.Context, m Message) error {
	if m.Scheme == 0 {
		line, err := c.o.Records.Line(ctx, m.Dialled)
		if err != nil {
			return fmt.Errorf("find the message's scheme: %w", err)
		}
		m.Scheme = line.Scheme
		if m.Language == "" {
			m.Language = line.language()
		}
	}
	if length := c.mend(m.ID, m.Recording); length > 0 {
		m.Length = length
	}
	return c.o.Records.SaveMessage(ctx, m)
}

// mend finishes the file of a recording during which the PBX died, and returns how long it is; 0 when there was nothing to mend.
func (c *Connector) mend(id, recording string) time.Duration {
	if c.o.Mend == nil || recording == "" {
		return 0
	}
	length, err := c.o.Mend(recording)
	if err != nil { // It may be on another machine, or not ours to write.
		if place, ok := errors.AsType[*fs.PathError](err); ok {
			err = place.Err // The dialplan's files are named after who rang.
		}
		c.o.Logger.Info("recording was not looked at", zap.String("id", id), zap.Error(err))
		return 0
	}
	return length
}

// saveRegistration writes a registration to the records as saveMessage does. Of a person who has refused for ever, whom
// somebody else registers, nothing is kept: neither here nor at the PBX.
func (c *Connector) saveRegistration(ctx context.Context, g Registration) error {
	if g.Scheme == 0 {
		line, err := c.o.Records.Line(ctx, g.Dialled)
		if err != nil {
			return fmt.Errorf("find the registration's scheme: %w", err)
		}
		g.Scheme = line.Scheme
	}
	c.mend(g.ID, g.Name)
	err := c.o.Records.SaveRegistration(ctx, g)
	if errors.Is(err, roster.ErrNumberRefused) {
		c.o.Logger.Info("a registration is not kept: the person has refused", zap.String("registration", g.ID))
		c.eraseRecording(g.Name)
		return nil
	}
	return err
}

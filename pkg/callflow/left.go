package callflow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

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
	if c.o.Mend != nil {
		switch length, err := c.o.Mend(m.Recording); {
		case err != nil: // It may be on another machine, or not ours to write.
			if place, ok := errors.AsType[*fs.PathError](err); ok {
				err = place.Err // The dialplan's files are named after who rang.
			}
			c.o.Logger.Info("recording was not looked at", zap.String("message", m.ID), zap.Error(err))
		case length > 0:
			m.Length = length
		}
	}
	return c.o.Records.SaveMessage(ctx, m)
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
	err := c.o.Records.SaveRegistration(ctx, g)
	if errors.Is(err, roster.ErrNumberRefused) {
		c.o.Logger.Info("a registration is not kept: the person has refused", zap.String("registration", g.ID))
		c.eraseRecording(g.Name)
		return nil
	}
	return err
}

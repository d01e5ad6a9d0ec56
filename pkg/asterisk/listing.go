package asterisk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/CyCoreSystems/ari/v5"

	"github.com/rappel-tel/rappel/pkg/telephony"
)

// listed is a channel as ARI lists it: ari/v5's type, and the one field it leaves out.
type listed struct {
	ari.ChannelData
	app string
}

// UnmarshalJSON reads both parts; ari.ChannelData has a method of its own that would hide the rest.
func (l *listed) UnmarshalJSON(data []byte) error {
	if err := l.ChannelData.UnmarshalJSON(data); err != nil {
		return fmt.Errorf("read channel: %w", err)
	}
	var extra struct {
		Dialplan struct {
			AppName string `json:"app_name"`
		}
	}
	if err := json.Unmarshal(data, &extra); err != nil {
		return fmt.Errorf("read channel: %w", err)
	}
	l.app = extra.Dialplan.AppName
	return nil
}

func (l *listed) channel(bridged map[string]bool) telephony.Channel {
	c := telephony.Channel{ID: l.ID, Leg: l.Accountcode, InApp: l.app == "Stasis", Bridge: bridged[l.ID]}
	if c.Leg == "" {
		c.Leg = l.ID
	}
	switch l.State {
	case "Up":
		c.State = telephony.ChannelUp
	case "Ring", "Ringing":
		c.State = telephony.ChannelRinging
	default:
		c.State = telephony.ChannelDown
	}
	if l.Creationtime != nil {
		c.Created = time.Unix(l.Creationtime.Seconds, int64(l.Creationtime.Nanos))
	}
	return c
}

// Channel returns one channel, or an error that is telephony.ErrNoChannel.
func (s *Switch) Channel(ctx context.Context, id string) (telephony.Channel, error) {
	var l listed
	err := s.rest.do(ctx, request{name: "channel", method: http.MethodGet, path: []string{"channels", id}, out: &l})
	if err != nil {
		return telephony.Channel{}, err
	}
	bridged, err := s.bridged(ctx)
	if err != nil {
		return telephony.Channel{}, err
	}
	return l.channel(bridged), nil
}

// Channels lists every living channel, ours or not.
func (s *Switch) Channels(ctx context.Context) ([]telephony.Channel, error) {
	var list []listed
	err := s.rest.do(ctx, request{
		name: "channels", method: http.MethodGet, path: []string{"channels"}, out: &list, timeout: 2 * s.opts.Timeout,
	})
	if err != nil {
		return nil, err
	}
	bridged, err := s.bridged(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]telephony.Channel, len(list))
	for i := range list {
		out[i] = list[i].channel(bridged)
	}
	return out, nil
}

// bridged returns the ids of the channels that talk with another: those in a bridge that is no holding bridge.
func (s *Switch) bridged(ctx context.Context) (map[string]bool, error) {
	var list []ari.BridgeData
	err := s.rest.do(ctx, request{
		name: "bridges", method: http.MethodGet, path: []string{"bridges"}, out: &list, timeout: 2 * s.opts.Timeout,
	})
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, b := range list {
		if b.Type == "holding" || len(b.ChannelIDs) < 2 {
			continue
		}
		for _, id := range b.ChannelIDs {
			ids[id] = true
		}
	}
	return ids, nil
}

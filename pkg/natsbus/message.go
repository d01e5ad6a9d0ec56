package natsbus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Headers of a message.
const (
	FirstHeader    = "Rappel-First"     // Number of its first event.
	LastHeader     = "Rappel-Last"      // Number of its last event.
	EncodingHeader = "Content-Encoding" // "zstd" when the events are compressed; otherwise it is not there.
)

const (
	// mostEvents is how many events a message holds at most. Nearly all take less than 350 bytes, and a NATS server takes a
	// megabyte unless told otherwise.
	mostEvents = 1000
	// compressFrom is how many bytes are worth compressing.
	compressFrom = 2 << 10
	// mostBytes is how much a message may hold once it is unpacked.
	mostBytes = 64 << 20
	eventSize = 350
	encoded   = "zstd" // RFC 8878.
)

// errMessage means that a message is none of ours.
var errMessage = errors.New("not a message of events")

// Subject is where the events of a scheme (its id seen outside) are published.
func Subject(scheme string) string { return "rappel.v2." + scheme }

// formerSubjects is where they were published one by one before, by entity and kind.
func formerSubjects(scheme string) string { return "rappel.v1." + scheme + ".>" }

// split cuts the events of one commit into what is published together: those numbered without a gap, and of these mostEvents
// counted from the first. So whoever publishes a commit, and however often, makes the same messages of it.
func split(commit []call.Event) (messages [][]call.Event) {
	for from := 0; from < len(commit); {
		to := from + 1
		for to < len(commit) && to-from < mostEvents && commit[to].Number == commit[to-1].Number+1 && commit[to].Scheme == commit[from].Scheme {
			to++
		}
		messages = append(messages, commit[from:to:to])
		from = to
	}
	return messages
}

// packer makes messages. It belongs to one goroutine.
type packer struct {
	zstd         *zstd.Encoder
	list, packed []byte // Kept from one message to the next.
}

func newPacker() (packer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return packer{}, fmt.Errorf("prepare compression: %w", err)
	}
	return packer{zstd: z}, nil
}

// pack makes a message of events that are numbered one after the other. An event that cannot be written is left out, and is the
// error beside the message, which is nil when nothing is left.
func (p *packer) pack(events []call.Event) (*nats.Msg, error) {
	var failed error
	first, last := &events[0], &events[len(events)-1]
	list := append(slices.Grow(p.list[:0], len(events)*eventSize), '[')
	for i := range events {
		before := len(list)
		if before > 1 {
			list = append(list, ',')
		}
		with, err := events[i].AppendJSON(list)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("encode event %d, %s.%s: %w", events[i].Number, events[i].Entity, events[i].Kind, err))
			with = with[:before]
		}
		list = with
	}
	list = append(list, ']')
	p.list = list
	if len(list) == len("[]") {
		return nil, failed
	}
	m := nats.NewMsg(Subject(first.Scheme))
	// The instant tells events apart that a database which was brought back unnoticed has counted twice.
	m.Header.Set(nats.MsgIdHdr, fmt.Sprintf("%s.%d.%d.%d", first.Scheme, first.Number, len(events), first.At.UnixMicro()))
	m.Header[FirstHeader] = []string{strconv.FormatInt(first.Number, 10)}
	m.Header[LastHeader] = []string{strconv.FormatInt(last.Number, 10)}
	if len(list) < compressFrom {
		m.Data = slices.Clone(list)
	} else {
		m.Header[EncodingHeader] = []string{encoded}
		p.packed = p.zstd.EncodeAll(list, p.packed[:0])
		m.Data = slices.Clone(p.packed)
	}
	return m, failed
}

// Numbers reads the numbers of a message's first and last event, and nothing else of it. A subscriber has missed something
// when the first one is not one more than the last one of the message before; what is not above that she has had already.
func Numbers(m *nats.Msg) (first, last int64, err error) { return numbers(m.Header) }

func numbers(h nats.Header) (first, last int64, err error) {
	if first, err = strconv.ParseInt(h.Get(FirstHeader), 10, 64); err == nil {
		last, err = strconv.ParseInt(h.Get(LastHeader), 10, 64)
	}
	if err != nil || first < 1 || last < first {
		return 0, 0, fmt.Errorf("%w: its numbers are %q to %q", errMessage, h.Get(FirstHeader), h.Get(LastHeader))
	}
	return first, last, nil
}

// lastOf reads the number of a message's last event; one of before has no headers.
func lastOf(h nats.Header, data []byte) (int64, error) {
	if _, last, err := numbers(h); err == nil {
		return last, nil
	}
	events, err := unpack(h, data)
	if err == nil && len(events) == 0 {
		err = errMessage
	}
	if err != nil {
		return 0, err
	}
	return events[len(events)-1].Number, nil
}

// Events reads the events of a message, in order. The payload of each is a json.RawMessage.
func Events(m *nats.Msg) ([]call.Event, error) { return unpack(m.Header, m.Data) }

// unpack reads the events of a message. One of before, which is a single event, is read too: a stream may hold such for as long
// as it holds anything.
func unpack(h nats.Header, data []byte) ([]call.Event, error) {
	switch encoding := h.Get(EncodingHeader); encoding {
	case "":
	case encoded:
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostBytes))
		if err != nil {
			return nil, fmt.Errorf("unpack a message of events: %w", err)
		}
		defer z.Close()
		if data, err = z.DecodeAll(data, nil); err != nil {
			return nil, fmt.Errorf("unpack a message of events: %w", err)
		}
	default:
		return nil, fmt.Errorf("%w: its encoding is %q", errMessage, encoding)
	}
	if events, ok := cut(data); ok {
		return events, nil
	}
	var wire []wireEvent
	var err error
	if len(data) > 0 && data[0] == '{' {
		wire = make([]wireEvent, 1)
		err = json.Unmarshal(data, &wire[0])
	} else {
		err = json.Unmarshal(data, &wire)
	}
	if err != nil {
		return nil, fmt.Errorf("read a message of events: %w", err)
	}
	events := make([]call.Event, len(wire))
	for i := range wire {
		events[i] = wire[i].Event
		events[i].Data = wire[i].Data
	}
	return events, nil
}

// cut reads events as pack writes them, at a fraction of what json.Unmarshal costs. It reports false for any other form.
func cut(data []byte) (events []call.Event, ok bool) {
	events = make([]call.Event, 0, len(data)/eventSize+1)
	for before := byte('['); ; before = ',' {
		if len(data) == 0 || data[0] != before {
			return events, string(data) == "]"
		}
		var e call.Event
		if data, ok = e.CutJSON(data[1:]); !ok {
			return nil, false
		}
		events = append(events, e)
	}
}

// wireEvent is an event whose payload stays as it was written.
type wireEvent struct {
	call.Event
	Data json.RawMessage `json:"data"`
}

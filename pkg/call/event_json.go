package call

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends the event as json.Marshal writes it, at a fraction of the cost: every event is written for the stream
// while calls are dispatched. Data that is a json.RawMessage is taken as it is, which has to be what json.Marshal made.
func (e *Event) AppendJSON(to []byte) ([]byte, error) {
	data, raw := e.Data.(json.RawMessage)
	if !raw || len(data) == 0 || e.At.Year() < 0 || e.At.Year() > 9999 ||
		!plain(e.Scheme) || !plain(e.Entity) || !plain(e.EntityID) || !plain(e.Kind) {
		all, err := json.Marshal(e)
		return append(to, all...), err
	}
	to = appendWord(append(to, '{'), `"scheme":`, e.Scheme)
	to = appendWord(to, `,"entity":`, e.Entity)
	to = appendWord(to, `,"entity_id":`, e.EntityID)
	to = strconv.AppendInt(append(to, `,"entity_number":`...), e.EntityNumber, 10)
	to = strconv.AppendInt(append(to, `,"number":`...), e.Number, 10)
	to = strconv.AppendInt(append(to, `,"epoch":`...), e.Epoch, 10)
	to = append(e.At.AppendFormat(append(to, `,"at":"`...), time.RFC3339Nano), '"')
	to = strconv.AppendInt(append(to, `,"version":`...), int64(e.Version), 10)
	to = appendWord(to, `,"kind":`, e.Kind)
	to = append(append(to, `,"data":`...), data...)
	return append(to, '}'), nil
}

func appendWord(to []byte, name, value string) []byte {
	return append(append(append(append(to, name...), '"'), value...), '"')
}

// plain reports whether a string stands in JSON as it is: ids and words of the vocabulary do.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// CutJSON reads an event as AppendJSON writes it off the front of a text, and returns what follows. It reports false for every
// other form, in which the same may stand, and whatever is no event: that is for json.Unmarshal to read. The payload becomes a
// json.RawMessage that shares the text's memory.
func (e *Event) CutJSON(text []byte) (rest []byte, ok bool) {
	c := cutter{rest: text, ok: true}
	*e = Event{Scheme: c.word(`{"scheme":"`), Entity: c.word(`,"entity":"`), EntityID: c.word(`,"entity_id":"`)}
	e.EntityNumber, e.Number, e.Epoch = c.number(`,"entity_number":`), c.number(`,"number":`), c.number(`,"epoch":`)
	err := e.At.UnmarshalText(c.until(`,"at":"`, '"'))
	e.Version, e.Kind = int(c.number(`,"version":`)), c.word(`,"kind":"`)
	data := c.value(`,"data":`)
	c.skip("}")
	if !c.ok || err != nil || !json.Valid(data) {
		return nil, false
	}
	e.Data = json.RawMessage(data)
	return c.rest, true
}

// cutter takes a text to pieces from its front, until something else stands there.
type cutter struct {
	rest []byte
	ok   bool
}

func (c *cutter) skip(prefix string) {
	if c.ok = c.ok && len(c.rest) >= len(prefix) && string(c.rest[:len(prefix)]) == prefix; c.ok {
		c.rest = c.rest[len(prefix):]
	}
}

// until takes what stands between a prefix and a mark, and the mark.
func (c *cutter) until(prefix string, mark byte) []byte {
	c.skip(prefix)
	at := bytes.IndexByte(c.rest, mark)
	if c.ok = c.ok && at >= 0; !c.ok {
		return nil
	}
	found := c.rest[:at]
	c.rest = c.rest[at+1:]
	return found
}

func (c *cutter) word(prefix string) string {
	w := string(c.until(prefix, '"'))
	c.ok = c.ok && plain(w)
	return w
}

func (c *cutter) number(prefix string) int64 {
	c.skip(prefix)
	end := 0
	for end < len(c.rest) && (c.rest[end] == '-' || c.rest[end] >= '0' && c.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(string(c.rest[:end]), 10, 64)
	c.ok = c.ok && err == nil && strconv.FormatInt(n, 10) == string(c.rest[:end])
	c.rest = c.rest[end:]
	return n
}

// value takes an object: the braces in it are counted, but not those in strings.
func (c *cutter) value(prefix string) []byte {
	c.skip(prefix)
	depth, quoted := 0, false
	for i := 0; c.ok && i < len(c.rest); i++ {
		switch ch := c.rest[i]; {
		case quoted && ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '{':
			depth++
		case ch == '}':
			depth--
		}
		if depth == 0 {
			found := c.rest[: i+1 : i+1]
			c.rest = c.rest[i+1:]
			return found
		}
	}
	c.ok = false
	return nil
}

package call

import (
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends the event as json.Marshal writes it, at a fraction of the cost: every event is written for the stream
// while calls are dispatched. Data that is a json.RawMessage is taken as it is, which has to be what json.Marshal made.
func (e *Event) AppendJSON(to []byte) ([]byte, error) {
	data, raw := e.Data.(json.RawMessage)
	if !raw || len(data) == 0 || e.At.Year() < 0 || e.At.Year() > 9999 ||
		!plain(e.ID) || !plain(e.Scheme) || !plain(e.Entity) || !plain(e.EntityID) || !plain(e.Kind) {
		all, err := json.Marshal(e)
		return append(to, all...), err
	}
	to = appendWord(append(to, '{'), `"id":`, e.ID)
	to = appendWord(to, `,"scheme":`, e.Scheme)
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

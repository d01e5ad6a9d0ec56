package postgres

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// arrays encodes whole columns of a batch: lists of Go values as arrays of the database. The driver's own codec asks an
// interface for every element, which costs more than all else that is done with it; it still decodes, and encodes what is none
// of these lists.
type arrays struct{ *pgtype.ArrayCodec }

// useArrays has a connection encode arrays so.
func useArrays(m *pgtype.Map) {
	for _, oid := range []uint32{
		pgtype.BoolArrayOID, pgtype.Int2ArrayOID, pgtype.Int4ArrayOID, pgtype.Int8ArrayOID, pgtype.TextArrayOID, pgtype.UUIDArrayOID,
		pgtype.TimestamptzArrayOID, pgtype.DateArrayOID,
	} {
		if t, ok := m.TypeForOID(oid); ok {
			if codec, ok := t.Codec.(*pgtype.ArrayCodec); ok {
				m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: arrays{codec}})
			}
		}
	}
}

// PlanEncode implements pgtype.Codec.
func (a arrays) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if plan := columnOf(oid, value); plan != nil && format == pgtype.BinaryFormatCode {
		return plan
	}
	return a.ArrayCodec.PlanEncode(m, oid, format, value)
}

// columnOf is how a list is written as an array of the type; nil when the two do not belong together.
func columnOf(oid uint32, value any) pgtype.EncodePlan {
	switch value.(type) {
	case []bool:
		if oid == pgtype.BoolArrayOID {
			return column[bool]{pgtype.BoolOID, 1, appendBool}
		}
	case []int16:
		if oid == pgtype.Int2ArrayOID {
			return column[int16]{pgtype.Int2OID, 2, func(to []byte, v int16) ([]byte, bool) {
				return binary.BigEndian.AppendUint16(append(to, 0, 0, 0, 2), uint16(v)), true
			}}
		}
	case []int32:
		if oid == pgtype.Int4ArrayOID {
			return column[int32]{pgtype.Int4OID, 4, appendInt32}
		}
	case []int64:
		if oid == pgtype.Int8ArrayOID {
			return column[int64]{pgtype.Int8OID, 8, appendInt64}
		}
	case []string:
		if oid == pgtype.TextArrayOID {
			return column[string]{pgtype.TextOID, 16, func(to []byte, v string) ([]byte, bool) {
				return append(binary.BigEndian.AppendUint32(to, uint32(len(v))), v...), true
			}}
		}
	case []pgtype.UUID:
		if oid == pgtype.UUIDArrayOID {
			return column[pgtype.UUID]{pgtype.UUIDOID, 16, func(to []byte, v pgtype.UUID) ([]byte, bool) {
				if !v.Valid {
					return to, false
				}
				return append(append(to, 0, 0, 0, 16), v.Bytes[:]...), true
			}}
		}
	case []pgtype.Timestamptz:
		if oid == pgtype.TimestamptzArrayOID {
			return column[pgtype.Timestamptz]{pgtype.TimestamptzOID, 8, appendInstant}
		}
	case []pgtype.Date:
		if oid == pgtype.DateArrayOID {
			return column[pgtype.Date]{pgtype.DateOID, 4, appendDate}
		}
	}
	return nil
}

// column writes a list in the database's binary format of arrays (src/backend/utils/adt/arrayfuncs.c, array_recv).
type column[T any] struct {
	element uint32 // Type of one.
	size    int    // Of one, about.
	// write appends the length of one and the value, or nothing for null.
	write func(to []byte, v T) (_ []byte, there bool)
}

// Encode implements pgtype.EncodePlan.
func (c column[T]) Encode(value any, to []byte) ([]byte, error) {
	list := value.([]T)
	to = slices.Grow(to, 20+len(list)*(4+c.size))
	to = binary.BigEndian.AppendUint32(to, 1) // Dimension.
	nulls := len(to)
	to = binary.BigEndian.AppendUint32(to, 0)
	to = binary.BigEndian.AppendUint32(to, c.element)
	to = binary.BigEndian.AppendUint32(to, uint32(len(list)))
	to = binary.BigEndian.AppendUint32(to, 1) // The first one's index.
	for _, v := range list {
		var there bool
		if to, there = c.write(to, v); !there {
			to[nulls+3] = 1
			to = binary.BigEndian.AppendUint32(to, math.MaxUint32)
		}
	}
	return to, nil
}

func appendBool(to []byte, v bool) ([]byte, bool) {
	if v {
		return append(to, 0, 0, 0, 1, 1), true
	}
	return append(to, 0, 0, 0, 1, 0), true
}

func appendInt32(to []byte, v int32) ([]byte, bool) {
	return binary.BigEndian.AppendUint32(append(to, 0, 0, 0, 4), uint32(v)), true
}

func appendInt64(to []byte, v int64) ([]byte, bool) {
	return binary.BigEndian.AppendUint64(append(to, 0, 0, 0, 8), uint64(v)), true
}

// The database counts from the beginning of 2000, in microseconds and days.
const (
	epochMicroseconds = 946_684_800 * 1_000_000
	epochDays         = 946_684_800 / 86_400
)

func appendInstant(to []byte, v pgtype.Timestamptz) ([]byte, bool) {
	switch {
	case !v.Valid:
		return to, false
	case v.InfinityModifier == pgtype.Infinity:
		return appendInt64(to, math.MaxInt64)
	case v.InfinityModifier == pgtype.NegativeInfinity:
		return appendInt64(to, math.MinInt64)
	default:
		return appendInt64(to, v.Time.UnixMicro()-epochMicroseconds)
	}
}

func appendDate(to []byte, v pgtype.Date) ([]byte, bool) {
	switch {
	case !v.Valid:
		return to, false
	case v.InfinityModifier == pgtype.Infinity:
		return appendInt32(to, math.MaxInt32)
	case v.InfinityModifier == pgtype.NegativeInfinity:
		return appendInt32(to, math.MinInt32)
	default:
		day := time.Date(v.Time.Year(), v.Time.Month(), v.Time.Day(), 0, 0, 0, 0, time.UTC)
		return appendInt32(to, int32(day.Unix()/86_400-epochDays))
	}
}

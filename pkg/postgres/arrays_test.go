package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestArraysAreWrittenAsTheDriverDoes: byte by byte, nulls and infinities included.
func TestArraysAreWrittenAsTheDriverDoes(t *testing.T) {
	ours, driver := pgtype.NewMap(), pgtype.NewMap()
	useArrays(ours)
	infinity := rapid.SampledFrom([]pgtype.InfinityModifier{
		pgtype.Finite, pgtype.Finite, pgtype.Finite, pgtype.Infinity, pgtype.NegativeInfinity,
	})
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(-2e9, 8e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return at.In(time.FixedZone("", rapid.IntRange(-43200, 43200).Draw(t, "zone")))
	})
	lists := map[uint32]*rapid.Generator[any]{
		pgtype.BoolArrayOID: rapid.SliceOf(rapid.Bool()).AsAny(),
		pgtype.Int2ArrayOID: rapid.SliceOf(rapid.Int16()).AsAny(),
		pgtype.Int4ArrayOID: rapid.SliceOf(rapid.Int32()).AsAny(),
		pgtype.Int8ArrayOID: rapid.SliceOf(rapid.Int64()).AsAny(),
		pgtype.TextArrayOID: rapid.SliceOf(rapid.String()).AsAny(),
		pgtype.UUIDArrayOID: rapid.SliceOf(rapid.Custom(func(t *rapid.T) pgtype.UUID {
			u := pgtype.UUID{Valid: rapid.Bool().Draw(t, "valid")}
			copy(u.Bytes[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
			return u
		})).AsAny(),
		pgtype.TimestamptzArrayOID: rapid.SliceOf(rapid.Custom(func(t *rapid.T) pgtype.Timestamptz {
			return pgtype.Timestamptz{
				Time: instants.Draw(t, "at"), Valid: rapid.Bool().Draw(t, "valid"), InfinityModifier: infinity.Draw(t, "infinity"),
			}
		})).AsAny(),
		pgtype.DateArrayOID: rapid.SliceOf(rapid.Custom(func(t *rapid.T) pgtype.Date {
			return pgtype.Date{
				Time: instants.Draw(t, "at"), Valid: rapid.Bool().Draw(t, "valid"), InfinityModifier: infinity.Draw(t, "infinity"),
			}
		})).AsAny(),
	}
	rapid.Check(t, func(t *rapid.T) {
		for oid, list := range lists {
			value := list.Draw(t, "list")
			want, err := driver.Encode(oid, pgtype.BinaryFormatCode, value, nil)
			require.NoError(t, err)
			got, err := ours.Encode(oid, pgtype.BinaryFormatCode, value, []byte("before"))
			require.NoError(t, err)
			if want == nil {
				require.Nil(t, got, "null")
				continue
			}
			require.Equal(t, "before"+string(want), string(got), "%d: %v", oid, value)
		}
	})
	_, err := ours.Encode(pgtype.Int8ArrayOID, pgtype.BinaryFormatCode, []int16{1}, nil)
	require.NoError(t, err, "what is none of ours is the driver's")
}

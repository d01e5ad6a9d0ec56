// Package sqldb is generated from migrations/ and queries/, this file apart.
package sqldb

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// The methods of this file are written by hand: they hand every row to each as it arrives, in Postgres's binary format, for
// queries that return as many rows as a scheme has calls. The bytes are only valid until each returns.

// EachOccurrence runs StreamOccurrences.
func (q *Queries) EachOccurrence(ctx context.Context, p StreamOccurrencesParams, each func([][]byte)) error {
	return q.each(ctx, each, streamOccurrences, p.SchemeID, p.LoadFrom, p.Until)
}

// EachOccurrenceByID runs StreamOccurrencesByID.
func (q *Queries) EachOccurrenceByID(ctx context.Context, scheme int64, ids []int64, each func([][]byte)) error {
	return q.each(ctx, each, streamOccurrencesByID, scheme, ids)
}

// EachAgreement runs StreamAgreements.
func (q *Queries) EachAgreement(ctx context.Context, scheme int64, each func([][]byte)) error {
	return q.each(ctx, each, streamAgreements, scheme)
}

// EachAgreementByID runs StreamAgreementsByID.
func (q *Queries) EachAgreementByID(ctx context.Context, scheme int64, ids []int64, each func([][]byte)) error {
	return q.each(ctx, each, streamAgreementsByID, scheme, ids)
}

// EachNumber runs StreamNumbers.
func (q *Queries) EachNumber(ctx context.Context, scheme int64, each func([][]byte)) error {
	return q.each(ctx, each, streamNumbers, scheme)
}

// EachNumberOf runs StreamNumbersOf.
func (q *Queries) EachNumberOf(ctx context.Context, scheme int64, beneficiaries []int64, each func([][]byte)) error {
	return q.each(ctx, each, streamNumbersOf, scheme, beneficiaries)
}

func (q *Queries) each(ctx context.Context, each func([][]byte), sql string, args ...any) error {
	formats := pgx.QueryResultFormats{pgtype.BinaryFormatCode}
	rows, err := q.db.Query(ctx, sql, append([]any{formats}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		each(rows.RawValues())
	}
	return rows.Err()
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

var (
	// ErrNoCaller means that the scheme has no caller or registrar with that ref.
	ErrNoCaller = errors.New("nobody who works for the scheme has this ref")
	// ErrHanded means that the secret of a phone was given out before, and is not shown twice.
	ErrHanded = errors.New("the secret of this phone was shown before")
	// ErrOrdinary means that she has an ordinary phone, which registers nowhere.
	ErrOrdinary = errors.New("she has an ordinary phone, which needs no account")
)

// Phone is the SIP account of one caller or registrar, for whoever sets her phone up.
type Phone struct {
	Ref      string
	Kind     string // PhoneSoftphone, PhoneSIP or PhoneOrdinary.
	Endpoint string // Also her user name.
	Secret   string // Only from HandPhone.
	Enabled  bool
	HandedAt time.Time // When the secret was last shown; zero means never.
}

// Phones lists the SIP accounts of a scheme by ref, the disabled included, without their secrets.
func (s *Store) Phones(ctx context.Context, scheme int64) ([]Phone, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListPhones(ctx, scheme)
	if err != nil {
		return nil, fmt.Errorf("list phones: %w", storeError(err))
	}
	list := make([]Phone, len(rows))
	for i, r := range rows {
		list[i] = Phone{Ref: r.Ref, Kind: r.Phone, Endpoint: r.Endpoint, Enabled: r.Enabled, HandedAt: when(r.HandedAt)}
	}
	return list, nil
}

// HandPhone returns the account of a caller's phone with its secret, and notes that the secret was shown. Renew makes a new
// secret: the old one is of no use as soon as the PBX knows. Without it a secret that was shown before is ErrHanded.
func (s *Store) HandPhone(ctx context.Context, scheme int64, ref string, renew bool, now time.Time) (Phone, error) {
	var phone Phone
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		r, err := q.FindPhone(ctx, sqldb.FindPhoneParams{SchemeID: scheme, Ref: ref})
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNoCaller
		} else if err != nil {
			return err
		}
		phone = Phone{Ref: r.Ref, Kind: r.Phone, Endpoint: r.Endpoint, Secret: r.Secret, Enabled: r.Enabled, HandedAt: when(r.HandedAt)}
		switch {
		case phone.Kind == PhoneOrdinary:
			return ErrOrdinary
		case renew:
			phone.Secret = newSecret()
		case !phone.HandedAt.IsZero():
			return ErrHanded
		}
		phone.HandedAt = now
		return q.HandPhone(ctx, sqldb.HandPhoneParams{SchemeID: scheme, Ref: ref, Secret: phone.Secret, Now: instant(now)})
	})
	if err != nil {
		phone.Secret = ""
		return phone, fmt.Errorf("hand a phone out: %w", storeError(err))
	}
	return phone, nil
}

package rostertest

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// Exercise holds a Book to its contract. open returns an empty book of a scheme of its own each time it is called, also twice
// within one test: the second book must not see what the first one holds.
func Exercise(t *testing.T, open func(t *testing.T) roster.Book) {
	t.Run("gives back what was put", func(t *testing.T) {
		book := open(t)
		anna, lea := Anna(), Lea()
		put(t, book, anna, lea)
		staff, beneficiaries := everybody(t, book)
		sameStaff(t, anna, staff)
		require.Len(t, beneficiaries, 1)
		sameBeneficiary(t, lea, beneficiaries[0])
		found := find(t, book, "C1", "B1", "B1", "nobody")
		sameStaff(t, anna, found.Staff)
		require.Len(t, found.Beneficiaries, 1)
		sameBeneficiary(t, lea, found.Beneficiaries[0])
	})
	t.Run("keeps every field", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna())
		for i, change := range changes() {
			lea := Lea()
			change(&lea)
			put(t, book, lea)
			_, beneficiaries := everybody(t, book)
			require.Len(t, beneficiaries, 1, "change %d", i)
			sameBeneficiary(t, lea, beneficiaries[0])
		}
		for i, change := range staffChanges() {
			anna := Anna()
			change(&anna)
			put(t, book, anna)
			staff, _ := everybody(t, book)
			require.Len(t, staff, 1, "change %d", i)
			sameStaff(t, anna, staff)
		}
	})
	t.Run("an edit is all or nothing", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna(), Lea())
		stop := errors.New("stop")
		err := book.Edit(t.Context(), func(page roster.Page) error {
			changed, fresh := Lea(), Lea()
			changed.Family, fresh.Ref = "Autre", "B2"
			if err := page.Put(t.Context(), roster.People{Beneficiaries: []roster.Beneficiary{changed, fresh}}); err != nil {
				return err
			}
			seen, err := page.Find(t.Context(), []string{"B1", "B2"})
			require.NoError(t, err)
			require.Len(t, seen.Beneficiaries, 2, "an edit sees its own writes")
			return stop
		})
		require.ErrorIs(t, err, stop)
		_, beneficiaries := everybody(t, book)
		require.Len(t, beneficiaries, 1)
		sameBeneficiary(t, Lea(), beneficiaries[0])
	})
	t.Run("a rehearsal leaves nothing behind", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna())
		for _, end := range []error{nil, errors.New("stop")} {
			err := book.Rehearse(t.Context(), func(rehearsed roster.Book) error {
				put(t, rehearsed, Lea())
				require.Error(t, rehearsed.Edit(t.Context(), func(page roster.Page) error {
					other := Lea()
					other.Ref = "B2"
					require.NoError(t, page.Put(t.Context(), roster.People{Beneficiaries: []roster.Beneficiary{other}}))
					return errors.New("this edit alone is undone")
				}))
				_, beneficiaries := everybody(t, rehearsed)
				require.Len(t, beneficiaries, 1, "a rehearsal shows what was put in it")
				return end
			})
			require.ErrorIs(t, err, end)
			_, beneficiaries := everybody(t, book)
			require.Empty(t, beneficiaries)
		}
	})
	t.Run("refuses what cannot be kept", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna(), Lea())
		for name, people := range refused() {
			err := book.Edit(t.Context(), func(page roster.Page) error { return page.Put(t.Context(), people) })
			require.ErrorIs(t, err, roster.ErrRefused, name)
		}
		put(t, book, Lea()) // A refusal spoils nothing.
	})
	t.Run("tells who is alike", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna(), Lea())
		same, neighbour, stranger := Lea(), Lea(), Lea()
		same.Ref, same.Given, same.Family = "B2", "Lea", "D'HOOGHE"
		same.Numbers = []roster.Number{{E164: "+33199000099"}}
		neighbour.Ref, neighbour.Given = "B3", "Marcel"
		neighbour.Numbers = neighbour.Numbers[1:]
		stranger.Ref, stranger.Given, stranger.Numbers = "B4", "Zoé", []roster.Number{{E164: "+33199000098"}}
		put(t, book, same, neighbour, stranger)
		likenesses := alike(t, book, same, neighbour, stranger, Lea(), Anna())
		require.ElementsMatch(t, []roster.Likeness{
			{Ref: "B2", Other: "B1", Name: true},
			{Ref: "B3", Other: "B1", Number: true},
			{Ref: "B1", Other: "B2", Name: true},
			{Ref: "B1", Other: "B3", Number: true},
		}, likenesses)
	})
	t.Run("keeps schemes apart", func(t *testing.T) {
		one, two := open(t), open(t)
		put(t, one, Anna(), Lea())
		require.Empty(t, find(t, two, "C1", "B1").Len())
		put(t, two, Anna(), Lea())
		require.Empty(t, alike(t, two, Lea()))
		staff, beneficiaries := everybody(t, two)
		require.Len(t, staff, 1)
		require.Len(t, beneficiaries, 1)
	})
	t.Run("yields by ref", func(t *testing.T) {
		book := open(t)
		put(t, book, Anna())
		for _, ref := range []string{"b", "B10", "B9", "é", "a"} {
			lea := Lea()
			lea.Ref = ref
			put(t, book, lea)
		}
		var refs []string
		for b, err := range book.Beneficiaries(t.Context()) {
			require.NoError(t, err)
			refs = append(refs, b.Ref)
		}
		require.Equal(t, []string{"B10", "B9", "a", "b", "é"}, refs)
		for _, err := range book.Beneficiaries(t.Context()) {
			require.NoError(t, err)
			break // Stopping early is no error and leaks nothing.
		}
	})
	t.Run("heeds its context", func(t *testing.T) {
		book := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, book.Edit(ctx, func(roster.Page) error { return nil }), context.Canceled)
	})
}

// Anna is a caller with every field set.
func Anna() roster.Staff {
	return roster.Staff{
		Ref: "C1", Given: "Anna", Family: "Peeters", Roles: []roster.Role{roster.RoleCaller},
		Languages: []roster.Language{roster.French, roster.Dutch}, Skills: []string{"deuil"},
		Number: roster.Number{E164: "+33639980001"},
	}
}

// Lea is a beneficiary with every field set, whose reference caller is Anna.
func Lea() roster.Beneficiary {
	return roster.Beneficiary{
		Ref: "B1", Given: "Léa", Family: "d'Hooghe",
		Numbers:  []roster.Number{{E164: "+33199000001"}, {E164: "+33639980002", Extension: "12"}},
		Language: roster.Dutch, Class: 2, Purpose: roster.PurposeCallingScheme,
		Consent:   roster.Consent{State: roster.ConsentGiven, On: date(2020, 4, 3), How: "lettre"},
		Source:    roster.SourcePharmacist,
		Reference: "C1", LongerWaits: true, Simpler: true, StraightToPerson: true,
		Contacts: []roster.ContactPerson{
			{Name: "Marc d'Hooghe", Relation: roster.RelationFamily, Number: "+33199000009"},
			{Name: "Rosa, en face", Relation: roster.RelationNeighbour, Number: "+33199000008"},
		},
		Agreement: roster.Agreement{
			Cadence: roster.Weekly, PerWeek: 2, Days: []time.Weekday{time.Monday, time.Thursday},
			Windows: []roster.Window{{Begin: 570, End: 720}, {Begin: 840, End: 1020}}, Length: 30 * time.Minute,
			ValidFrom: date(2020, 3, 30), ValidUntil: date(2020, 6, 30), Continuity: roster.Strict,
			CallerRing: 15 * time.Second, Ring: 45 * time.Second,
		},
	}
}

// changes are edits of Lea, each of another field.
func changes() []func(*roster.Beneficiary) {
	return []func(*roster.Beneficiary){
		func(*roster.Beneficiary) {},
		func(b *roster.Beneficiary) { b.Given, b.Family = "", "Vandenberghe" },
		func(b *roster.Beneficiary) { b.Numbers = b.Numbers[:1] },
		func(b *roster.Beneficiary) { b.Numbers[0], b.Numbers[1] = b.Numbers[1], b.Numbers[0] },
		func(b *roster.Beneficiary) { b.Language, b.Class = roster.German, 0 },
		func(b *roster.Beneficiary) { b.Purpose = roster.PurposeHeatRegister },
		func(b *roster.Beneficiary) { b.Consent = roster.Consent{State: roster.ConsentProposed} },
		func(b *roster.Beneficiary) { b.Consent.State = roster.ConsentWithdrawn },
		func(b *roster.Beneficiary) { b.Source = roster.SourceShop },
		func(b *roster.Beneficiary) { b.Reference, b.Deputy = "", "C1" },
		func(b *roster.Beneficiary) { b.Agreement = roster.Agreement{Cadence: roster.Daily} },
		func(b *roster.Beneficiary) { b.Agreement.Cadence, b.Agreement.Days = roster.Monthly, nil },
		func(b *roster.Beneficiary) { b.Agreement.Windows = nil },
		func(b *roster.Beneficiary) { b.Agreement.ValidUntil = time.Time{} },
		func(b *roster.Beneficiary) { b.Agreement = roster.Agreement{} },
		func(b *roster.Beneficiary) { b.Agreement.Continuity = roster.Rotate },
		func(b *roster.Beneficiary) {
			b.Agreement.Skills, b.Agreement.Hard = []string{"deuil", "langue des signes"}, true
		},
		func(b *roster.Beneficiary) { b.Agreement.Hard = true },
		func(b *roster.Beneficiary) {
			b.LongerWaits, b.StraightToPerson, b.Contacts = false, false, b.Contacts[1:]
		},
		func(b *roster.Beneficiary) { b.Simpler, b.Contacts = false, nil },
	}
}

func staffChanges() []func(*roster.Staff) {
	return []func(*roster.Staff){
		func(s *roster.Staff) { s.Given, s.Family = "Anne", "" },
		func(s *roster.Staff) { s.Roles = []roster.Role{roster.RoleRegistrar, roster.RoleCaller} },
		func(s *roster.Staff) { s.Languages, s.Skills = []roster.Language{roster.German}, nil },
		func(s *roster.Staff) { s.Number = roster.Number{} },
		func(s *roster.Staff) { s.Disabled = true },
		func(s *roster.Staff) {
			s.Load = roster.Load{Talk: time.Hour, Calls: 6, Hard: 3, HardInRow: 2, Breather: 10 * time.Minute}
		},
	}
}

func refused() iter.Seq2[string, roster.People] {
	return func(yield func(string, roster.People) bool) {
		one := func(name string, change func(*roster.Beneficiary)) bool {
			lea := Lea()
			change(&lea)
			return yield(name, roster.People{Beneficiaries: []roster.Beneficiary{lea}})
		}
		taken := Anna()
		taken.Ref = "B1"
		_ = one("unknown reference caller", func(b *roster.Beneficiary) { b.Reference = "C9" }) &&
			one("unknown deputy", func(b *roster.Beneficiary) { b.Deputy = "B1" }) &&
			one("a ref of the staff", func(b *roster.Beneficiary) { b.Ref = "C1" }) &&
			one("no ref", func(b *roster.Beneficiary) { b.Ref = "" }) &&
			yield("a ref of a beneficiary", roster.People{Staff: []roster.Staff{taken}})
	}
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func gather(t *testing.T, people ...any) roster.People {
	t.Helper()
	var out roster.People
	for _, one := range people {
		switch person := one.(type) {
		case roster.Staff:
			out.Staff = append(out.Staff, person)
		case roster.Beneficiary:
			out.Beneficiaries = append(out.Beneficiaries, person)
		default:
			require.Failf(t, "not a person", "%T", one)
		}
	}
	return out
}

func put(t *testing.T, book roster.Book, people ...any) {
	t.Helper()
	all := gather(t, people...)
	require.NoError(t, book.Edit(t.Context(), func(page roster.Page) error { return page.Put(t.Context(), all) }))
}

func find(t *testing.T, book roster.Book, refs ...string) (found roster.People) {
	t.Helper()
	require.NoError(t, book.Edit(t.Context(), func(page roster.Page) (err error) {
		found, err = page.Find(t.Context(), refs)
		return err
	}))
	return found
}

func alike(t *testing.T, book roster.Book, people ...any) (likenesses []roster.Likeness) {
	t.Helper()
	all := gather(t, people...)
	require.NoError(t, book.Edit(t.Context(), func(page roster.Page) (err error) {
		likenesses, err = page.Alike(t.Context(), all)
		return err
	}))
	return likenesses
}

func everybody(t *testing.T, book roster.Book) (staff []roster.Staff, beneficiaries []roster.Beneficiary) {
	t.Helper()
	for s, err := range book.Staff(t.Context()) {
		require.NoError(t, err)
		staff = append(staff, s)
	}
	for b, err := range book.Beneficiaries(t.Context()) {
		require.NoError(t, err)
		beneficiaries = append(beneficiaries, b)
	}
	return staff, beneficiaries
}

func sameBeneficiary(t *testing.T, want, got roster.Beneficiary) {
	t.Helper()
	require.True(t, want.Equal(got), "want %+v\ngot  %+v", want.Normal(), got)
}

func sameStaff(t *testing.T, want roster.Staff, got []roster.Staff) {
	t.Helper()
	require.Len(t, got, 1)
	require.True(t, want.Equal(got[0]), "want %+v\ngot  %+v", want.Normal(), got[0])
}

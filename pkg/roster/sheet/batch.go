package sheet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rappel-tel/rappel/pkg/roster"
)

// outcome is what a batch did, told once it is committed.
type outcome struct {
	created, updated, unchanged, refused int
	problems                             []Problem // Of refused rows, and hints.
}

// flush commits a batch in one transaction. When the book refuses it, its rows go one by one, so that only the refused ones
// are lost.
func (im *importer) flush(ctx context.Context, batch []*record) error {
	if len(batch) == 0 {
		return nil
	}
	err := im.commit(ctx, batch)
	if !errors.Is(err, roster.ErrRefused) {
		return err
	}
	for _, r := range batch {
		switch err := im.commit(ctx, []*record{r}); {
		case errors.Is(err, roster.ErrRefused):
			code := CodeRefused
			if errors.Is(err, roster.ErrNumberRefused) {
				code = CodeNumberRefused
			}
			r.problem(code, "", "", "")
			im.settle(r.line, outcome{refused: 1, problems: r.problems})
		case err != nil:
			return err
		}
	}
	return nil
}

// settle counts and reports what was committed.
func (im *importer) settle(lastLine int, o outcome) {
	im.sum.Created += o.created
	im.sum.Updated += o.updated
	im.sum.Unchanged += o.unchanged
	im.sum.Refused += o.refused
	im.sum.Rows += o.created + o.updated + o.unchanged + o.refused
	im.sum.LastLine = lastLine
	for _, p := range o.problems {
		if p.Hint {
			im.hint(p)
		} else {
			im.Report(p)
		}
	}
}

func (im *importer) commit(ctx context.Context, batch []*record) error {
	var done outcome
	read := make([]int, len(batch)) // How many problems each row had before the book was asked.
	good := false
	for i, r := range batch {
		read[i] = len(r.problems)
		good = good || read[i] == 0
	}
	if !good {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, r := range batch {
			done.refused++
			done.problems = append(done.problems, r.problems...)
		}
		im.settle(batch[len(batch)-1].line, done)
		return nil
	}
	err := im.Book.Edit(ctx, func(page roster.Page) error {
		for i, r := range batch { // A book may run an edit again.
			r.problems = r.problems[:read[i]]
		}
		var err error
		done, err = im.edit(ctx, page, batch)
		return err
	})
	if err != nil {
		for i, r := range batch {
			r.problems = r.problems[:read[i]]
		}
		return fmt.Errorf("keep rows: %w", err)
	}
	im.settle(batch[len(batch)-1].line, done)
	return nil
}

// edit compares the rows of a batch with the book, puts what is new or different and asks who is alike.
func (im *importer) edit(ctx context.Context, page roster.Page, batch []*record) (outcome, error) {
	known, err := im.find(ctx, page, batch)
	if err != nil {
		return outcome{}, err
	}
	var done outcome
	var changed, asked roster.People
	place := map[string]int{} // Ref to its row in the batch.
	for i, r := range batch {
		if len(r.problems) == 0 {
			im.weigh(r, known, &done, &changed, &asked)
		}
		if len(r.problems) > 0 {
			done.refused++
			continue
		}
		place[r.ref] = i
	}
	if changed.Len() > 0 {
		if err := page.Put(ctx, changed); err != nil {
			return outcome{}, err
		}
	}
	likenesses := map[string][]roster.Likeness{}
	if asked.Len() > 0 {
		found, err := page.Alike(ctx, asked)
		if err != nil {
			return outcome{}, err
		}
		for _, like := range found {
			likenesses[like.Ref] = append(likenesses[like.Ref], like)
		}
	}
	for i, r := range batch {
		done.problems = append(done.problems, r.problems...)
		for _, like := range likenesses[r.ref] {
			// Of two rows of one batch, the later one tells.
			if other, ok := place[like.Other]; len(r.problems) == 0 && (!ok || other < i) {
				done.problems = append(done.problems, Problem{Line: r.line, Code: likenessCode(like), Hint: true, Given: r.ref, Other: like.Other})
			}
		}
	}
	return done, nil
}

func likenessCode(like roster.Likeness) Code {
	switch {
	case like.Name && like.Number:
		return CodeSameNameNumber
	case like.Number:
		return CodeSameNumber
	default:
		return CodeSameName
	}
}

// known is who is in the book already, with the rows of the batch that were weighed so far.
type known struct {
	staff         map[string]roster.Staff
	beneficiaries map[string]roster.Beneficiary
}

func (im *importer) find(ctx context.Context, page roster.Page, batch []*record) (known, error) {
	var refs []string
	for _, r := range batch {
		for _, ref := range []string{r.ref, r.person.Reference, r.person.Deputy} {
			if ref != "" {
				refs = append(refs, ref)
			}
		}
	}
	found, err := page.Find(ctx, refs)
	if err != nil {
		return known{}, err
	}
	k := known{staff: map[string]roster.Staff{}, beneficiaries: map[string]roster.Beneficiary{}}
	for _, s := range found.Staff {
		k.staff[s.Ref] = s
	}
	for _, b := range found.Beneficiaries {
		k.beneficiaries[b.Ref] = b
	}
	return k, nil
}

// weigh decides what a row changes.
func (im *importer) weigh(r *record, k known, done *outcome, changed, asked *roster.People) {
	oldStaff, wasStaff := k.staff[r.ref]
	oldBeneficiary, wasBeneficiary := k.beneficiaries[r.ref]
	if !r.kind {
		r.staff = wasStaff
	}
	if r.staff && wasBeneficiary || !r.staff && wasStaff {
		kind := "caller"
		if wasBeneficiary {
			kind = "beneficiary"
		}
		r.problem(CodeKindChanged, r.filled[columnKind], r.ref, im.cells.speech.kinds.write(kind, im.cells.lang))
		return
	}
	if r.staff {
		s := r.member(oldStaff)
		if len(r.problems) > 0 {
			return
		}
		k.staff[r.ref] = s
		if !wasStaff || oldStaff.Name() != s.Name() || oldStaff.Number != s.Number {
			asked.Staff = append(asked.Staff, s)
		}
		if done.count(wasStaff, wasStaff && oldStaff.Equal(s)) {
			changed.Staff = append(changed.Staff, s)
		}
		return
	}
	b := r.beneficiary(oldBeneficiary)
	r.checkCaller(k, columnReference, b.Reference)
	r.checkCaller(k, columnDeputy, b.Deputy)
	if len(r.problems) > 0 {
		return
	}
	k.beneficiaries[r.ref] = b
	if !wasBeneficiary || oldBeneficiary.Name() != b.Name() || !sameNumbers(oldBeneficiary, b) {
		asked.Beneficiaries = append(asked.Beneficiaries, b)
	}
	if done.count(wasBeneficiary, wasBeneficiary && oldBeneficiary.Equal(b)) {
		changed.Beneficiaries = append(changed.Beneficiaries, b)
	}
}

// count counts a row and reports whether it changes the book.
func (o *outcome) count(was, same bool) bool {
	switch {
	case same:
		o.unchanged++
		return false
	case was:
		o.updated++
	default:
		o.created++
	}
	return true
}

// checkCaller refuses a reference caller or deputy whom nobody knows. Who stands in the book unnamed by the row is left
// alone.
func (r *record) checkCaller(k known, field, ref string) {
	heading, named := r.filled[field]
	if ref == "" || !named {
		return
	}
	staff, ok := k.staff[ref]
	if !ok {
		r.problem(CodeUnknownCaller, heading, ref, "")
		return
	}
	if !slices.Contains(staff.Roles, roster.RoleCaller) {
		r.problem(CodeNotACaller, heading, ref, "")
	}
}

func sameNumbers(a, b roster.Beneficiary) bool {
	if len(a.Numbers) != len(b.Numbers) {
		return false
	}
	for i := range a.Numbers {
		if a.Numbers[i].E164 != b.Numbers[i].E164 {
			return false
		}
	}
	return true
}

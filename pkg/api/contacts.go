package api

import (
	"errors"
	"fmt"

	"github.com/rappel-tel/rappel/pkg/roster"
	"github.com/rappel-tel/rappel/pkg/roster/numbering"
)

// contactsBody is whom a person has named to be asked after her when she is not reached, in that order.
type contactsBody struct {
	Contacts []contactBody `json:"contacts"`
}

func (a *API) contacts(q ask) (any, error) {
	list, err := a.opts.Inbox.ContactPeople(q.Context(), q.scheme.Key, q.PathValue("person"))
	if err != nil {
		return nil, err
	}
	body := contactsBody{Contacts: []contactBody{}}
	for _, c := range list {
		body.Contacts = append(body.Contacts, contactBody{c.Name, c.Relation, c.Number})
	}
	return body, nil
}

// putContacts replaces them.
func (a *API) putContacts(q ask) (any, error) {
	var sent contactsBody
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	list := make([]roster.ContactPerson, len(sent.Contacts))
	for i, c := range sent.Contacts {
		n, err := numbering.Parse(c.Number, "")
		if err != nil || n.Extension != "" {
			return nil, fmt.Errorf("%w: number %d is to be in E.164, such as +3281247454", roster.ErrContactPerson, i+1)
		}
		list[i] = roster.ContactPerson{Name: c.Name, Relation: c.Relation, Number: n.E164}
	}
	err := a.opts.Inbox.SetContactPeople(q.Context(), q.scheme.Key, q.PathValue("person"), list)
	if errors.Is(err, roster.ErrNoBeneficiary) {
		err = ErrNoPerson
	}
	return nil, err
}

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

// contactsChange says who comes to them, and who is taken away, by number.
type contactsChange struct {
	Add    []contactBody `json:"add"`
	Remove []string      `json:"remove"`
}

func (a *API) contacts(q ask) (any, error) {
	list, err := a.opts.Inbox.ContactPeople(q.Context(), q.scheme.Key, q.PathValue("person"))
	if err == nil && len(list) == 0 { // Or she is nobody.
		_, err = a.opts.People.Settings(q.Context(), q.scheme.Key, q.PathValue("person"))
	}
	if err != nil {
		return nil, err
	}
	return contactsOf(list), nil
}

func contactsOf(list []roster.ContactPerson) contactsBody {
	body := contactsBody{Contacts: []contactBody{}}
	for _, c := range list {
		body.Contacts = append(body.Contacts, contactBody{c.Name, c.Relation, c.Number})
	}
	return body
}

// putContacts replaces them.
func (a *API) putContacts(q ask) (any, error) {
	var sent contactsBody
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	if sent.Contacts == nil {
		return nil, fmt.Errorf("%w: contacts is missing; [] is nobody", errBody)
	}
	list, err := contactPeople(sent.Contacts)
	if err != nil {
		return nil, err
	}
	_, err = a.changeContacts(q, func([]roster.ContactPerson) ([]roster.ContactPerson, error) {
		return list, roster.CheckContactPeople(list)
	})
	return nil, err
}

// patchContacts adds some and removes some, whoever else changes them meanwhile, and answers with who they are then.
func (a *API) patchContacts(q ask) (any, error) {
	var sent contactsChange
	if err := q.read(&sent); err != nil {
		return nil, err
	}
	var change roster.ContactChange
	var err error
	if change.Add, err = contactPeople(sent.Add); err != nil {
		return nil, err
	}
	for i, number := range sent.Remove {
		e164, err := contactNumber(number, i)
		if err != nil {
			return nil, err
		}
		change.Remove = append(change.Remove, e164)
	}
	list, err := a.changeContacts(q, change.To)
	return contactsOf(list), err
}

func (a *API) changeContacts(q ask, change func([]roster.ContactPerson) ([]roster.ContactPerson, error)) ([]roster.ContactPerson, error) {
	list, err := a.opts.Inbox.ChangeContactPeople(q.Context(), q.scheme.Key, q.PathValue("person"), change)
	if errors.Is(err, roster.ErrNoBeneficiary) {
		err = ErrNoPerson
	}
	return list, err
}

// contactPeople reads them as they are sent.
func contactPeople(sent []contactBody) ([]roster.ContactPerson, error) {
	list := make([]roster.ContactPerson, len(sent))
	for i, c := range sent {
		number, err := contactNumber(c.Number, i)
		if err != nil {
			return nil, err
		}
		list[i] = roster.ContactPerson{Name: c.Name, Relation: c.Relation, Number: number}
	}
	return list, nil
}

// contactNumber reads the ith number of a list.
func contactNumber(number string, i int) (string, error) {
	n, err := numbering.Parse(number, "")
	if err != nil || n.Extension != "" {
		return "", fmt.Errorf("%w: number %d is to be in E.164, such as +3281247454", roster.ErrContactPerson, i+1)
	}
	return n.E164, nil
}

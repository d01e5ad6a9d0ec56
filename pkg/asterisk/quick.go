package asterisk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	asteriskconf "github.com/rappel-tel/rappel/asterisk"
)

// Reading all of SIP's configuration again takes Asterisk time that grows with the square of the number of accounts: it
// sorts every endpoint and address record into a list. Beside 10,000 that is 3 to 5 s of a processor; below manyAccounts it
// is not felt. So a few changes beside many accounts go another way: secrets and address records are added through ARI, and
// only the endpoints are read again (0.7 s). All else is settled later, by SettleAccounts.
const (
	manyAccounts = 1000
	fewChanges   = 20 // Each new address record costs a sorted list of all endpoints, 0.1 s to 0.3 s beside 10,000.
	seenLimit    = 10 * time.Second
	seenEvery    = 50 * time.Millisecond
)

// delta is what a few changes do to accounts that the PBX knows.
type delta struct {
	fresh   []Account // Unknown until now, or with another secret.
	gone    []string
	changed []Account // Anything else.
}

func compare(before map[string]Account, after []Account) delta {
	var d delta
	kept := make(map[string]bool, len(after))
	for _, a := range after {
		if !a.Enabled {
			continue
		}
		kept[a.Endpoint] = true
		old, known := before[a.Endpoint]
		switch {
		case !known, old.Secret != a.Secret:
			d.fresh = append(d.fresh, a)
		case !same(old, a):
			d.changed = append(d.changed, a)
		}
	}
	for name := range before {
		if !kept[name] {
			d.gone = append(d.gone, name)
		}
	}
	return d
}

func same(a, b Account) bool {
	return a.Secret == b.Secret && a.Language == b.Language && a.Phone == b.Phone && a.DTMF == b.DTMF && slices.Equal(a.Codecs, b.Codecs)
}

// byName indexes the enabled accounts.
func byName(accounts []Account) map[string]Account {
	out := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		if a.Enabled {
			out[a.Endpoint] = a
		}
	}
	return out
}

// authName is the name of an account's secret. It changes with the secret, so that the new one can be added beside the old
// one, which the PBX cannot be told to forget without reading everything again.
func authName(a Account) string {
	sum := sha256.Sum256([]byte(a.Secret))
	return a.Endpoint + "-" + hex.EncodeToString(sum[:4])
}

// quick makes the PBX know a few changes of accounts; the files are written already. An error means that nothing but
// reading everything again helps.
func (s *Switch) quick(ctx context.Context, d delta) error {
	changes := len(d.fresh) + len(d.gone) + len(d.changed)
	if changes == 0 || changes > fewChanges {
		return fmt.Errorf("%d accounts changed", changes)
	}
	for _, a := range d.fresh {
		auth := secretRecord()
		auth["username"], auth["password"] = a.Endpoint, a.Secret
		if err := s.put(ctx, "auth", authName(a), auth); err != nil {
			return err
		}
		if err := s.put(ctx, "aor", a.Endpoint, addressRecord()); err != nil {
			return err
		}
	}
	stamp := fmt.Appendf(nil, "%s; %d\n", fileHead, time.Now().UnixNano())
	if _, _, err := replaceFile(s.changedFile(), stamp); err != nil {
		return fmt.Errorf("write %s: %w", asteriskconf.ChangedFile, err)
	}
	// This answers before the endpoints are read.
	if err := s.ReloadModule(ctx, "acl"); err != nil {
		return err
	}
	return s.awaitSeen(ctx, d)
}

// changedFile is the file that acl.conf includes, beside the accounts.
func (s *Switch) changedFile() string {
	return filepath.Join(filepath.Dir(s.opts.AccountsFile), asteriskconf.ChangedFile)
}

// quickPossible reports whether the PBX has our configuration with the file that lets it read its endpoints alone.
func (s *Switch) quickPossible() bool {
	_, err := os.Stat(s.changedFile())
	return err == nil
}

// addressRecord is what pjsip_templates.conf says of a caller's; it is replaced when the files are read again.
func addressRecord() map[string]string {
	return map[string]string{
		"max_contacts": "1", "remove_existing": "yes", "remove_unavailable": "yes", "minimum_expiration": "30",
		"maximum_expiration": "3600", "default_expiration": "300", "qualify_frequency": "0",
	}
}

// secretRecord is the same for a caller's secret.
func secretRecord() map[string]string {
	return map[string]string{"auth_type": "digest", "supported_algorithms_uas": "SHA-256,MD5"}
}

// put adds an object of SIP's configuration in the PBX's memory. One that is there already, in memory or in a file, stays.
func (s *Switch) put(ctx context.Context, kind, id string, fields map[string]string) error {
	type field struct {
		Attribute string `json:"attribute"`
		Value     string `json:"value"`
	}
	var body struct {
		Fields []field `json:"fields"`
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		body.Fields = append(body.Fields, field{name, fields[name]})
	}
	err := s.rest.do(ctx, request{name: "put " + kind, method: http.MethodPut, path: dynamic(kind, id), body: body})
	if status(err) == http.StatusForbidden {
		return nil // It comes from a file, which holds the same.
	}
	return err
}

func dynamic(kind, id string) []string {
	return []string{"asterisk", "config", "dynamic", "res_pjsip", kind, id}
}

// awaitSeen waits until the PBX has read the endpoints.
func (s *Switch) awaitSeen(ctx context.Context, d delta) error {
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		seen, err := s.seen(ctx, d)
		if seen || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the endpoints: %w", ctx.Err())
		}
	}
}

// seen reports whether one of the changes shows; they are read together.
func (s *Switch) seen(ctx context.Context, d delta) (bool, error) {
	if len(d.fresh) == 0 && len(d.gone) == 0 {
		return true, nil
	}
	name, auth := "", ""
	if len(d.fresh) > 0 {
		name, auth = d.fresh[0].Endpoint, authName(d.fresh[0])
	} else {
		name = d.gone[0]
	}
	var fields []struct{ Attribute, Value string }
	err := s.rest.do(ctx, request{name: "get endpoint", method: http.MethodGet, path: dynamic("endpoint", name), out: &fields})
	switch {
	case status(err) == http.StatusNotFound:
		return auth == "", nil
	case err != nil:
		return false, err
	}
	for _, f := range fields {
		if f.Attribute == "auth" && auth != "" {
			return f.Value == auth, nil
		}
	}
	return false, nil
}

// SettleAccounts lets the PBX read everything again when SyncAccounts went the short way; it does nothing otherwise. Beside
// 10,000 accounts it takes seconds, in which calls go on. Call it when accounts have not changed for a while.
func (s *Switch) SettleAccounts(ctx context.Context) error {
	s.sync.Lock()
	defer s.sync.Unlock()
	if len(s.unsettled) == 0 {
		return nil
	}
	return s.settle(ctx, false)
}

// settle reads everything again, and forgets the address records that were added meanwhile for callers who are gone.
func (s *Switch) settle(ctx context.Context, trunks bool) error {
	if err := s.reloadSIP(ctx, trunks); err != nil {
		s.metrics.reloads.WithLabelValues("failed").Inc()
		return err
	}
	s.metrics.reloads.WithLabelValues("ok").Inc()
	var errs []error
	for name := range s.unsettled {
		if _, there := s.known[name]; there {
			continue // Its file comes first; taking the other away would make the PBX believe that both are gone.
		}
		err := s.rest.do(ctx, request{name: "delete aor", method: http.MethodDelete, path: dynamic("aor", name)})
		if err != nil && status(err) == 0 {
			errs = append(errs, err)
		}
	}
	s.unsettled = nil
	return errors.Join(errs...)
}

package asterisk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// reloadLimit is how long a reload of 10,000 accounts may take; 2 s were measured.
const reloadLimit = time.Minute

// ErrBadRecord means that an account or trunk holds a value that cannot be written into Asterisk's configuration.
var ErrBadRecord = errors.New("bad SIP record")

// SyncAccounts makes the PBX know exactly these callers and trunks: it writes both files and reloads the SIP modules, but
// only when a file changed. Living calls go on; a caller that is gone or disabled cannot register or call any more. Nothing
// is written when any record is invalid. A few changes beside many accounts go a shorter way, which SettleAccounts completes.
func (s *Switch) SyncAccounts(ctx context.Context, callers []Account, trunks []Trunk) error {
	s.sync.Lock()
	defer s.sync.Unlock()
	if s.opts.AccountsFile == "" || s.opts.TrunksFile == "" {
		return errors.New("sync SIP accounts: Options name no files")
	}
	accountsText, err := renderAccounts(callers)
	if err != nil {
		return fmt.Errorf("sync SIP accounts: %w", err)
	}
	trunksText, err := renderTrunks(trunks)
	if err != nil {
		return fmt.Errorf("sync SIP trunks: %w", err)
	}
	if err := distinct(callers, trunks); err != nil {
		return fmt.Errorf("sync SIP accounts: %w", err)
	}
	// What the files held before goes back when the reload fails, so that the next call tries again.
	oldAccounts, accountsChanged, err := replaceFile(s.opts.AccountsFile, accountsText)
	if err != nil {
		return fmt.Errorf("write SIP accounts: %w", err)
	}
	oldTrunks, trunksChanged, err := replaceFile(s.opts.TrunksFile, trunksText)
	if err != nil {
		return fmt.Errorf("write SIP trunks: %w", err)
	}
	before := s.known
	s.known = byName(callers)
	if !accountsChanged && !trunksChanged {
		return nil
	}
	d := compare(before, callers)
	if s.unsettled == nil {
		s.unsettled = map[string]bool{}
	}
	for _, name := range d.gone {
		s.unsettled[name] = true
	}
	if before != nil && !trunksChanged && len(s.known) >= manyAccounts && s.quickPossible() {
		err := s.quick(ctx, d)
		if err == nil {
			for _, a := range slices.Concat(d.fresh, d.changed) {
				s.unsettled[a.Endpoint] = true
			}
			s.metrics.reloads.WithLabelValues("quick").Inc()
			return nil
		}
		s.log.Info("reading all SIP accounts again", zap.Error(err))
	}
	if err := s.settle(ctx, trunksChanged); err != nil {
		s.known = nil
		_, _, errA := replaceFile(s.opts.AccountsFile, oldAccounts)
		_, _, errT := replaceFile(s.opts.TrunksFile, oldTrunks)
		return fmt.Errorf("reload SIP accounts: %w", errors.Join(err, errA, errT))
	}
	return nil
}

func (s *Switch) reloadSIP(ctx context.Context, trunks bool) error {
	modules := []string{"res_pjsip.so"}
	if trunks {
		modules = append(modules, "res_pjsip_endpoint_identifier_ip.so", "res_pjsip_outbound_registration.so")
	}
	for _, m := range modules {
		if err := s.ReloadModule(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// ReloadModule reads a module's configuration again, and returns when that is done.
func (s *Switch) ReloadModule(ctx context.Context, module string) error {
	return s.rest.do(ctx, request{
		name: "reload", method: http.MethodPut, path: []string{"asterisk", "modules", module}, timeout: reloadLimit,
	})
}

// distinct reports a name that is used twice; Asterisk would merge the two.
func distinct(callers []Account, trunks []Trunk) error {
	seen := map[string]bool{}
	for _, a := range callers {
		if seen[a.Endpoint] {
			return fmt.Errorf("%w: endpoint %q is used twice", ErrBadRecord, a.Endpoint)
		}
		seen[a.Endpoint] = true
	}
	for _, t := range trunks {
		if seen[t.Name] {
			return fmt.Errorf("%w: endpoint %q is used twice", ErrBadRecord, t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// replaceFile writes the file under another name and renames it, so that no reader sees half of it. The owner of the file
// before stays its owner: Asterisk runs as a user of its own. It reports what the file held and whether it changed.
func replaceFile(path string, content []byte) (old []byte, changed bool, err error) {
	old, err = os.ReadFile(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, false, fmt.Errorf("read: %w", err)
	}
	if exists && bytes.Equal(old, content) {
		return old, false, nil
	}
	owner, err := ownerOf(path, exists)
	if err != nil {
		return old, false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return old, false, fmt.Errorf("create: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o640)
	}
	if err == nil && os.Geteuid() == 0 {
		err = f.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return old, false, errors.Join(fmt.Errorf("replace: %w", err), os.Remove(f.Name()))
	}
	return old, true, nil
}

// ownerOf returns who owns the file, or the folder it will be in.
func ownerOf(path string, exists bool) (*syscall.Stat_t, error) {
	if !exists {
		path = filepath.Dir(path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("stat: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, fmt.Errorf("stat %s: no owner", path)
	}
	return stat, nil
}

// trunkName reports whether the name may stand in a dial string of the dialplan; the records have the same rule.
func trunkName(s string) bool {
	if s == "" || len(s) > 40 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

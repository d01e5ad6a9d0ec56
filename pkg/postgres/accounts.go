package postgres

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rappel-tel/rappel/pkg/call"
	"github.com/rappel-tel/rappel/pkg/postgres/internal/sqldb"
)

// The kinds of telephone a caller works with.
const (
	PhoneSoftphone = "softphone" // In the browser.
	PhoneSIP       = "sip"       // Any other SIP phone.
	PhoneOrdinary  = "ordinary"  // Rung by its number through the trunk.
)

// The kinds of trunk.
const (
	TrunkRegistration = "registration" // We register with the operator.
	TrunkAddress      = "address"      // The operator knows us by our address, and we the operator by Host.
	TrunkSimulated    = "simulated"    // Simulated phones of the demo and the tests.
)

// Account is the SIP account of one caller or registrar, to be configured on the PBX.
type Account struct {
	Scheme   int64
	Caller   int64
	Endpoint string // Never a number: it can neither be dialled nor guessed.
	Secret   string
	Phone    string // PhoneSoftphone, PhoneSIP or PhoneOrdinary; the last registers nothing unless she changes.
	Enabled  bool   // A disabled one must be cut.
}

// Trunk is a way to the telephone network.
type Trunk struct {
	Scheme         int64 // Given by the store.
	Endpoint       string
	Kind           string // TrunkRegistration, TrunkAddress or TrunkSimulated.
	Disabled       bool
	Position       int    // The order in which a scheme's trunks are tried for a call; 0 means 1.
	Host           string // Not needed when simulated.
	Port           int    // 0 means 5060.
	Transport      string // "udp", "tcp" or "tls"; empty means "udp".
	Username       string // For registration and for being challenged.
	Secret         string
	FromDomain     string
	Codecs         []string // Empty means A-law, then µ-law.
	DTMF           string   // "rfc4733", "inband", "info" or "auto"; empty means "rfc4733".
	Lines          int
	InboundReserve int     // Lines never used outbound; 0 means a fifth, at least 1.
	CallsPerSecond float64 // 0 means 1.
	// PermittedCLI are the numbers that the operator lets us present; CLI chooses one of them per kind of call, the empty
	// kind for all others.
	PermittedCLI []string
	CLI          map[call.Kind]string
	// Nodes are those at whose PBXs it is; without any it is at every PBX.
	Nodes []string
}

// At reports whether the trunk is at a node's PBX.
func (t Trunk) At(node string) bool { return len(t.Nodes) == 0 || slices.Contains(t.Nodes, node) }

func (t Trunk) filled() Trunk {
	if t.Position == 0 {
		t.Position = 1
	}
	if t.Port == 0 {
		t.Port = 5060
	}
	if t.Transport == "" {
		t.Transport = "udp"
	}
	if len(t.Codecs) == 0 {
		t.Codecs = []string{"alaw", "ulaw"}
	}
	if t.DTMF == "" {
		t.DTMF = "rfc4733"
	}
	if t.InboundReserve == 0 {
		t.InboundReserve = max(1, (t.Lines+4)/5)
	}
	if t.CallsPerSecond == 0 {
		t.CallsPerSecond = 1
	}
	if t.Nodes == nil {
		t.Nodes = []string{}
	}
	return t
}

// SaveTrunk makes or changes the trunk of that endpoint. ErrTaken means that the endpoint belongs to another scheme. A CLI
// that is not permitted is refused here, before anybody is rung with it.
func (s *Store) SaveTrunk(ctx context.Context, scheme int64, t Trunk) error {
	t = t.filled()
	for kind, number := range t.CLI {
		if !slices.Contains(t.PermittedCLI, number) {
			return fmt.Errorf("save trunk %s: the number presented for kind %q is not among the permitted ones", t.Endpoint, kind)
		}
	}
	err := s.inTx(ctx, s.pool, func(q *sqldb.Queries) error {
		id, err := q.UpsertTrunk(ctx, sqldb.UpsertTrunkParams{
			SchemeID: scheme, Endpoint: t.Endpoint, Kind: t.Kind, Enabled: !t.Disabled, Position: int16(t.Position),
			Host: t.Host, Port: int32(t.Port), Transport: t.Transport, Username: t.Username, Secret: t.Secret,
			FromDomain: t.FromDomain, Codecs: t.Codecs, Dtmf: t.DTMF, Lines: int32(t.Lines),
			InboundReserve: int32(t.InboundReserve), CallsPerSecond: t.CallsPerSecond, Nodes: t.Nodes,
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrTaken
		} else if err != nil {
			return err
		}
		if err := q.DeletePermittedCLI(ctx, sqldb.DeletePermittedCLIParams{SchemeID: scheme, TrunkID: id}); err != nil {
			return err
		}
		err = q.InsertPermittedCLI(ctx, sqldb.InsertPermittedCLIParams{SchemeID: scheme, TrunkID: id, Numbers: t.PermittedCLI})
		if err != nil {
			return err
		}
		p := sqldb.InsertCLIParams{SchemeID: scheme, TrunkID: id}
		for _, kind := range slices.Sorted(maps.Keys(t.CLI)) {
			p.Kinds, p.Numbers = append(p.Kinds, string(kind)), append(p.Numbers, t.CLI[kind])
		}
		return q.InsertCLI(ctx, p)
	})
	if err != nil {
		return fmt.Errorf("save trunk %s: %w", t.Endpoint, storeError(err))
	}
	return nil
}

// ErrNoTrunk means that a scheme has no trunk of a name.
var ErrNoTrunk = errors.New("the scheme has no such trunk")

// Trunk returns a scheme's trunk of a name; the error is ErrNoTrunk.
func (s *Store) Trunk(ctx context.Context, scheme int64, endpoint string) (Trunk, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	list, err := s.trunks(ctx)
	if err != nil {
		return Trunk{}, err
	}
	for _, t := range list {
		if t.Scheme == scheme && t.Endpoint == endpoint {
			return t, nil
		}
	}
	return Trunk{}, ErrNoTrunk
}

// Trunks lists the trunks of a scheme, those out of service included.
func (s *Store) Trunks(ctx context.Context, scheme int64) ([]Trunk, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	list, err := s.trunks(ctx)
	return slices.DeleteFunc(list, func(t Trunk) bool { return t.Scheme != scheme }), err
}

// AccountVersion changes whenever an account or a trunk does. It is cheap enough to be asked for every second.
func (s *Store) AccountVersion(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	version, err := s.query.AccountVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read account version: %w", storeError(err))
	}
	return version, nil
}

// Accounts lists what is to be configured on the PBX: the SIP accounts and the trunks of all schemes, and the version of
// both. A change that comes while they are read shows in AccountVersion.
func (s *Store) Accounts(ctx context.Context) ([]Account, []Trunk, int64, error) {
	version, err := s.AccountVersion(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Patience)
	defer cancel()
	rows, err := s.query.ListAccounts(ctx)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("list accounts: %w", storeError(err))
	}
	accounts := make([]Account, len(rows))
	for i, r := range rows {
		accounts[i] = Account{
			Scheme: r.SchemeID, Caller: r.CallerID, Endpoint: r.Endpoint, Secret: r.Secret, Phone: r.Phone, Enabled: r.Enabled,
		}
	}
	trunks, err := s.trunks(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	return accounts, trunks, version, nil
}

func (s *Store) trunks(ctx context.Context) ([]Trunk, error) {
	rows, err := s.query.ListTrunks(ctx)
	if err != nil {
		return nil, fmt.Errorf("list trunks: %w", storeError(err))
	}
	permitted, err := s.query.ListPermittedCLI(ctx)
	if err != nil {
		return nil, fmt.Errorf("list permitted numbers: %w", storeError(err))
	}
	presented, err := s.query.ListCLI(ctx)
	if err != nil {
		return nil, fmt.Errorf("list numbers presented: %w", storeError(err))
	}
	trunks := make([]Trunk, len(rows))
	for i, r := range rows {
		t := Trunk{
			Scheme: r.SchemeID, Endpoint: r.Endpoint, Kind: r.Kind, Disabled: !r.Enabled, Position: int(r.Position),
			Host: r.Host, Port: int(r.Port), Transport: r.Transport, Username: r.Username, Secret: r.Secret,
			FromDomain: r.FromDomain, Codecs: r.Codecs, DTMF: r.Dtmf, Lines: int(r.Lines),
			InboundReserve: int(r.InboundReserve), CallsPerSecond: r.CallsPerSecond, CLI: map[call.Kind]string{}, Nodes: r.Nodes,
		}
		for _, n := range permitted {
			if n.TrunkID == r.TrunkID {
				t.PermittedCLI = append(t.PermittedCLI, n.E164)
			}
		}
		for _, n := range presented {
			if n.TrunkID == r.TrunkID {
				t.CLI[call.Kind(n.Kind)] = n.E164
			}
		}
		trunks[i] = t
	}
	return trunks, nil
}

// newEndpoint returns a random name for a SIP account: 80 bits, so that it cannot be guessed either.
func newEndpoint() string {
	var b [10]byte
	// Read never fails since Go 1.24; it ends the program when the system has no randomness.
	_, _ = rand.Read(b[:])
	return "c-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// newSecret returns a random SIP secret of 192 bits.
func newSecret() string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// taken wraps ErrTaken around an error that says that something unique exists already.
func taken(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == stateUnique {
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return err
}

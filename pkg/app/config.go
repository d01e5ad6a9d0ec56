package app

import (
	"time"

	"github.com/rappel-tel/rappel/pkg/schedule"
)

// Config is the configuration file. Only this package and cmd read it; every other package takes its own Options. A zero
// field means its default, which Defaults fills in. Paths are relative to the file that names them.
type Config struct {
	// Data is the directory for what the service writes: the event bus, spools, spoken prompts.
	Data string `yaml:"data"`
	// Roles are what this process does: switch, dispatch, web; all of them by default. Switch and dispatch go together.
	Roles []string `yaml:"roles"`
	// Drain is how long calls may go on after SIGTERM before the service leaves them to the PBX, to be adopted later.
	Drain time.Duration `yaml:"drain"`

	Log      LogConfig      `yaml:"log"`
	Clock    ClockConfig    `yaml:"clock"`
	Postgres PostgresConfig `yaml:"postgres"`
	NATS     NATSConfig     `yaml:"nats"`
	Asterisk AsteriskConfig `yaml:"asterisk"`
	Web      WebConfig      `yaml:"web"`
	Ops      OpsConfig      `yaml:"ops"`
	Dispatch DispatchConfig `yaml:"dispatch"`
	Calls    CallsConfig    `yaml:"calls"`
	Speech   SpeechConfig   `yaml:"speech"`
	Secrets  SecretsConfig  `yaml:"secrets"`
}

// SecretsConfig holds the keys of the installation that must not be in its database.
type SecretsConfig struct {
	// Refusals is the key under which it is kept, for ever, at which numbers nobody is to be called. Empty means that the
	// service makes one, in the file refusals.key below Data.
	Refusals Secret `yaml:"refusals"`
}

// LogConfig says what is logged, on standard error.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error.
	Format string `yaml:"format"` // json or console.
}

// ClockConfig gives a demonstration a clock of its own. The zero value is the real time.
type ClockConfig struct {
	Start time.Time `yaml:"start"` // What the clock shows when the service starts.
	Speed float64   `yaml:"speed"` // How many of its seconds pass in a real one.
}

// PostgresConfig says where the records are.
type PostgresConfig struct {
	URL         Secret        `yaml:"url"`
	OwnerURL    Secret        `yaml:"owner_url"` // Of the schema's owner; serve then migrates at start.
	Role        string        `yaml:"role"`      // Role of every connection; rappel_app by default.
	Connections int           `yaml:"connections"`
	Patience    time.Duration `yaml:"patience"` // How long one operation may take.
	// KeepEvents is how long the history's events are kept.
	KeepEvents time.Duration `yaml:"keep_events"`
}

// NATSConfig says where events go: an embedded server unless there is a URL.
type NATSConfig struct {
	URL         string        `yaml:"url"`
	Credentials string        `yaml:"credentials"`
	MaxDisk     int           `yaml:"max_disk_mib"`
	MaxMemory   int           `yaml:"max_memory_mib"`
	MaxAge      time.Duration `yaml:"max_age"`
	Replicas    int           `yaml:"replicas"`
}

// AsteriskConfig says how the PBX is reached and which folders are shared with it.
type AsteriskConfig struct {
	ARI         string `yaml:"ari"` // http://127.0.0.1:8088/ari
	User        string `yaml:"user"`
	Password    Secret `yaml:"password"`
	Application string `yaml:"application"`
	// Sounds is the folder of spoken prompts as this process sees it, and PBXSounds the same folder as the PBX does.
	Sounds    string `yaml:"sounds"`
	PBXSounds string `yaml:"pbx_sounds"`
	// Recordings is where the PBX keeps messages, as this process sees it.
	Recordings string `yaml:"recordings"`
	SIP        string `yaml:"sip"` // Where it hears SIP phones, for the doctor's echo call.
	// PublicSIP is where callers' phones find the PBX from their homes; empty means SIP.
	PublicSIP string `yaml:"public_sip"`
	// Accounts and Trunks are the files of SIP accounts and trunks that the service writes and the PBX includes.
	Accounts string `yaml:"accounts"`
	Trunks   string `yaml:"trunks"`
	// OrdinaryTrunk carries calls to callers with an ordinary phone.
	OrdinaryTrunk string `yaml:"ordinary_trunk"`
	// StartsPerSecond is how many calls are started in a second at first; the rate then follows how quickly the PBX answers.
	StartsPerSecond int `yaml:"starts_per_second"`
}

// WebConfig says where the pages are served.
type WebConfig struct {
	Listen         string   `yaml:"listen"`
	PublicURL      string   `yaml:"public_url"` // What browsers type; https switches secure cookies on.
	Certificate    string   `yaml:"certificate"`
	Key            string   `yaml:"key"`
	TrustedProxies []string `yaml:"trusted_proxies"`
}

// OpsConfig says where /livez, /readyz and /metrics are served.
type OpsConfig struct {
	Listen string `yaml:"listen"`
}

// DispatchConfig tunes the dispatcher.
type DispatchConfig struct {
	Ahead     time.Duration `yaml:"ahead"`
	Horizon   time.Duration `yaml:"horizon"`
	MaxMissed int           `yaml:"max_missed"`
	// Spread has the nodes that share an event bus lead about as many schemes each. Callers' phones must then be registered
	// with every node's PBX.
	Spread bool `yaml:"spread"`
}

// CallsConfig tunes how calls run.
type CallsConfig struct {
	Dialplans     string        `yaml:"dialplans"` // Folder of flows that replace those built in; empty is none.
	RegistrarRing time.Duration `yaml:"registrar_ring"`
	Patience      time.Duration `yaml:"patience"` // How long somebody on the line is kept waiting for the records.
	NoWrapUp      bool          `yaml:"no_wrap_up"`
}

// SpeechConfig says who speaks the prompts.
type SpeechConfig struct {
	// Installation is a directory that rappel demo made: its voices speak. Empty means the machine's own pico2wave, espeak-ng
	// and sox; where these are not installed, texts that nobody has recorded are heard as a tone.
	Installation string `yaml:"installation"`
	// Command is a voice of the town's own, which speaks before the others: a program and its arguments, of which {lang} and
	// {out} stand for the language and the WAV file to write (8 or 16 kHz, mono, 16 bit); the text comes on standard input. What it
	// cannot speak the others do. Empty is none.
	Command []string `yaml:"command"`
	// Language of the prompts that the PBX plays by itself while the service is away.
	Language string `yaml:"language"`
}

// The roles.
const (
	RoleSwitch   = "switch"
	RoleDispatch = "dispatch"
	RoleWeb      = "web"
)

// Roles lists the roles.
func Roles() []string { return []string{RoleSwitch, RoleDispatch, RoleWeb} }

// Defaults returns the configuration of an empty file. Everything listens on loopback.
func Defaults() Config {
	return Config{
		Data:  "/var/lib/rappel",
		Roles: Roles(),
		Drain: 10 * time.Minute,
		Log:   LogConfig{Level: "info", Format: "json"},
		Clock: ClockConfig{Speed: 1},
		Postgres: PostgresConfig{
			Role: "rappel_app", Connections: 8, Patience: 5 * time.Second, KeepEvents: 400 * 24 * time.Hour,
		},
		NATS: NATSConfig{MaxDisk: 1024, MaxMemory: 64, MaxAge: 7 * 24 * time.Hour, Replicas: 1},
		Asterisk: AsteriskConfig{
			ARI: "http://127.0.0.1:8088/ari", User: "rappel", Application: "rappel",
			Recordings: "/var/spool/asterisk/recording", SIP: "127.0.0.1:5060",
			StartsPerSecond: 100,
		},
		Web:      WebConfig{Listen: "127.0.0.1:8080"},
		Ops:      OpsConfig{Listen: "127.0.0.1:9465"},
		Dispatch: DispatchConfig{Ahead: schedule.DefaultAhead * 24 * time.Hour, Horizon: 36 * time.Hour, MaxMissed: 1},
		Calls:    CallsConfig{RegistrarRing: 20 * time.Second, Patience: 700 * time.Millisecond},
		Speech:   SpeechConfig{Command: []string{}, Language: "fr"},
	}
}

// Secret is a value that is never printed. In the file it is ${NAME} for a variable of the environment, file:PATH for a
// file that only its owner can read, or, in a test, the value itself.
type Secret string

// String hides the value.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the value.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the value from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Value is the secret itself.
func (s Secret) Value() string { return string(s) }

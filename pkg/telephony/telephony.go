package telephony

import (
	"context"
	"errors"
	"time"
)

// Errors of a Switch. Anything else is a failure of the PBX or of the way to it.
var (
	// ErrNoChannel means that the channel does not exist, or no longer.
	ErrNoChannel = errors.New("no such channel")
	// ErrExists means that a living channel already has the id.
	ErrExists = errors.New("channel id is in use")
	// ErrUnanswered means that a command was sent and its answer lost: the PBX may have acted. Ask with Channel before
	// anything else; never send the command again.
	ErrUnanswered = errors.New("the PBX did not answer")
	// ErrDown means that the command was not sent, because there is no way to the PBX.
	ErrDown = errors.New("the PBX is out of reach")
	// ErrRefused means that the PBX understood the command and refused it.
	ErrRefused = errors.New("the PBX refused")
)

// Switch is a PBX. Its methods are safe for use by several goroutines; each command has a deadline of its own (5 s unless
// ctx ends sooner).
type Switch interface {
	// Connect rings a caller's phone and, once it is answered and only then, the beneficiary's; both are bridged by the
	// PBX itself, so the call outlives this process. It is posted at most once per id. The beneficiary's leg does not depend
	// on the caller's: whoever answers hears a person or a prompt, also when this process is dead. What happens is told by
	// events of both legs, in the orders shown in doc.go.
	Connect(ctx context.Context, c Connect) error
	// Announce rings the beneficiary's phone alone, if the instant to dial by has not passed. Once answered her channel enters
	// the application with EnteredAutomatic; when nobody is there to speak to her, the PBX says its own prompt. It is posted
	// at most once per id.
	Announce(ctx context.Context, a Announce) error
	// Originate rings one phone; once answered the channel enters the application with the given arguments.
	Originate(ctx context.Context, o Originate) error
	// Answer answers an inbound channel.
	Answer(ctx context.Context, channel string) error
	// Hangup ends a channel; a channel that is gone already is no error.
	Hangup(ctx context.Context, channel string, cause Cause) error
	// Play starts the media one after the other, under an id of our choice; EventPlaybackDone tells their end.
	Play(ctx context.Context, channel, playback string, media ...Media) error
	// StopPlay ends a playback; one that has ended already is no error.
	StopPlay(ctx context.Context, playback string) error
	// Record records what the channel says; EventRecordingDone or EventRecordingFailed tells the end.
	Record(ctx context.Context, channel string, r Recording) error
	// Ring starts (or with on false stops) a ringing tone towards the channel.
	Ring(ctx context.Context, channel string, on bool) error
	// Bridge joins channels that are in the application; the bridge ends with Unbridge.
	Bridge(ctx context.Context, bridge string, channels ...string) error
	// Unbridge deletes a bridge; its channels stay in the application. A bridge that is gone already is no error.
	Unbridge(ctx context.Context, bridge string) error
	// Send hands a channel back to the dialplan, at priority 1 of the extension.
	Send(ctx context.Context, channel, dialplanContext, extension string) error
	// Guard makes the dialplan take the channel out of the application and speak by itself, unless Guard is called again
	// within d: so nobody listens to the silence of a service that has died or stands still. The dialplan sets GuardFirst
	// when a channel enters. Zero ends the guard, as must be done before channels are bridged that go on without us. It must
	// not be called while something is played or recorded on the channel: the PBX would do it only afterwards.
	Guard(ctx context.Context, channel string, d time.Duration) error
	// Channel returns one channel, or ErrNoChannel.
	Channel(ctx context.Context, channel string) (Channel, error)
	// Channels lists every living channel.
	Channels(ctx context.Context) ([]Channel, error)

	// Open starts a mailbox for the events of one call, named by its key (see call.Of). Opening a key twice is an error
	// of the program and panics. Events of keys without a mailbox go to Arrivals when they are EventEntered, and are
	// counted and skipped otherwise.
	Open(key string) *Mailbox
	// Arrivals delivers the channels that enter the application and belong to no open mailbox: inbound calls, feature
	// codes, and legs left over from an earlier life of the service. Its reader must be quick; the channel is closed when
	// the Switch is.
	Arrivals() <-chan Event
	// Reconciled delivers a value after each (re)connection to the PBX, when events may have been lost: every living
	// call must be compared with Channels. It has room for one value; older ones are replaced.
	Reconciled() <-chan Reconciliation
}

// GuardFirst is how long a channel that has entered the application waits for the service: see Switch.Guard.
const GuardFirst = 8 * time.Second

// Reconciliation says that the event stream was cut and is back.
type Reconciliation struct {
	// Fresh is set when the PBX itself was restarted: no channel of before lives.
	Fresh bool
	// Channels are the living channels, listed after the stream was back.
	Channels []Channel
	// At is when the listing was begun, by this process's clock. A leg that was seen before and is not listed has ended; a
	// leg posted after At may be missing although it lives.
	At time.Time
}

// Connect is one offer: see Switch.Connect.
type Connect struct {
	Channel         string // The caller's leg: the channel id.
	BeneficiaryLeg  string // Account code of the beneficiary's leg.
	Attempt         string // Sent to a simulated trunk as a SIP header, to nobody else.
	CallerEndpoint  string // Softphone endpoint; empty for an ordinary phone.
	CallerNumber    string // Ordinary phone: E.164.
	CallerTrunk     string // Trunk for the ordinary phone.
	CallerLanguage  string
	Number          string // Beneficiary, E.164.
	Trunk           string
	CLI             string // Presented to the beneficiary.
	Language        string // Hers.
	CallerRing      time.Duration
	BeneficiaryRing time.Duration
	DialBy          time.Time // By the PBX's clock; the zero value forbids the call.
	Confirm         bool      // The caller must press a key before she is rung.
	// ProposedBy is set for a first call, to who proposed the person (a roster.Source): before she is rung, the caller is told that
	// she must be asked, and hears, in the person's language, how. A key ends that.
	ProposedBy string
	WrapUp     bool // The caller's line enters the application when the beneficiary leaves, instead of ending.
}

// Announce is a call without a caller: see Switch.Announce.
type Announce struct {
	Channel        string // Of what has her phone dialled; it ends as soon as that has begun.
	BeneficiaryLeg string // Account code of her leg, whose channel id is the PBX's.
	Attempt        string // Sent to a simulated trunk as a SIP header, to nobody else.
	Number         string // E.164.
	Trunk          string
	CLI            string // Presented to her.
	Language       string
	Ring           time.Duration
	DialBy         time.Time // By the PBX's clock; the zero value forbids the call.
}

// Originate is one leg into the application: see Switch.Originate.
type Originate struct {
	Channel  string
	Endpoint string // Softphone endpoint; empty for a number through Trunk.
	Number   string
	Trunk    string
	CLI      string
	Ring     time.Duration
	Args     []string
	Language string
}

// Recording says how to record a message. The zero durations mean no limit.
type Recording struct {
	Name        string // File name below the PBX's recordings folder, without extension.
	MaxLength   time.Duration
	MaxSilence  time.Duration
	Beep        bool
	TerminateOn string // "#", "*", "any" or "" for none.
}

// Media is what a channel hears: "sound:/absolute/path/without/extension", "recording:" and the name of a Recording,
// "tone:ring", "silence:2000" (ms; a PBX may round it up to whole seconds).
type Media string

// ChannelState is how far a channel has come.
type ChannelState string

// The channel states that matter to us.
const (
	ChannelDown    ChannelState = "down"
	ChannelRinging ChannelState = "ringing"
	ChannelUp      ChannelState = "up"
)

// Channel is one living channel.
type Channel struct {
	ID      string
	Leg     string // Our name for it: its account code when it has one, its id otherwise.
	State   ChannelState
	Bridge  bool      // It is in a bridge; known from listing only when the PBX says so.
	InApp   bool      // It is in the application, so commands such as Play work.
	Created time.Time // By the PBX's clock.
}

// EventType tells events apart.
type EventType string

// The event types.
const (
	EventEntered         EventType = "entered"          // The channel entered the application (StasisStart); Args.
	EventLeft            EventType = "left"             // It left the application (StasisEnd).
	EventDialling        EventType = "dialling"         // The PBX begins to call its phone; the channel id is known.
	EventRinging         EventType = "ringing"          // Its phone rings.
	EventUp              EventType = "up"               // It was answered.
	EventBridged         EventType = "bridged"          // It entered a bridge.
	EventUnbridged       EventType = "unbridged"        // It left a bridge.
	EventDigit           EventType = "digit"            // A key was pressed; Digit.
	EventSpeaking        EventType = "speaking"         // Its party began to speak; only where the dialplan listens.
	EventSilent          EventType = "silent"           // It has been silent for SpeechPause; Length is how long it had spoken.
	EventPlaybackDone    EventType = "playback_done"    // Playback; Failed when nothing was heard.
	EventRecordingDone   EventType = "recording_done"   // Recording, Length.
	EventRecordingFailed EventType = "recording_failed" // Recording.
	EventGone            EventType = "gone"             // The channel ended; Cause. Always the last of its channel.
	EventRefused         EventType = "refused"          // The dialplan refused to ring her; Args[0] is a Refused word.
	EventDialEnded       EventType = "dial_ended"       // The PBX's own verdict on a phone that was not answered; Dial.
)

// First words of Event.Args when a channel enters the application (EventEntered).
const (
	// EnteredInbound: a call from a trunk; further arguments: the number dialled.
	EnteredInbound = "inbound"
	// EnteredFeature: a caller's phone dialled a feature code; further arguments: the code, the endpoint.
	EnteredFeature = "feature"
	// EnteredCallerGone: the beneficiary's leg, alive and alone; further arguments: its leg name, then TalkedBefore when
	// the two were bridged for longer than TalkMinimum, or TalkedNever when the caller was gone before or just after she
	// answered. With TalkedNever the PBX has told her so already, by a prompt in her language.
	EnteredCallerGone = "caller-gone"
	// EnteredAutomatic: the beneficiary's leg, who has answered a call without a caller; further argument: its leg name.
	EnteredAutomatic = "automatic"
	// EnteredNotReached: the caller's leg, after the beneficiary's phone was not answered; further argument: the cause.
	EnteredNotReached = "not-reached"
	// EnteredWrapUp: the caller's leg, after the beneficiary left; only with Connect.WrapUp.
	EnteredWrapUp = "wrap-up"
)

// Second words after EnteredCallerGone.
const (
	TalkedBefore = "bridged"
	TalkedNever  = "alone"
)

// TalkMinimum is how long two people must have been bridged for TalkedBefore; the PBX counts in whole seconds, so it may
// be up to a second less.
const TalkMinimum = 3 * time.Second

// SpeechPause is how long a party must be silent before EventSilent says so. A shorter pause, as between words, belongs to what
// was spoken.
const SpeechPause = 400 * time.Millisecond

// Words of EventRefused.
const (
	RefusedDialBy = "dial_by" // The instant to dial by had passed.
	RefusedNoKey  = "no_key"  // The caller's ordinary phone pressed no key: an answering machine, perhaps.
	RefusedNumber = "number"  // The PBX could not begin the second leg (no such trunk, no number).
)

// Event is one thing that happened to one channel.
type Event struct {
	Type      EventType
	Key       string // The call it belongs to.
	Channel   string
	Leg       string // Account code of the channel, else its id.
	Time      time.Time
	Cause     Cause
	Digit     string
	Args      []string
	Playback  string
	Recording string
	Length    time.Duration
	Failed    bool
	Dial      string // ANSWER, BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL.

	// With EventEntered:
	CLI      string // Number presented by the inbound party; empty when withheld.
	Dialled  string // The extension dialled.
	Endpoint string // The SIP endpoint (or trunk) the channel came from.
	Language string
}

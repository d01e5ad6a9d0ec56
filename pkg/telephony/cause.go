package telephony

// Cause is a hangup cause of ITU-T Q.850. Zero means that none was given.
type Cause int

// The causes Rappel speaks of.
const (
	CauseNone              Cause = 0
	CauseUnallocated       Cause = 1
	CauseNormal            Cause = 16
	CauseBusy              Cause = 17
	CauseNoUserResponse    Cause = 18
	CauseNoAnswer          Cause = 19
	CauseRejected          Cause = 21
	CauseDestinationOOS    Cause = 27
	CauseInvalidNumber     Cause = 28
	CauseNormalUnspecified Cause = 31
	CauseCongestion        Cause = 34
	CauseNetworkOOS        Cause = 38
	CauseTemporaryFailure  Cause = 41
	CauseSwitchCongestion  Cause = 42
	CauseUnavailable       Cause = 44
	CauseNotImplemented    Cause = 79
	CauseRecoveryOnTimer   Cause = 102
	CauseInterworking      Cause = 127
)

// NormalClearing reports whether a person hung up a phone, as opposed to a phone or a line being lost.
func (c Cause) NormalClearing() bool { return c == CauseNormal || c == CauseNormalUnspecified }

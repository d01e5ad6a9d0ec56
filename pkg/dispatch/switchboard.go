package dispatch

import (
	"context"

	"github.com/rappel-tel/rappel/pkg/call"
)

// Switchboard runs calls. Package callflow implements it.
type Switchboard interface {
	// Start runs one offer of an attempt whose claim is committed. It is called at most once per attempt and offer, from
	// a goroutine of its own, and may return as soon as the order is taken on. What happens is reported through Step and
	// Ended of the dispatcher, in order. An error says that nothing was posted to the PBX and nothing rings: no Step and
	// no Ended will come for this offer. Whoever does not know returns nil and reports ResultUnknown in the end.
	Start(ctx context.Context, order call.Order) error
	// Recall takes an offer back that no caller has answered yet: her phone stops ringing, and Ended says
	// OfferRecalled. Once the caller has answered, and for an attempt it does not know, it does nothing.
	Recall(attempt call.ID)
	// Adopt takes over attempts that were live when an earlier process ended. It returns at once; for every one of
	// them Ended is called sooner or later, and Step when it gets further.
	Adopt(ctx context.Context, live []call.Live)
	// AdoptTalks takes over parties on the line who talked to a registrar when an earlier process ended; it comes before Adopt. It
	// returns at once; for every one of them ReleaseRegistrar is called sooner or later.
	AdoptTalks(ctx context.Context, talks []call.Talk)
}

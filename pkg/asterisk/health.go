package asterisk

import (
	"context"
	"net/http"

	"github.com/CyCoreSystems/ari/v5"
)

// Modules lists the modules of Asterisk with their status ("Running", "Not Running", …).
func (s *Switch) Modules(ctx context.Context) ([]ari.ModuleData, error) {
	var list []ari.ModuleData
	err := s.rest.do(ctx, request{
		name: "modules", method: http.MethodGet, path: []string{"asterisk", "modules"}, out: &list,
	})
	return list, err
}

// Endpoints lists the SIP endpoints. The state is "online" when a phone is registered, or when a trunk answered the last
// OPTIONS probe; "offline" when not; "unknown" for a trunk that is not probed.
func (s *Switch) Endpoints(ctx context.Context) ([]ari.EndpointData, error) {
	var list []ari.EndpointData
	err := s.rest.do(ctx, request{
		name: "endpoints", method: http.MethodGet, path: []string{"endpoints", "PJSIP"}, out: &list,
		timeout: 2 * s.opts.Timeout,
	})
	return list, err
}

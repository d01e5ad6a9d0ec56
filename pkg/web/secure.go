package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	triesPerMinute = 10
	triesKept      = 10_000 // Addresses remembered at most; beyond, the table starts anew.
)

// secured sends the security headers with every answer (OWASP ASVS 5.0, chapter 3). No script and no style is inline.
func (s *Site) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(self)")
		h.Set("Cache-Control", "no-store")
		if s.opts.Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// cached lets browsers keep the static files of this version for ever, and any other for no time at all.
func (s *Site) cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == s.version {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		next.ServeHTTP(w, r)
	})
}

// client returns the address that tries are counted by: the connection's own, or the one a trusted proxy names.
func (s *Site) client(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	addr = addr.Unmap()
	for _, p := range s.opts.TrustedProxies {
		if !p.Contains(addr) {
			continue
		}
		forwarded := strings.Split(r.Header.Get("X-Forwarded-For"), ",")
		if named, err := netip.ParseAddr(strings.TrimSpace(forwarded[len(forwarded)-1])); err == nil {
			return named.Unmap()
		}
	}
	return addr
}

// tries counts tries to sign in, per address; an IPv6 network of 64 bits counts as one.
type tries struct {
	mu  sync.Mutex
	per map[netip.Prefix]*rate.Limiter
}

func newTries() *tries { return &tries{per: map[netip.Prefix]*rate.Limiter{}} }

// allow reports whether one more try is allowed at now.
func (t *tries) allow(addr netip.Addr, now time.Time) bool {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	// An address that is not valid shares the zero prefix.
	network, _ := addr.Prefix(bits)
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.per[network]
	if l == nil {
		if len(t.per) >= triesKept {
			clear(t.per)
		}
		l = rate.NewLimiter(rate.Every(time.Minute/triesPerMinute), triesPerMinute)
		t.per[network] = l
	}
	return l.AllowN(now, 1)
}

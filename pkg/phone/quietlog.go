package phone

import (
	"context"
	"log/slog" //nolint:depguard // sipgo logs by slog and nothing else

	"go.uber.org/zap"
)

// newQuietLog returns the logger that sipgo gets.
func newQuietLog(log *zap.Logger) *slog.Logger { return slog.New(quietLog{log: log}) }

// quietLog hands sipgo's warnings to zap by their constant text only: its
// attributes hold numbers, names and whole SIP messages.
type quietLog struct{ log *zap.Logger }

// Enabled implements [slog.Handler].
func (q quietLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements [slog.Handler].
func (q quietLog) Handle(_ context.Context, r slog.Record) error {
	q.log.Debug("sip library", zap.String("said", r.Message), zap.Stringer("level", r.Level))
	return nil
}

// WithAttrs implements [slog.Handler].
func (q quietLog) WithAttrs([]slog.Attr) slog.Handler { return q }

// WithGroup implements [slog.Handler].
func (q quietLog) WithGroup(string) slog.Handler { return q }

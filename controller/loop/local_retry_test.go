package loop

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
)

// TestLocalRetry: the local database is tried each second, however long it is away.
func TestLocalRetry(t *testing.T) {
	t.Parallel()
	l := New(Options{OVSDatabase: "unix:" + t.TempDir() + "/absent", Stats: coverage.NewRegistry(),
		Logger: func(string) *slog.Logger { return slog.New(slog.DiscardHandler) }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _ = l.local.session.Run(ctx) }()
	// With waits of 1, 2, 4 and 8 s the fifth attempt is after 15.
	for l.local.session.State().Attempts < 5 && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	if n := l.local.session.State().Attempts; n < 5 {
		t.Errorf("%d attempts in ten seconds", n)
	}
	cancel()
	<-done
}

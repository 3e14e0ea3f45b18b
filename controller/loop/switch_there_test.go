package loop

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

// TestPacketsFollowTheFlows: when the connection for flows comes up, the one for
// packets does not wait for its own next attempt, a second after the last.
func TestPacketsFollowTheFlows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := New(Options{Logger: func(string) *slog.Logger { return slog.New(slog.DiscardHandler) }})
	l.packets.loop.SetTarget("unix:" + path)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.packets.loop.Run(ctx) }()
	defer func() { cancel(); listener.Close(); <-done }()
	last := time.Now()
	// attempt waits for one and has it fail; it returns how long after the one before.
	attempt := func() time.Duration {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		took := time.Since(last)
		last = time.Now()
		return took
	}
	const longest = time.Second
	for attempt() < longest {
	}
	var took []time.Duration
	for range 5 {
		l.writerEvent(ofbundle.Connected{})
		d := attempt()
		if d < longest/2 {
			return
		}
		took = append(took, d)
	}
	t.Errorf("attempts %v after the other connection was up", took)
}

package ofbundle

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// A switch that is not there is asked for again and again without longer and longer
// pauses, and the log says so once.
func TestAbsentSwitch(t *testing.T) {
	logs := &lockedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	w := New(Config{
		Target: "unix:" + t.TempDir() + "/br-int.mgmt", MinBackoff: time.Millisecond, MaxBackoff: time.Hour,
		Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.Run(ctx)
	}()
	defer func() { cancel(); <-ended }()
	const line = `msg="no connection to the switch"`
	eventually(t, "50 attempts", func() bool { return strings.Count(logs.String(), line) >= 50 })
	if n := strings.Count(logs.String(), "level=INFO "+line); n != 1 {
		t.Errorf("%d of them are in the log, want 1", n)
	}
}

package unixctl

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCall(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "uctl") // short: names of sockets are limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := New(slog.New(slog.DiscardHandler), "a version")
	s.Register("echo", "[WORD]...", 0, Unlimited, func(r *Request) (string, error) { return strings.Join(r.Args, "+"), nil })
	s.Register("fail", "", 0, 0, func(*Request) (string, error) { return "", errors.New("on purpose") })
	s.Register("hang", "", 0, 0, func(r *Request) (string, error) { <-r.Context.Done(); return "", nil })
	path := filepath.Join(dir, "agent.77.ctl")
	if err := s.Listen(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	if err := os.WriteFile(filepath.Join(dir, "agent.pid"), []byte("77\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := FindSocket(dir, "agent")
	if err != nil || found != path {
		t.Errorf("found %q, %v", found, err)
	}
	if _, err := FindSocket(dir, "other"); err == nil || !strings.Contains(err.Error(), "other does not run") {
		t.Errorf("error %v", err)
	}
	large := strings.Repeat("x\"\n", 100_000)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"version"}, "a version\n"}, {[]string{"echo", "a", "b c"}, "a+b c\n"}, {[]string{"echo", large}, large},
	} {
		if got, err := Call(ctx, path, c.args[0], c.args[1:]...); err != nil || got != c.want {
			t.Errorf("%.40q: %.40q, %v", c.args, got, err)
		}
	}
	for _, c := range [][2]string{{"fail", "fail: on purpose"}, {"nonsense", "nonsense"}} {
		if _, err := Call(ctx, path, c[0]); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v", c[0], err)
		}
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := Call(short, path, "hang"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v", err)
	}
	if _, err := Call(ctx, filepath.Join(dir, "nothing"), "version"); err == nil {
		t.Error("no socket, no error")
	}
}

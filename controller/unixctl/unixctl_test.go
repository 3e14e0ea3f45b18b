package unixctl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/controller/vlog"
)

func appctl(t *testing.T, target string, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("ovs-appctl")
	if err != nil {
		t.Fatal("ovs-appctl is missing: apt-get install openvswitch-common")
	}
	out, err := exec.Command(tool, append([]string{"--timeout=10", "-t", target}, args...)...).CombinedOutput()
	return string(out), err
}

func start(t *testing.T) (*unixctl.Server, string) {
	t.Helper()
	s := unixctl.New(slog.New(slog.DiscardHandler), "ovn-controller 1\nrelease 2\n")
	path := filepath.Join(t.TempDir(), "d.1.ctl")
	if err := s.Listen(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, path
}

func TestWithRealAppctl(t *testing.T) {
	s, path := start(t)
	hub := vlog.New("ovn-controller")
	hub.RegisterCommands(s)
	stats := coverage.NewRegistry()
	stats.RegisterCommands(s)
	stats.Counter("lflow_run").Add(3)
	s.Register("greet", "NAME", 1, 1, func(r *unixctl.Request) (string, error) { return "hello " + r.Args[0], nil })
	s.Register("fail", "", 0, 0, func(*unixctl.Request) (string, error) { return "", errors.New("no luck") })
	for _, tc := range []struct {
		args []string
		want string // contained in the output
		fail bool
	}{
		{[]string{"greet", "wörld \"x\""}, "hello wörld \"x\"\n", false},
		{[]string{"version"}, "ovn-controller 1\nrelease 2\n", false},
		{[]string{"list-commands"}, "The available commands are:\n", false},
		{[]string{"list-commands"}, "  greet                   NAME\n", false},
		{[]string{"fail"}, "no luck\n", true},
		{[]string{"greet"}, `"greet" command requires at least 1 arguments`, true},
		{[]string{"greet", "a", "b"}, `"greet" command takes at most 1 arguments`, true},
		{[]string{"nosuch"}, `"nosuch" is not a valid command (use "list-commands" to see a list of valid commands)`, true},
		{[]string{"vlog/set", "binding:dbg"}, "", false},
		{[]string{"vlog/list"}, "binding            DBG        DBG        DBG\n", false},
		{[]string{"vlog/set", "nonsense"}, `no destination, level, or module "nonsense"`, true},
		{[]string{"vlog/list-pattern"}, "file     none", false},
		{[]string{"vlog/reopen"}, "Logging to file not configured", true},
		{[]string{"coverage/read-counter", "lflow_run"}, "3\n", false},
		{[]string{"coverage/read-counter", "nosuch"}, "No such counter", true},
		{[]string{"coverage/show"}, "lflow_run", false},
	} {
		out, err := appctl(t, path, tc.args...)
		if (err != nil) != tc.fail || !strings.Contains(out, tc.want) {
			t.Errorf("%q: %q, %v; want %q, failure %v", tc.args, out, err, tc.want, tc.fail)
		}
	}
}

// TestSlowHandler: a handler that waits holds up its own client only, and Close
// lets it answer.
func TestSlowHandler(t *testing.T) {
	s, path := start(t)
	release := make(chan struct{})
	entered := make(chan struct{}, 2)
	s.Register("exit", "", 0, 1, func(*unixctl.Request) (string, error) {
		entered <- struct{}{}
		<-release
		return "bye", nil
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if out, err := appctl(t, path, "exit"); err != nil || out != "bye\n" {
				t.Errorf("exit: %q, %v", out, err)
			}
		})
	}
	<-entered
	<-entered
	if out, err := appctl(t, path, "version"); err != nil {
		t.Errorf("version while exit waits: %q, %v", out, err)
	}
	close(release)
	s.Close()
	wg.Wait()
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the socket is still there after Close")
	}
}

// TestProtocol: what a client other than ovs-appctl may send.
func TestProtocol(t *testing.T) {
	s, path := start(t)
	cancelled := make(chan struct{})
	s.Register("wait", "", 0, 0, func(r *unixctl.Request) (string, error) {
		<-r.Context.Done()
		close(cancelled)
		return "", nil
	})
	s.Register("echo", "", 0, unixctl.Unlimited, func(r *unixctl.Request) (string, error) { return strings.Join(r.Args, ","), nil })
	for _, tc := range []struct{ send, want string }{
		{`{"method":"echo","params":["a","b"],"id":1}{"method":"echo","params":[],"id":"x"}`, `{"result":"a,b\n","error":null,"id":1}{"result":"","error":null,"id":"x"}`},
		{`{"method":"echo","params":[1],"id":2}`, `{"result":null,"error":"\"echo\" command has non-string argument\n","id":2}`},
		{`{"method":"set-options","params":["--format","json"],"id":0}{"method":"echo","params":["q"],"id":1}`,
			`{"result":"","error":null,"id":0}{"result":{"reply":"q","reply-format":"plain"},"error":null,"id":1}`},
		{`{"method":"set-options","params":["--format=xml"],"id":0}`, `{"result":null,"error":"option format has invalid value xml\n","id":0}`},
		{`{"id":3,"result":"x","error":null}`, ""},
		{`nonsense`, ""},
		{`{"method":"echo","params":"x","id":1}`, ""},
	} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write([]byte(tc.send)); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.UnixConn).CloseWrite(); err != nil && tc.want != "" {
			t.Fatal(err)
		}
		var got strings.Builder
		dec := json.NewDecoder(c)
		for {
			var raw json.RawMessage
			if dec.Decode(&raw) != nil {
				break
			}
			got.Write(raw)
		}
		_ = c.Close()
		if got.String() != tc.want && !(tc.want != "" && strings.HasPrefix(tc.want, got.String())) {
			t.Errorf("%s\n got %s\nwant %s", tc.send, got.String(), tc.want)
		}
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, `{"method":"wait","params":[],"id":1}`)
	_ = c.Close()
	select {
	case <-cancelled:
	case <-time.After(10 * time.Second):
		t.Error("a handler was not told that its client left")
	}
}

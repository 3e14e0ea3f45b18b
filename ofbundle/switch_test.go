package ofbundle

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// vswitch is an ovs-vswitchd of its own with a bridge br-int on the dummy
// datapath.
type vswitch struct {
	t      testing.TB
	root   string    // "" or the root directory its programs live in
	dir    string    // as seen inside root
	daemon *exec.Cmd // ovs-vswitchd
	ended  chan struct{}
	stops  []func()
}

// ovsRoot names a directory to use as root for Open vSwitch's programs: that
// tries another version than the host's.
const ovsRoot = "OVS_ROOT"

func startSwitch(t testing.TB) *vswitch {
	t.Helper()
	// Unix sockets have 108 bytes for their name: no t.TempDir.
	root := os.Getenv(ovsRoot)
	made, err := os.MkdirTemp(filepath.Join(root, "/tmp"), "ofb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(made) })
	dir := strings.TrimPrefix(made, strings.TrimSuffix(root, "/"))
	s := &vswitch{t: t, root: root, dir: dir}
	s.run("ovsdb-tool", "create", dir+"/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
	s.start("ovsdb-server", dir+"/conf.db", "--remote=punix:"+dir+"/db.sock", "--unixctl="+dir+"/ovsdb.ctl", "-vconsole:off")
	s.waitFor("db.sock")
	s.run("ovs-vsctl", "--no-wait", "--db=unix:"+dir+"/db.sock", "--", "init",
		"--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail_mode=secure",
		"protocols=OpenFlow14,OpenFlow15")
	s.startDaemon()
	return s
}

func (s *vswitch) startDaemon() {
	s.t.Helper()
	s.daemon, s.ended = s.start("ovs-vswitchd", "unix:"+s.dir+"/db.sock", "--enable-dummy", "--disable-system",
		"--unixctl="+s.dir+"/vswitchd.ctl", "-vconsole:off")
	s.waitFor("br-int.mgmt")
}

// stop ends all daemons before the test does.
func (s *vswitch) stop() {
	for _, f := range s.stops {
		f()
	}
}

// killDaemon ends ovs-vswitchd the hard way; its flows are gone.
func (s *vswitch) killDaemon() {
	s.daemon.Process.Kill()
	<-s.ended
	os.Remove(s.root + s.dir + "/br-int.mgmt")
}

// target is where this process finds the bridge, mgmt where the switch's own
// programs do.
func (s *vswitch) target() string { return "unix:" + s.root + s.dir + "/br-int.mgmt" }
func (s *vswitch) mgmt() string   { return "unix:" + s.dir + "/br-int.mgmt" }

func (s *vswitch) command(name string, args ...string) *exec.Cmd {
	path := ""
	for _, dir := range [...]string{"/usr/sbin/", "/usr/bin/", "/usr/lib/openvswitch-switch/"} {
		if _, err := os.Stat(s.root + dir + name); err == nil {
			path = dir + name
			break
		}
	}
	if path == "" {
		s.t.Fatalf("%s is missing: apt-get install openvswitch-switch", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+s.dir, "OVS_LOGDIR="+s.dir, "OVS_DBDIR="+s.dir, "OVS_SYSCONFDIR="+s.dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root}
	return cmd
}

func (s *vswitch) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start runs a daemon in the foreground until the test ends or this process
// dies.
func (s *vswitch) start(name string, args ...string) (*exec.Cmd, chan struct{}) {
	s.t.Helper()
	return s.startCmd(s.command(name, args...))
}

func (s *vswitch) startCmd(cmd *exec.Cmd) (*exec.Cmd, chan struct{}) {
	s.t.Helper()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The signal comes when the thread that started the child dies.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		s.t.Fatalf("%s: %v", cmd.Path, err)
	}
	stop := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	s.stops = append(s.stops, stop)
	s.t.Cleanup(stop)
	return cmd, ended
}

func (s *vswitch) waitFor(file string) {
	s.t.Helper()
	eventually(s.t, file+" to answer", func() bool {
		// The file is there before anybody listens.
		c, err := net.Dial("unix", filepath.Join(s.root, s.dir, file))
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

// atLeast compares Open vSwitch's version.
func (s *vswitch) atLeast(major, minor int) bool {
	s.t.Helper()
	var a, b int
	out := s.run("ovs-vswitchd", "--version")
	_, version, _ := strings.Cut(out, "(Open vSwitch) ")
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		s.t.Fatalf("%q: %v", out, err)
	}
	return a > major || a == major && b >= minor
}

func (s *vswitch) ofctl(args ...string) string {
	s.t.Helper()
	cmd := append([]string{"-O", "OpenFlow15"}, args[0], s.mgmt())
	return s.run("ovs-ofctl", append(cmd, args[1:]...)...)
}

// flows is the dump of all flows without statistics, in lines.
func (s *vswitch) flows() []string {
	s.t.Helper()
	out := s.run("ovs-ofctl", "-O", "OpenFlow15", "--no-names", "--no-stats", "dump-flows", s.mgmt())
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// watch starts a flow monitor; what it returns gives the events seen so far.
func (s *vswitch) watch() (events func() string) {
	s.t.Helper()
	cmd := s.command("ovs-ofctl", "-O", "OpenFlow15", "monitor", s.mgmt(), "watch:!initial")
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	s.startCmd(cmd)
	// The reply to the request is empty; a change of our own shows that it works.
	eventually(s.t, "the flow monitor to start", func() bool {
		s.ofctl("add-flow", "table=200,priority=1,actions=drop")
		return strings.Contains(out.String(), "event=ADDED")
	})
	s.ofctl("del-flows", "table=200")
	eventually(s.t, "the flow monitor to see the end", func() bool {
		return strings.Contains(out.String(), "event=DELETED")
	})
	skip := len(out.String())
	return func() string { return out.String()[skip:] }
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// agent is a Writer that runs.
type agent struct {
	t testing.TB
	*Writer
	logs   *lockedBuffer
	cancel context.CancelFunc
	ended  chan struct{}
	events []Event // all received
	seq    uint64
}

func startAgent(t testing.TB, cfg Config) *agent {
	t.Helper()
	a := &agent{t: t, logs: &lockedBuffer{}, ended: make(chan struct{})}
	cfg.Log = slog.New(slog.NewTextHandler(a.logs, nil))
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff, cfg.MaxBackoff = 10*time.Millisecond, 100*time.Millisecond
	}
	a.Writer = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() {
		defer close(a.ended)
		_ = a.Run(ctx)
	}()
	t.Cleanup(a.stop)
	return a
}

func (a *agent) stop() {
	a.cancel()
	<-a.ended
}

// next waits for an event that ok accepts.
func (a *agent) next(what string, ok func(Event) bool) Event {
	a.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case e := <-a.Events():
			a.events = append(a.events, e)
			if ok(e) {
				return e
			}
		case <-timeout:
			a.t.Fatalf("waited in vain for %s; log:\n%s", what, a.logs)
		}
	}
}

func (a *agent) connected() Features {
	a.t.Helper()
	return a.next("a connection", func(e Event) bool { _, ok := e.(Connected); return ok }).(Connected).Features
}

// commit commits and waits for the acknowledgement.
func (a *agent) commit() {
	a.t.Helper()
	a.seq++
	a.Commit(a.seq)
	a.acknowledged()
}

func (a *agent) acknowledged() {
	a.t.Helper()
	a.next(fmt.Sprintf("commit %d", a.seq), func(e Event) bool {
		c, ok := e.(Committed)
		return ok && c.Seq == a.seq
	})
}

func (a *agent) refusals() []Refused {
	var out []Refused
	for _, e := range a.events {
		if r, ok := e.(Refused); ok {
			out = append(out, r)
		}
	}
	return out
}

// flow makes a test flow.
func flow(table uint8, priority uint16, cookie uint64, match func(*openflow.MatchBuilder), act func(*openflow.ActionBuilder)) *openflow.Flow {
	var m openflow.MatchBuilder
	var b openflow.ActionBuilder
	if match != nil {
		match(&m)
	}
	if act != nil {
		act(&b)
	}
	f := &openflow.Flow{Table: table, Priority: priority, Cookie: cookie, Match: m.Match(),
		Actions: b.Actions(), Symbols: b.Symbols()}
	f.Owner[0], f.Owner[1], f.Owner[2], f.Owner[3] = byte(cookie>>24), byte(cookie>>16), byte(cookie>>8), byte(cookie)
	switch {
	case f.Actions != "":
		f.Kind = openflow.FlowAllow
	case f.Symbols != "":
		f.Kind = openflow.FlowConjunction
	default:
		f.Kind = openflow.FlowDrop
	}
	return f
}

func reg(n int, v uint64) func(*openflow.MatchBuilder) {
	return func(m *openflow.MatchBuilder) { m.SetU(openflow.Reg(n), v) }
}

func resubmit(table uint8) func(*openflow.ActionBuilder) {
	return func(b *openflow.ActionBuilder) { b.Resubmit(table) }
}

package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
)

// bed is a switch and two databases in a directory of their own, as children that
// die with the test.
type bed struct {
	t   *testing.T
	dir string
}

func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/usr/lib/openvswitch-switch"} {
		if p := filepath.Join(dir, name); exec.Command("test", "-x", p).Run() == nil {
			return p
		}
	}
	t.Fatalf("%s is missing: apt-get install %s", name, pkg)
	return ""
}

func schema(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range []string{"/usr/share/openvswitch", "/usr/share/ovn"} {
		if p := filepath.Join(dir, name); exec.Command("test", "-f", p).Run() == nil {
			return p
		}
	}
	t.Fatalf("%s is missing: apt-get install %s", name, pkg)
	return ""
}

func newBed(t *testing.T) *bed {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ovnl") // short: names of sockets are limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &bed{t: t, dir: dir}
	for db, file := range map[string][2]string{
		"conf.db": {"vswitch.ovsschema", "openvswitch-common"}, "sb.db": {"ovn-sb.ovsschema", "ovn-common"},
	} {
		b.must(tool(t, "ovsdb-tool", "openvswitch-common"), "create", b.path(db), schema(t, file[0], file[1]))
	}
	server := tool(t, "ovsdb-server", "openvswitch-switch")
	b.daemon(server, b.path("conf.db"), "--remote=punix:"+b.path("db.sock"), "--unixctl="+b.path("conf.ctl"))
	b.daemon(server, b.path("sb.db"), "--remote=punix:"+b.path("sb.sock"), "--unixctl="+b.path("sb.ctl"))
	b.eventually("the databases answer", func() bool {
		return b.try("ovs-vsctl", "--no-wait", "init") == nil && b.try("ovn-sbctl", "init") == nil
	})
	return b
}

// vswitchd starts the switch with a datapath that is not real.
func (b *bed) vswitchd() *exec.Cmd {
	return b.daemon(tool(b.t, "ovs-vswitchd", "openvswitch-switch"), "unix:"+b.path("db.sock"), "--enable-dummy=override",
		"--disable-system", "--unixctl="+b.path("vsw.ctl"))
}

func (b *bed) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) env() []string {
	return append(os.Environ(), "OVS_RUNDIR="+b.dir, "OVN_RUNDIR="+b.dir, "OVS_LOGDIR="+b.dir, "OVN_SB_DB=unix:"+b.path("sb.sock"),
		"OVS_SYSCONFDIR="+b.dir)
}

// daemon starts a child that is killed at the end of the test, in a network of its
// own where that is allowed.
func (b *bed) daemon(name string, args ...string) *exec.Cmd {
	b.t.Helper()
	start := func(flags uintptr) (*exec.Cmd, error) {
		cmd := exec.Command(name, append(args, "-vconsole:off", "-vsyslog:off", "--log-file="+b.path(filepath.Base(name)+".log"))...)
		cmd.Env, cmd.Dir = b.env(), b.dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: flags}
		return cmd, cmd.Start()
	}
	cmd, err := start(syscall.CLONE_NEWNET)
	if errors.Is(err, syscall.EPERM) {
		cmd, err = start(0)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func (b *bed) run(name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/bin", name)
	}
	cmd := exec.Command(path, append([]string{"--timeout=10"}, args...)...)
	if name == "ovsdb-tool" || strings.HasSuffix(name, "/ovsdb-tool") {
		cmd = exec.Command(path, args...)
	}
	cmd.Env, cmd.Dir = b.env(), b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func (b *bed) try(name string, args ...string) error { _, err := b.run(name, args...); return err }

func (b *bed) must(name string, args ...string) string {
	b.t.Helper()
	out, err := b.run(name, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bed) vsctl(args string) string {
	b.t.Helper()
	return b.must("ovs-vsctl", append([]string{"--no-wait"}, strings.Fields(args)...)...)
}

func (b *bed) sbctl(args string) string {
	b.t.Helper()
	return b.must("ovn-sbctl", append([]string{"--bare", "--no-leader-only"}, strings.Fields(args)...)...)
}

func (b *bed) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// agent is a loop on the bed.
type agent struct {
	*Loop
	cancel context.CancelFunc
	ctl    string
}

func (b *bed) agent(name string, more ...func(*Options)) *agent {
	b.t.Helper()
	a := &agent{ctl: b.path(name + ".ctl")}
	logger := slog.New(slog.NewTextHandler(testWriter{b.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	o := Options{
		OVSDatabase: "unix:" + b.path("db.sock"), OVSRunDir: b.dir, Identity: config.Identity{CLI: name},
		Logger: func(module string) *slog.Logger { return logger.With("module", module) },
	}
	for _, f := range more {
		f(&o)
	}
	a.Loop = New(o)
	server := unixctl.New(logger, "test")
	a.RegisterCommands(server)
	if err := server.Listen(a.ctl); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() { _ = a.Run(ctx); server.Close() }()
	b.t.Cleanup(func() { cancel(); <-a.done })
	return a
}

func (b *bed) appctl(a *agent, args ...string) string {
	b.t.Helper()
	return b.must("ovs-appctl", append([]string{"-t", a.ctl}, args...)...)
}

// testWriter shows the log of a test that failed.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	defer func() { _ = recover() }() // after the test's end
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *bed) configure(name string) {
	b.vsctl("set open . external_ids:ovn-remote=unix:" + b.path("sb.sock") +
		" external_ids:ovn-encap-type-" + name + "=geneve external_ids:ovn-encap-ip-" + name + "=192.168.0.1")
}

// TestRegistration: from an empty database to a chassis with tunnels, and back.
func TestRegistration(t *testing.T) {
	b := newBed(t)
	a := b.agent("hv1")
	if got := b.appctl(a, "connection-status"); got != "not connected" {
		t.Errorf("connection-status: %q", got)
	}
	b.vswitchd()
	b.configure("hv1")
	b.eventually("the chassis is registered", func() bool { return b.sbctl("--columns=name find chassis name=hv1") == "hv1" })
	b.eventually("the bridge is there", func() bool { return b.try("ovs-vsctl", "br-exists", "br-int") == nil })
	if got := b.appctl(a, "connection-status"); got != "connected" {
		t.Errorf("connection-status: %q", got)
	}
	b.sbctl("chassis-add hv2 geneve 192.168.0.2")
	b.eventually("a tunnel to hv2", func() bool {
		out, err := b.run("ovs-vsctl", "get", "interface", "ovn-hv2-0", "options:remote_ip", "options:local_ip")
		return err == nil && out == "\"192.168.0.2\"\n\"192.168.0.1\""
	})
	// Somebody deletes the record: it is made again.
	b.sbctl("chassis-del hv1")
	b.eventually("the chassis is back", func() bool { return b.sbctl("--columns=name find chassis name=hv1") == "hv1" })
	b.eventually("its private row too", func() bool {
		return b.sbctl("--columns=chassis find chassis_private name=hv1") == b.sbctl("--columns=_uuid find chassis name=hv1")
	})
	// The configuration is followed.
	b.vsctl("set open . external_ids:ovn-encap-ip-hv1=192.168.0.7")
	// The local address is part of what a tunnel is: it is another port.
	tunnel := func() string {
		return b.vsctl("--bare --columns=name find interface type=geneve options:remote_ip=192.168.0.2 options:local_ip=192.168.0.7")
	}
	b.eventually("the tunnel follows the address", func() bool {
		return tunnel() != "" && len(strings.Fields(b.vsctl("--bare --columns=name find interface type=geneve"))) == 1
	})
	b.vsctl("set open . external_ids:ovn-bridge=br-new")
	b.eventually("tunnels move with the bridge", func() bool {
		out, err := b.run("ovs-vsctl", "--no-wait", "port-to-br", tunnel())
		return err == nil && out == "br-new"
	})
	b.vsctl("remove open . external_ids ovn-bridge")
	b.eventually("and back", func() bool {
		out, err := b.run("ovs-vsctl", "--no-wait", "port-to-br", tunnel())
		return err == nil && out == "br-int"
	})
	b.vsctl("del-br br-int")
	b.eventually("a deleted bridge is made again, with its tunnels", func() bool {
		out, err := b.run("ovs-vsctl", "--no-wait", "port-to-br", tunnel())
		return err == nil && out == "br-int"
	})
	if out := b.appctl(a, "exit"); out != "" {
		t.Errorf("exit: %q", out)
	}
	if left := b.sbctl("--columns=name find chassis name=hv1") + b.sbctl("--columns=name find chassis_private name=hv1"); left != "" {
		t.Errorf("after exit: %q", left)
	}
	if left := tunnel(); left != "" {
		t.Errorf("after exit: the tunnel %s is still there", left)
	}
}

// plug makes a switch with one port and its interface.
func (b *bed) plug() {
	b.must("ovn-sbctl", "--", "--id=@d", "create", "Datapath_Binding", "tunnel_key=1", "external_ids:logical-switch=00000000-0000-0000-0000-000000000001",
		"external_ids:name=sw0", "--", "create", "Port_Binding", "datapath=@d", "logical_port=p1", "tunnel_key=1", "up=false")
	b.vsctl("add-port br-int vif1 -- set interface vif1 external_ids:iface-id=p1")
}

func (b *bed) bound(chassis, up string) bool {
	return b.sbctl("--columns=up find port_binding logical_port=p1") == up &&
		b.sbctl("--columns=chassis find port_binding logical_port=p1") == b.sbctl("--columns=_uuid find chassis name="+chassis)
}

// dump is both databases without what changes by itself.
func (b *bed) dump() string {
	local := b.must("ovsdb-client", "dump", "unix:"+b.path("db.sock"), "Open_vSwitch", "Bridge", "name", "external_ids", "ports", "flow_tables")
	local += b.must("ovsdb-client", "dump", "unix:"+b.path("db.sock"), "Open_vSwitch", "Interface", "name", "external_ids", "options")
	local += b.must("ovsdb-client", "dump", "unix:"+b.path("db.sock"), "Open_vSwitch", "Open_vSwitch", "external_ids", "other_config")
	sb := ""
	for _, table := range []string{"Chassis", "Chassis_Private", "Encap", "Port_Binding"} {
		sb += b.must("ovsdb-client", "dump", "unix:"+b.path("sb.sock"), "OVN_Southbound", table)
	}
	for _, key := range []string{"ovn-startup-ts"} {
		if i := strings.Index(local, key); i >= 0 {
			j := i + strings.IndexAny(local[i:], ",}")
			local = local[:i] + local[j:]
		}
	}
	return local + sb
}

// plugged starts a switch and an agent, and gives the bridge that it makes a port.
func (b *bed) plugged(chassis string, more ...func(*Options)) *agent {
	b.t.Helper()
	b.vswitchd()
	b.configure(chassis)
	a := b.agent(chassis, more...)
	b.eventually("the bridge is there", func() bool { return b.try("ovs-vsctl", "br-exists", "br-int") == nil })
	b.plug()
	return a
}

// TestBindingLifecycle: claimed, installed and up; unchanged by a restart; released
// when the interface goes; nb_cfg follows.
func TestBindingLifecycle(t *testing.T) {
	b := newBed(t)
	a := b.plugged("hv1")
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	b.eventually("and installed", func() bool {
		out, err := b.run("ovs-vsctl", "--no-wait", "get", "interface", "vif1", "external_ids:ovn-installed")
		return err == nil && out == `"true"`
	})
	b.eventually("zones are recorded", func() bool {
		out, err := b.run("ovs-vsctl", "--no-wait", "get", "bridge", "br-int", "external_ids:ct-zone-p1", "external_ids:ct-zone-sw0_dnat", "external_ids:ct-zone-sw0_snat")
		return err == nil && len(strings.Fields(out)) == 3
	})
	zones := b.appctl(a, "ct-zone-list")
	if got := b.appctl(a, "debug/dump-local-datapaths"); !strings.Contains(got, "Datapath: sw0, type: switch") {
		t.Errorf("local datapaths: %s", got)
	}
	b.sbctl("set SB_Global . nb_cfg=5")
	b.eventually("nb_cfg is reported", func() bool { return b.sbctl("--columns=nb_cfg find chassis_private name=hv1") == "5" })

	b.appctl(a, "debug/pause")
	b.sbctl("set SB_Global . nb_cfg=6")
	if got := b.appctl(a, "debug/status"); got != "paused" {
		t.Errorf("status %q", got)
	}
	time.Sleep(100 * time.Millisecond)
	if got := b.sbctl("--columns=nb_cfg find chassis_private name=hv1"); got != "5" {
		t.Errorf("paused, yet nb_cfg is %s", got)
	}
	b.appctl(a, "debug/resume")
	b.eventually("nb_cfg is reported after the pause", func() bool { return b.sbctl("--columns=nb_cfg find chassis_private name=hv1") == "6" })
	b.eventually("and on the bridge", func() bool {
		out, _ := b.run("ovs-vsctl", "--no-wait", "get", "bridge", "br-int", "external_ids:ovn-nb-cfg")
		return out == `"6"`
	})

	before := b.dump()
	b.appctl(a, "exit", "--restart")
	<-a.done
	if after := b.dump(); after != before {
		t.Errorf("exit --restart changed\n%s\ninto\n%s", before, after)
	}
	started := b.vsctl("get bridge br-int external_ids:ovn-startup-ts")
	a = b.agent("hv1")
	b.eventually("the new agent is through", func() bool {
		return b.vsctl("get bridge br-int external_ids:ovn-startup-ts") != started && b.appctl(a, "ct-zone-list") == zones
	})
	b.sbctl("set SB_Global . nb_cfg=7")
	b.eventually("nb_cfg is reported after the restart", func() bool { return b.sbctl("--columns=nb_cfg find chassis_private name=hv1") == "7" })
	if !b.bound("hv1", "true") {
		t.Error("the restart took the port down")
	}
	if now := b.appctl(a, "ct-zone-list"); now != zones {
		t.Errorf("zones\n%s became\n%s", zones, now)
	}

	b.vsctl("del-port vif1")
	b.eventually("the port is released", func() bool {
		return b.sbctl("--columns=chassis find port_binding logical_port=p1") == "" && b.sbctl("--columns=up find port_binding logical_port=p1") == "false"
	})
	b.eventually("its zones are free", func() bool { return b.appctl(a, "ct-zone-list") == "" })
}

// TestSouthboundAway: without the southbound database nothing is taken back, and
// what happened meanwhile is made up for.
func TestSouthboundAway(t *testing.T) {
	b := newBed(t)
	a := b.plugged("hv1")
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	b.must("ovs-appctl", "-t", b.path("sb.ctl"), "exit")
	b.eventually("the loss is noticed", func() bool { return b.appctl(a, "connection-status") == "not connected" })
	b.vsctl("add-port br-int vif2 -- set interface vif2 external_ids:iface-id=p2")
	if got := b.appctl(a, "debug/dump-local-bindings"); !strings.Contains(got, "primary lport : [p1]") {
		t.Errorf("bindings without a database:\n%s", got)
	}
	b.daemon(tool(t, "ovsdb-server", "openvswitch-switch"), b.path("sb.db"), "--remote=punix:"+b.path("sb.sock"), "--unixctl="+b.path("sb.ctl"))
	b.eventually("connected again", func() bool { return b.appctl(a, "connection-status") == "connected" })
	d := b.sbctl("--columns=_uuid find datapath_binding tunnel_key=1")
	b.sbctl("create port_binding datapath=" + d + " logical_port=p2 tunnel_key=2 up=false")
	b.eventually("the second port is up", func() bool { return b.sbctl("--columns=up find port_binding logical_port=p2") == "true" })
	if !b.bound("hv1", "true") {
		t.Error("the first port was taken down")
	}
}

// TestTwoAgents: two agents on one switch database, each with its own bridge, leave
// each other's ports alone; a port both want is not fought for.
func TestTwoAgents(t *testing.T) {
	b := newBed(t)
	b.vswitchd()
	b.configure("hv1")
	b.configure("hv2")
	b.vsctl("set open . external_ids:ovn-encap-ip-hv2=192.168.0.2 external_ids:ovn-bridge-hv2=br-two")
	first := b.agent("hv1")
	index := func(chassis string) string {
		out, err := b.run("ovs-vsctl", "--no-wait", "get", "open", ".", "other_config:ovn-chassis-idx-"+chassis)
		if err != nil {
			return "none"
		}
		return strings.Trim(out, `"`)
	}
	b.eventually("the first has the empty index", func() bool { return index("hv1") == "" })
	b.agent("hv2")
	tunnels := func(bridge string) string {
		out, err := b.run("ovs-vsctl", "--no-wait", "list-ports", bridge)
		if err != nil {
			return err.Error()
		}
		return out
	}
	both := func() bool { return tunnels("br-int") == "ovn-hv2-0" && tunnels("br-two") == "ovn0-hv1-0" }
	b.eventually("each has its tunnel", both)
	rows := func() string {
		return b.vsctl("--bare --columns=_uuid find port name=ovn-hv2-0") + b.vsctl("--bare --columns=_uuid find port name=ovn0-hv1-0")
	}
	before := rows()
	// What an agent left on a bridge that was its own goes by the index in its name.
	b.vsctl("add-br br-old -- add-port br-old ovn-gone-0 -- set port ovn-gone-0 external_ids:ovn-chassis-id=gone@10.0.0.9 " +
		"-- add-port br-old ovn0-gone-0 -- set port ovn0-gone-0 external_ids:ovn-chassis-id=gone@10.0.0.9 -- add-port br-old ovn-mine")
	b.appctl(first, "exit", "--restart")
	<-first.done
	b.agent("hv1")
	b.eventually("what the first left goes, and only that", func() bool { return tunnels("br-old") == "ovn-mine\novn0-gone-0" })
	if now := rows(); now != before || !both() {
		t.Errorf("the tunnels %s became %s", before, now)
	}
	b.plug()
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	b.vsctl("add-port br-two vif2 -- set interface vif2 external_ids:iface-id=p1")
	claims := 0
	last := ""
	for range 60 {
		if now := b.sbctl("--columns=chassis find port_binding logical_port=p1"); now != last && now != "" {
			claims++
			last = now
		}
		time.Sleep(10 * time.Millisecond)
	}
	if claims > 3 {
		t.Errorf("the port changed hands %d times", claims)
	}
}

func (b *bed) flows() int {
	out, err := b.run("ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "unix:"+b.path("br-int.mgmt"))
	if err != nil {
		return -1
	}
	return len(strings.Split(out, "\n"))
}

// TestSwitchRestart: a switch that lost its flows, and a bridge that was deleted,
// get them again.
func TestSwitchRestart(t *testing.T) {
	b := newBed(t)
	vswitchd := b.vswitchd()
	b.configure("hv1")
	a := b.agent("hv1")
	b.eventually("the bridge is there", func() bool { return b.try("ovs-vsctl", "br-exists", "br-int") == nil })
	b.plug()
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	before := b.flows()
	if before < 10 {
		t.Fatalf("%d flows", before)
	}
	_ = vswitchd.Process.Kill()
	_ = vswitchd.Wait()
	b.vswitchd()
	b.eventually("the flows are back", func() bool { return b.flows() == before })
	if !b.bound("hv1", "true") {
		t.Error("the restart of the switch took the port down")
	}
	zones := b.appctl(a, "ct-zone-list")
	b.must("ovs-vsctl", "--no-wait", "del-br", "br-int")
	b.eventually("a new bridge", func() bool { return b.try("ovs-vsctl", "--no-wait", "br-exists", "br-int") == nil })
	b.vsctl("add-port br-int vif1 -- set interface vif1 external_ids:iface-id=p1")
	b.eventually("flows on the new bridge", func() bool { return b.flows() == before })
	b.eventually("the port is up again", func() bool { return b.bound("hv1", "true") })
	b.eventually("zones are on the new bridge", func() bool {
		out, _ := b.run("ovs-vsctl", "--no-wait", "get", "bridge", "br-int", "external_ids:ct-zone-p1")
		return out != "" && len(strings.Split(b.appctl(a, "ct-zone-list"), "\n")) == len(strings.Split(zones, "\n"))
	})
}

// TestCommands: the commands by which tests of the C agent steer it.
func TestCommands(t *testing.T) {
	b := newBed(t)
	a := b.plugged("hv1")
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	for _, c := range []struct{ command, want string }{
		{"inc-engine/clear-stats", ""},
		{"inc-engine/show-stats flow_output recompute", "0"},
		{"recompute", ""},
		{"inc-engine/recompute", ""},
		{"lflow-cache/flush", ""},
		{"flush-lflow-cache", ""},
		{"inc-engine/show-stats flow_output recompute", "4"},
		{"inc-engine/show-stats lflow_output cancel", "0"},
		{"inc-engine/compute-log-timeout 500", ""},
		{"lflow-cache/show-stats", "Enabled: false"},
		{"sb-cluster-state-reset", ""},
		{"debug/delay-nb-cfg-report 1", "delay nb_cfg report for 1 seconds."},
	} {
		if got := b.appctl(a, strings.Fields(c.command)...); got != c.want {
			t.Errorf("%s: %q, want %q", c.command, got, c.want)
		}
	}
	for command, want := range map[string]string{
		"inc-engine/show-stats nosuch":             "Invalid engine node name",
		"inc-engine/show-stats flow_output nosuch": "Invalid counter name",
		"inc-engine/compute-log-timeout soon":      "unsigned integer required",
		"debug/delay-nb-cfg-report soon":           "unsigned integer required",
	} {
		if out, err := b.run("ovs-appctl", append([]string{"-t", a.ctl}, strings.Fields(command)...)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %q, %v", command, out, err)
		}
	}
	reported := func(n string) time.Duration {
		begin := time.Now()
		b.sbctl("set SB_Global . nb_cfg=" + n)
		b.eventually("nb_cfg is reported", func() bool { return b.sbctl("--columns=nb_cfg find chassis_private name=hv1") == n })
		return time.Since(begin)
	}
	if d := reported("5"); d < 900*time.Millisecond {
		t.Errorf("reported after %v, with a delay of 1 s", d)
	}
	if got := b.appctl(a, "debug/delay-nb-cfg-report", "0"); got != "no delay for nb_cfg report." {
		t.Error(got)
	}
	reported("6")
	if !b.bound("hv1", "true") {
		t.Error("the port is down")
	}
}

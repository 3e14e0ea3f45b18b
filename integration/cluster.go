package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	southboundPort = 6642
	// The fabric's address on the management network; chassis n is .10+n.
	fabricMgmt = "172.30.0.1"
	// The underlay carries full guest packets inside Geneve over IPv6.
	underlayMTU = 1700
)

// Options say what a cluster is made of. Its zero value is the reference stack
// with our agent.
type Options struct {
	// Stack provides NB, SB and northd, and also OVS and the C agent unless
	// Switch is set.
	Stack *Stack
	// Switch provides ovsdb-server and ovs-vswitchd of the chassis.
	Switch *Stack
	// Agent is what runs on each chassis.
	Agent AgentKind
	// Reference provides the reference agent, nil for Stack.
	Reference *Stack
	// Southbound is a database file to start with, copied; "" for an empty one.
	Southbound string
	// Raft makes the southbound server a cluster of one: such a server remembers its
	// last transactions.
	Raft bool
	// NoNorthd leaves NB and northd out: the southbound database is as given.
	NoNorthd bool
	// Probe is the southbound server's inactivity probe, 0 for its default of five
	// seconds. A client that computes for longer without answering is cut off.
	Probe time.Duration
	// Members is the number of southbound servers that form a cluster, 0 for one
	// server that is none.
	Members int
	// Dummy gives the chassis dummy datapaths and ports: flows without packets.
	Dummy bool
	// NoVerify leaves out the check from scratch at the end.
	NoVerify bool
}

// Cluster is the central part: databases, northd and the networks that connect
// chassis.
type Cluster struct {
	t       T
	opt     Options
	dir     string
	fabric  *Namespace
	nb, sb  *database
	raft    []*database // the southbound servers of a cluster; sb is the first
	northd  *Process
	Chassis []*Chassis
	ext     int // external hosts so far
	copies  int // of the southbound database so far
}

// NewCluster starts a cluster without chassis. It goes with the test.
func NewCluster(t T, opt Options) *Cluster {
	t.Helper()
	if opt.Stack == nil {
		opt.Stack = Sid(t)
	}
	if opt.Switch == nil {
		opt.Switch = opt.Stack
	}
	if opt.Reference == nil {
		opt.Reference = opt.Stack
	}
	scope := &scope{T: t}
	t.Cleanup(scope.close)
	t = scope
	c := &Cluster{t: t, opt: opt, dir: newRunDir(t)}
	scope.before = c.verify
	c.fabric = newNamespace(t, "fabric", opt.Stack)
	c.fabric.do(t, "networks", func() error {
		for _, br := range []string{"mgmt", "under", "ext"} {
			if err := addBridge(br, underlayMTU); err != nil {
				return err
			}
		}
		return addAddresses("mgmt", fabricMgmt+"/24")
	})
	dir := filepath.Join(c.dir, "central")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("%v", err)
	}
	if opt.Southbound != "" {
		copyFile(t, opt.Southbound, filepath.Join(dir, "sb.db"))
	}
	if opt.Raft {
		createRaft(t, c.fabric, opt.Stack, dir, "sb", "ovn-sb.ovsschema")
	}
	switch {
	case opt.Members > 0:
		c.startMembers(dir)
	case opt.Probe == 0:
		c.sb = startDatabase(t, c.fabric, opt.Stack, dir, "sb", "ovn-sb.ovsschema", southboundPort)
	default:
		c.sb = startDatabase(t, c.fabric, opt.Stack, dir, "sb", "ovn-sb.ovsschema", 0,
			"--remote=db:OVN_Southbound,SB_Global,connections", "--private-key=db:OVN_Southbound,SSL,private_key",
			"--certificate=db:OVN_Southbound,SSL,certificate", "--ca-cert=db:OVN_Southbound,SSL,ca_cert")
		c.SB("init", "--", "set-connection", fmt.Sprintf("ptcp:%d:0.0.0.0", southboundPort), "--",
			"set", "Connection", ".", fmt.Sprintf("inactivity_probe=%d", opt.Probe.Milliseconds()))
	}
	if !opt.NoNorthd {
		c.nb = startDatabase(t, c.fabric, opt.Stack, dir, "nb", "ovn-nb.ovsschema", 0)
		c.StartNorthd()
		c.NB("init")
	}
	return c
}

// scope keeps what belongs to a cluster until all of it goes, so that cleanups
// which a test registers after NewCluster still find it running.
type scope struct {
	T
	before   func() // called first, while everything runs
	cleanups []func()
}

func (s *scope) Cleanup(fn func()) { s.cleanups = append(s.cleanups, fn) }

func (s *scope) close() {
	if s.before != nil {
		s.before()
	}
	for _, fn := range slices.Backward(s.cleanups) {
		fn()
	}
}

func copyFile(t T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		t.Fatalf("copy of %s: %v", from, err)
	}
}

// StartNorthd starts ovn-northd, after StopNorthd.
func (c *Cluster) StartNorthd() {
	c.t.Helper()
	ctl := filepath.Join(c.sb.dir, "ovn-northd.ctl")
	c.northd = c.fabric.start(c.t, "ovn-northd", filepath.Join(c.sb.dir, "ovn-northd.log"), command{
		stack: c.opt.Stack, path: "ovn-northd", env: runEnv(c.sb.dir),
		args: []string{"--ovnnb-db=" + c.nb.remote(), "--ovnsb-db=" + c.southbound(),
			"--unixctl=" + ctl, "-vconsole:info", "-vsyslog:off"}})
	waitSocket(c.t, c.northd, ctl)
}

// NorthdCtl runs a command on ovn-northd's control socket.
func (c *Cluster) NorthdCtl(args ...string) (string, error) {
	return c.Output("ovs-appctl", append([]string{"-t", filepath.Join(c.sb.dir, "ovn-northd.ctl")}, args...)...)
}

// StopNorthd stops ovn-northd: from now on the southbound database changes by
// what agents and the test write only.
func (c *Cluster) StopNorthd() {
	c.t.Helper()
	if err := c.northd.Stop(); err != nil {
		c.t.Fatalf("%v", err)
	}
	os.Remove(filepath.Join(c.sb.dir, "ovn-northd.ctl"))
}

// Release is the OVN release of the reference agent: 23 for 23.03.
func (c *Cluster) Release() int { return c.opt.Reference.Major }

// AgentKind is what runs on the chassis unless a test says otherwise.
func (c *Cluster) AgentKind() AgentKind { return c.opt.Agent.resolve() }

// Reference tells whether agents are the reference's.
func (c *Cluster) Reference() bool { return c.AgentKind() == Reference }

// StopSouthbound stops the southbound server; agents lose their connection.
func (c *Cluster) StopSouthbound() { c.sb.Kill() }

// StartSouthbound starts it again, with the same contents.
func (c *Cluster) StartSouthbound() {
	c.t.Helper()
	c.sb.start(c.t)
}

// ReplaceSouthbound stops the southbound server, puts an empty database in the
// place of its own, and starts it again.
func (c *Cluster) ReplaceSouthbound() {
	c.t.Helper()
	c.sb.Kill()
	if err := os.Remove(c.sb.file()); err != nil {
		c.t.Fatalf("%v", err)
	}
	c.sb = startDatabase(c.t, c.fabric, c.opt.Stack, c.sb.dir, "sb", "ovn-sb.ovsschema", southboundPort)
}

// Dir is a directory that every program of the cluster can read.
func (c *Cluster) Dir() string { return c.dir }

// SouthboundFile is the path of the southbound database file.
func (c *Cluster) SouthboundFile() string { return c.sb.file() }

// NorthboundSocket is the path of the northbound server's socket.
func (c *Cluster) NorthboundSocket() string { return c.nb.socket() }

// SouthboundSocket is the path of the southbound server's socket.
func (c *Cluster) SouthboundSocket() string { return c.sb.socket() }

// Output runs a client program of the cluster's stack where the databases are.
func (c *Cluster) Output(program string, args ...string) (string, error) {
	env := runEnv(c.sb.dir)
	env = append(env, "OVN_SB_DB="+c.southbound())
	if c.nb != nil {
		env = append(env, "OVN_NB_DB="+c.nb.remote())
	}
	return c.fabric.output(command{stack: c.opt.Stack, path: program, args: args, env: env})
}

// NB runs ovn-nbctl. One argument is a script: one command a line, blank lines
// and lines that begin with # left out, run as one transaction with words split
// as a shell would. Several arguments are taken as they are. It returns what was
// printed.
func (c *Cluster) NB(args ...string) string {
	c.t.Helper()
	return c.ctl("ovn-nbctl", args)
}

// SB runs ovn-sbctl in the same way.
func (c *Cluster) SB(args ...string) string {
	c.t.Helper()
	return c.ctl("ovn-sbctl", args)
}

func (c *Cluster) ctl(program string, args []string) string {
	c.t.Helper()
	if len(args) == 1 {
		var err error
		if args, err = scriptArgs(args[0]); err != nil {
			c.t.Fatalf("%s: %v", program, err)
		}
	}
	args = append([]string{"--timeout=60"}, args...)
	out, err := c.Output(program, args...)
	// A client gives up at once when no server of the cluster leads.
	for range 40 {
		if err == nil || c.raft == nil || !strings.Contains(err.Error(), "database connection failed") {
			break
		}
		time.Sleep(250 * time.Millisecond)
		out, err = c.Output(program, args...)
	}
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	return strings.TrimSpace(out)
}

// Sync waits until northd has translated all that was written to NB.
func (c *Cluster) Sync() {
	c.t.Helper()
	c.NB("--wait=sb", "sync")
}

// WaitHV waits until every chassis has installed all that was written to NB.
func (c *Cluster) WaitHV() {
	c.t.Helper()
	if out, err := c.Output("ovn-nbctl", "--timeout=30", "--wait=hv", "sync"); err != nil {
		var logs strings.Builder
		for _, ch := range c.Chassis {
			if ch.Agent != nil {
				fmt.Fprintf(&logs, "\n%s %s", ch.Name, ch.Agent.Tail(25))
			}
		}
		c.t.Fatalf("chassis do not catch up: %v%s%s", err, out, logs.String())
	}
}

// WaitSettled is WaitHV for a cluster without northd: it raises the number that
// every agent acknowledges when it has installed what is in the southbound
// database, and waits for the chassis' acknowledgement.
func (c *Cluster) WaitSettled(ch *Chassis, timeout time.Duration) error {
	c.t.Helper()
	n := fmt.Sprint(time.Now().UnixMilli())
	if _, err := c.Output("ovn-sbctl", "set", "SB_Global", ".", "nb_cfg="+n); err != nil {
		return err
	}
	_, err := c.Output("ovn-sbctl", fmt.Sprintf("--timeout=%d", int(timeout.Seconds())),
		"wait-until", "Chassis_Private", ch.Name, "nb_cfg="+n)
	return err
}

// WaitUp waits until logical ports are up.
func (c *Cluster) WaitUp(lports ...string) {
	c.t.Helper()
	for _, lp := range lports {
		c.NB("wait-until", "Logical_Switch_Port", lp, "up=true")
	}
}

// CopyOptions describes a cluster without northd and packets whose southbound
// database is a copy of this one's present contents.
func (c *Cluster) CopyOptions() Options {
	c.t.Helper()
	// ovsdb-client asks the server, so that no half-written record is copied.
	backup, err := c.Output("ovsdb-client", "backup", c.sb.remote(), "OVN_Southbound")
	if err != nil {
		c.t.Fatalf("copy of the southbound database: %v", err)
	}
	c.copies++
	file := filepath.Join(c.dir, fmt.Sprintf("copy-%d.db", c.copies))
	if err := os.WriteFile(file, []byte(backup), 0o644); err != nil {
		c.t.Fatalf("copy of the southbound database: %v", err)
	}
	return Options{Stack: c.opt.Stack, Switch: c.opt.Switch, Agent: c.opt.Agent,
		Southbound: file, NoNorthd: true, Dummy: true, NoVerify: true}
}

// External makes a host on the physical network that every chassis' localnet
// bridge is attached to.
func (c *Cluster) External(spec GuestSpec) *Guest {
	c.t.Helper()
	c.ext++
	g := newGuest(c.t, spec)
	port := fmt.Sprintf("ext%d", c.ext)
	mac, err := net.ParseMAC(spec.MAC)
	if err != nil {
		c.t.Fatalf("external host %s: %v", spec.Name, err)
	}
	if err := connect(c.fabric, port, g.Namespace, "eth0", mac, 1500); err != nil {
		c.t.Fatalf("external host %s: %v", spec.Name, err)
	}
	c.fabric.do(c.t, "attach", func() error { return enslave(port, "ext") })
	g.configure()
	return g
}

package integration

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Chassis is a hypervisor: a namespace with OVS and an agent.
type Chassis struct {
	Name      string // system-id
	Encap     string // tunnel address
	ns        *Namespace
	t         T
	c         *Cluster
	dir       string
	index     int
	conf      *database
	switchd   *Process
	Agent     *Agent
	agentEnv  []string // besides what tells it where the chassis is
	Guests    []*Guest
	ports     int          // guests' interfaces named so far
	monitors  int          // started so far
	snapshots int          // of its databases so far
	proxy     *SwitchProxy // between agent and switch, if there is one
	// localRemote is the agent's way to the local database, "" for the server's own
	// socket.
	localRemote string
}

// AddChassis adds a chassis with its agent running.
func (c *Cluster) AddChassis(name string) *Chassis {
	c.t.Helper()
	ch := c.AddBareChassis(name)
	ch.StartAgent()
	return ch
}

// AddBareChassis adds a chassis whose agent has not been started: networks, OVS,
// br-int, and the configuration the agent reads.
func (c *Cluster) AddBareChassis(name string) *Chassis {
	c.t.Helper()
	n := len(c.Chassis) + 1
	ch := &Chassis{Name: name, t: c.t, c: c, index: n,
		Encap: fmt.Sprintf("172.31.0.%d", 10+n), dir: filepath.Join(c.dir, name)}
	c.Chassis = append(c.Chassis, ch)
	if err := os.Mkdir(ch.dir, 0o755); err != nil {
		c.t.Fatalf("chassis %s: %v", name, err)
	}
	ch.ns = newNamespace(c.t, name, c.opt.Stack, c.opt.Switch)
	for _, link := range []string{"mgmt", "under", "ext"} {
		far := fmt.Sprintf("%s-%d", link, n)
		if err := connect(c.fabric, far, ch.ns, link+"0", nil, underlayMTU); err != nil {
			c.t.Fatalf("chassis %s: %v", name, err)
		}
		c.fabric.do(c.t, "attach", func() error { return enslave(far, link) })
	}
	ch.ns.do(c.t, "management address", func() error {
		return addAddresses("mgmt0", fmt.Sprintf("172.30.0.%d/24", 10+n))
	})
	ch.conf = startDatabase(c.t, ch.ns, c.opt.Switch, ch.dir, "db", "vswitch.ovsschema", 0)
	ch.VSCtl("--no-wait", "init")
	ch.StartSwitch()

	datapath := "netdev"
	if c.opt.Dummy {
		datapath = "dummy"
	}
	ch.VSCtl(fmt.Sprintf(`
set Open_vSwitch . external_ids:system-id=%s external_ids:hostname=%[1]s
set Open_vSwitch . external_ids:ovn-remote="%s"
set Open_vSwitch . external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=%s
set Open_vSwitch . external_ids:ovn-bridge-datapath-type=%s
add-br br-int
set Bridge br-int datapath_type=%[4]s fail_mode=secure other_config:disable-in-band=true
`, name, c.remotes(), ch.Encap, datapath))
	if !c.opt.Dummy {
		ch.addUnderlay()
	}
	return ch
}

// addUnderlay puts the tunnel address on an OVS bridge: the userspace datapath
// does its own encapsulation and sends only through ports it has.
func (ch *Chassis) addUnderlay() {
	ch.t.Helper()
	ch.VSCtl(`
add-br br-phy
set Bridge br-phy datapath_type=netdev
set Interface br-phy mtu_request=` + fmt.Sprint(underlayMTU) + `
add-port br-phy under0`)
	ch.ns.do(ch.t, "tunnel address", func() error {
		if err := addAddresses("br-phy", ch.Encap+"/24"); err != nil {
			return err
		}
		return plainUp("br-phy")
	})
}

// RestoreUnderlay gives br-phy its address again: its interface is new when
// ovs-vswitchd is.
func (ch *Chassis) RestoreUnderlay() {
	ch.t.Helper()
	WaitFor(ch.t, 10*time.Second, "tunnel address", func() error {
		return ch.ns.Do(func() error {
			if err := addAddresses("br-phy", ch.Encap+"/24"); err != nil && !errors.Is(err, unix.EEXIST) {
				return err
			}
			return plainUp("br-phy")
		})
	})
}

// StartSwitch starts ovs-vswitchd.
func (ch *Chassis) StartSwitch() {
	ch.t.Helper()
	ctl := filepath.Join(ch.dir, "ovs-vswitchd.ctl")
	os.Remove(ctl)
	args := []string{ch.conf.remote(), "--unixctl=" + ctl, "--pidfile=" + filepath.Join(ch.dir, "ovs-vswitchd.pid"),
		"--disable-system", "-vconsole:info", "-vsyslog:off"}
	if ch.c.opt.Dummy {
		args = append(args, "--enable-dummy=override")
	}
	ch.switchd = ch.ns.start(ch.t, "ovs-vswitchd of "+ch.Name, filepath.Join(ch.dir, "ovs-vswitchd.log"), command{
		stack: ch.c.opt.Switch, path: "ovs-vswitchd", args: args, env: runEnv(ch.dir)})
	waitSocket(ch.t, ch.switchd, ctl)
}

// localDatabase is the agent's way to its local database.
func (ch *Chassis) localDatabase() string {
	if ch.localRemote != "" {
		return ch.localRemote
	}
	return ch.conf.remote()
}

// Do runs fn on a thread in the chassis' namespaces.
func (ch *Chassis) Do(fn func() error) error { return ch.ns.Do(fn) }

// path is that of one of the chassis' files.
func (ch *Chassis) path(name string) string { return filepath.Join(ch.dir, name) }

// RestartLocal kills the local database server and, after a pause, starts it again.
func (ch *Chassis) RestartLocal(pause time.Duration) {
	ch.t.Helper()
	ch.conf.Kill()
	time.Sleep(pause)
	ch.conf.start(ch.t)
}

// KillSwitch is kill -9 of ovs-vswitchd.
func (ch *Chassis) KillSwitch() { ch.switchd.Kill() }

// Switch is the running ovs-vswitchd.
func (ch *Chassis) Switch() *Process { return ch.switchd }

// Dir is where the chassis' sockets and logs are.
func (ch *Chassis) Dir() string { return ch.dir }

// Output runs a client program of the chassis' OVS in the chassis.
func (ch *Chassis) Output(program string, args ...string) (string, error) {
	env := append(runEnv(ch.dir), "OVS_VSCTL_DB="+ch.conf.remote())
	if program == "ovs-vsctl" {
		args = append([]string{"--db=" + ch.conf.remote()}, args...)
	}
	return ch.ns.output(command{stack: ch.c.opt.Switch, path: program, args: args, env: env})
}

func (ch *Chassis) run(program string, args ...string) string {
	ch.t.Helper()
	out, err := ch.Output(program, args...)
	if err != nil {
		ch.t.Fatalf("chassis %s: %v", ch.Name, err)
	}
	return strings.TrimSpace(out)
}

// VSCtl runs ovs-vsctl with one script or several arguments, like Cluster.NB.
func (ch *Chassis) VSCtl(args ...string) string {
	ch.t.Helper()
	if len(args) == 1 {
		var err error
		if args, err = scriptArgs(args[0]); err != nil {
			ch.t.Fatalf("ovs-vsctl: %v", err)
		}
	}
	return ch.run("ovs-vsctl", append([]string{"--timeout=30"}, args...)...)
}

// OFCtl runs ovs-ofctl for OpenFlow 1.5, with numbers for ports and tables.
func (ch *Chassis) OFCtl(args ...string) string {
	ch.t.Helper()
	return ch.run("ovs-ofctl", append([]string{"-O", "OpenFlow15", "--no-names"}, args...)...)
}

// AppCtl runs ovs-appctl against ovs-vswitchd.
func (ch *Chassis) AppCtl(args ...string) string {
	ch.t.Helper()
	return ch.run("ovs-appctl", append([]string{"-t", filepath.Join(ch.dir, "ovs-vswitchd.ctl")}, args...)...)
}

// DelGuest unplugs a guest for good.
func (ch *Chassis) DelGuest(g *Guest) {
	ch.t.Helper()
	g.Detach()
	ch.Guests = slices.DeleteFunc(ch.Guests, func(other *Guest) bool { return other == g })
}

// AddPhysical makes br-ex, attaches it to the physical network and maps it for
// localnet ports under the given network name.
func (ch *Chassis) AddPhysical(network string) {
	ch.t.Helper()
	ch.VSCtl(`
add-br br-ex
set Bridge br-ex datapath_type=netdev
add-port br-ex ext0
set Open_vSwitch . external_ids:ovn-bridge-mappings=` + network + `:br-ex`)
}

// AddGuest attaches a guest to br-int.
func (ch *Chassis) AddGuest(spec GuestSpec) *Guest {
	ch.t.Helper()
	g := newGuest(ch.t, spec)
	g.chassis = ch
	mac, err := net.ParseMAC(spec.MAC)
	if err != nil {
		ch.t.Fatalf("guest %s: %v", spec.Name, err)
	}
	ch.ports++
	g.port = fmt.Sprintf("v%d-%s", ch.ports, spec.Name)
	if len(g.port) > 15 {
		g.port = g.port[:15]
	}
	if err := connect(ch.ns, g.port, g.Namespace, "eth0", mac, 1400); err != nil {
		ch.t.Fatalf("guest %s: %v", spec.Name, err)
	}
	g.Attach()
	g.configure()
	ch.Guests = append(ch.Guests, g)
	return g
}

// AddDummy attaches a port without a guest to br-int of a chassis with a dummy
// datapath, with a given OpenFlow port number; columns are what else to set in
// its Interface row.
func (ch *Chassis) AddDummy(lport string, ofport int, columns ...string) {
	ch.t.Helper()
	name := fmt.Sprintf("vif%d", ofport)
	ch.VSCtl(append([]string{"--no-wait", "add-port", "br-int", name, "--", "set", "Interface", name, "type=dummy",
		fmt.Sprintf("ofport_request=%d", ofport), "external_ids:iface-id=" + lport}, columns...)...)
}

// DelDummy detaches the dummy port of a logical port.
func (ch *Chassis) DelDummy(lport string) {
	ch.t.Helper()
	name := ch.VSCtl("--bare", "--columns=name", "find", "Interface", "external_ids:iface-id="+lport)
	ch.VSCtl("--no-wait", "del-port", "br-int", name)
}

// DatabaseSocket is the path of the socket of the chassis' database server.
func (ch *Chassis) DatabaseSocket() string { return ch.conf.socket() }

// SwitchSocket is the path of br-int's OpenFlow socket.
func (ch *Chassis) SwitchSocket() string { return filepath.Join(ch.dir, "br-int.mgmt") }

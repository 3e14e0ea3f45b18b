package integration_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestLocalRestarted: the local database server is killed and started again. The
// agent changes no flow for it, and what changes afterwards is carried out.
func TestLocalRestarted(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{NoVerify: true})
	g1, g2 := busy(c, hv1, hv2)
	events := hv1.Monitor()
	// ovs-vswitchd loses its database too, and passes packets on in the thread that
	// deals with it: once a fifth of a second was lost, with the agent at rest.
	const pause = 50
	steady(t, g1, g2, pause, func() {
		hv1.RestartLocal(300 * time.Millisecond)
		begin := time.Now()
		integration.WaitFor(t, 10*time.Second, "the agent is back", func() error {
			// It writes to the local database what it has carried out.
			n := c.NB("--print-wait-time", "--wait=hv", "sync")
			if want := c.NB("get", "NB_Global", ".", "nb_cfg"); hv1.VSCtl("get", "Bridge", "br-int", "external_ids:ovn-nb-cfg") != `"`+want+`"` {
				return fmt.Errorf("%s: not %s", n, want)
			}
			return nil
		})
		took(t, "local database back: the agent writes to it", begin)
		hv1.OFCtl("add-flow", "br-int", "table=250,cookie=0x77777777,actions=drop")
		for _, line := range events.WaitFor("table=250") {
			if !c.Reference() {
				t.Errorf("seen by the flow monitor: %s", line)
			}
		}
		hv1.OFCtl("del-flows", "br-int", "table=250")
		begin = time.Now()
		c.NB(port(0, 3))
		g3 := hv1.AddGuest(guest(0, 3))
		c.WaitUp("p3")
		took(t, "local database back: a new port is up", begin)
		reach(g3, g2)
	})
}

// TestSwitchHung stops ovs-vswitchd without killing it: the agent answers, and
// what changed meanwhile is there as soon as the switch goes on.
func TestSwitchHung(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{NoVerify: true})
	g1, g2 := busy(c, hv1, hv2)
	if err := hv1.Switch().Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	script, flow := acl(1)
	c.NB(script)
	c.Sync()
	for range 3 {
		begin := time.Now()
		if out, err := hv1.Agent.Ctl("--timeout=5", "connection-status"); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("an answer after %v", d)
		}
	}
	begin := time.Now()
	if err := hv1.Switch().Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	installed(t, hv1, flow, true)
	took(t, "switch goes on: the change is installed", begin)
	reach(g1, g2)
}

// TestKilledBeforeAcknowledgement kills the agent when a bundle is on its way: once
// when the switch has committed it and the agent does not know, once when the switch
// never got the request to. The next agent finds out which, and changes what is
// missing and no more.
func TestKilledBeforeAcknowledgement(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return // it has no bundles of flows alone
	}
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	proxy := hv1.ProxySwitch()
	hv1.StartAgent()
	g1, g2 := busy(c, hv1, hv2)
	for n, committed := range []bool{true, false} {
		script, flow := acl(n + 1)
		steady(t, g1, g2, 0, func() {
			proxy.Messages()
			var seen atomic.Bool
			proxy.Set(integration.Faults{Drop: func(m integration.Message) bool {
				if m.ToSwitch && m.Commits() {
					seen.Store(true)
					return !committed
				}
				// Nothing more is heard from the switch.
				return !m.ToSwitch && seen.Load()
			}})
			c.NB(script)
			integration.WaitFor(t, 10*time.Second, "a commit", func() error {
				if !seen.Load() {
					return os.ErrNotExist
				}
				return nil
			})
			if committed {
				installed(t, hv1, flow, true)
			}
			hv1.Agent.Kill()
			proxy.Set(integration.Faults{})
			proxy.Messages()
			begin := time.Now()
			hv1.StartAgent()
			c.WaitHV()
			took(t, fmt.Sprintf("agent killed, bundle committed %v: all acknowledged", committed), begin)
			installed(t, hv1, flow, true)
			mods, commits := committedMods(proxy.Messages())
			if committed && mods > 0 || !committed && (mods == 0 || mods > 3 || commits != 1) {
				t.Errorf("bundle committed %v: the next agent sent %d flow-mods and group-mods in %d bundles", committed, mods, commits)
			}
		})
	}
}

// TestSwitchRefuses: the switch refuses a group, a meter, and for a while every
// bundle. Each is named in the log, packets flow on, and everything else is
// installed; once the switch takes them, so are they, without anybody's asking.
func TestSwitchRefuses(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	if c.Reference() {
		return // it takes a refused bundle for a broken switch
	}
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	proxy := hv1.ProxySwitch()
	hv1.StartAgent()
	g1, g2 := busy(c, hv1, hv2)
	const meterMod, groupTypeOffset, meterFlagsOffset, bundleFlagsOffset = 29, 10, 10, 14
	var meters, groups, bundles atomic.Bool
	proxy.Change(func(m integration.Message) {
		inner, ok := m.Inner()
		switch {
		case groups.Load() && ok && inner.Type() == integration.TypeGroupMod:
			inner.Data[groupTypeOffset] = 77 // no such type
		case meters.Load() && m.Type() == meterMod:
			binary.BigEndian.PutUint16(m.Data[meterFlagsOffset:], 0x8000) // no such flag
		case bundles.Load() && m.Commits():
			binary.BigEndian.PutUint16(m.Data[bundleFlagsOffset:], 0) // not those it was opened with
		}
	})
	steady(t, g1, g2, 0, func() {
		groups.Store(true)
		c.NB("lb-add refused 172.20.0.2:80 10.0.0.1:8081,10.0.1.2:8081 tcp\nls-lb-add sw0 refused")
		logged(t, c, hv1, "group", "refused")
		changed(t, c, hv1, 1)

		meters.Store(true)
		c.NB("meter-add m1 drop 10 pktps 5\nacl-add sw0 to-lport 1300 'ip4.src == 10.9.9.9' drop\n")
		c.NB("set ACL " + c.NB("--bare", "--columns=_uuid", "find", "ACL", "priority=1300") + " log=true meter=m1")
		logged(t, c, hv1, "meter", "refused")
		changed(t, c, hv1, 2)

		bundles.Store(true)
		script, flow := acl(3)
		c.NB(script)
		c.Sync()
		reach(g1, g2)
		time.Sleep(500 * time.Millisecond)
		if _, n := committedMods(proxy.Messages()); n > 200 {
			t.Errorf("%d commits in half a second of refusals: it spins", n)
		}
		installed(t, hv1, flow, false)
		begin := time.Now()
		bundles.Store(false)
		groups.Store(false)
		installed(t, hv1, flow, true)
		integration.WaitFor(t, 10*time.Second, "the group", func() error {
			if !strings.Contains(hv1.OFCtl("dump-groups", "br-int"), "10.0.0.1:8081") {
				return fmt.Errorf("not there")
			}
			return nil
		})
		took(t, "bundles are taken again: the change is installed", begin)
	})
}

// committedMods counts the flow-mods and group-mods in bundles that the agent wanted
// committed. It tries out what the switch can do in one that it discards.
func committedMods(messages []integration.Message) (mods, commits int) {
	type bundle struct {
		conn int
		id   uint32
	}
	open := map[bundle]int{}
	for _, m := range messages {
		if m.Type() != integration.TypeBundleControl && m.Type() != integration.TypeBundleAdd {
			continue
		}
		b := bundle{m.Conn, binary.BigEndian.Uint32(m.Data[8:])}
		if _, ok := m.Inner(); ok {
			open[b]++
		}
		if m.Commits() {
			mods += open[b]
			commits++
		}
	}
	return mods, commits
}

// TestFaultyLinks has each of the agent's three connections misbehave while things
// change: messages late, cut in half, twice, not at all, connections closed and
// refused. No packet is lost, and all is right as soon as the fault is over.
func TestFaultyLinks(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-remote-probe-interval=1000")
	sw, local, sb := hv1.ProxySwitch(), hv1.ProxyLocal(), hv1.ProxySouthbound()
	hv1.StartAgent()
	g1, g2 := busy(c, hv1, hv2)
	type proxy interface {
		Set(integration.Faults)
		Cut()
		Made() int
	}
	var n atomic.Int64
	every := func(k int64) func(integration.Message) bool {
		return func(integration.Message) bool { return n.Add(1)%k == 0 }
	}
	// Answers twice: an update that comes twice is another update, which only a
	// server could send.
	replies := func(m integration.Message) bool {
		return !m.ToSwitch && (m.Data[0] != '{' || strings.Contains(string(m.Data[:min(len(m.Data), 60)]), `"error"`))
	}
	faults := []struct {
		name string
		f    integration.Faults
		cut  bool
	}{
		{"late", integration.Faults{Delay: 30 * time.Millisecond}, false},
		{"cut in half", integration.Faults{Truncate: every(7)}, false},
		{"twice", integration.Faults{Duplicate: replies}, false},
		{"closed", integration.Faults{Close: every(9)}, false},
		{"refused", integration.Faults{Refuse: true}, true},
		{"silent", integration.Faults{Hold: true}, false},
	}
	change := 10
	steady(t, g1, g2, 0, func() {
		for name, p := range map[string]proxy{"switch": sw, "local database": local, "southbound database": sb} {
			for _, f := range faults {
				change++
				script, flow := acl(change)
				p.Set(f.f)
				if f.cut {
					p.Cut()
				}
				before := p.Made()
				c.NB(script)
				hv1.VSCtl("--no-wait", "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:test=%d", change))
				time.Sleep(150 * time.Millisecond)
				p.Set(integration.Faults{})
				begin := time.Now()
				installed(t, hv1, flow, true)
				took(t, name+" "+f.name+": the change is installed", begin)
				if made := p.Made() - before; made > 30 {
					t.Errorf("%s %s: %d connections, it spins", name, f.name, made)
				}
			}
		}
	})
	c.WaitHV()
}

// TestDiskFull fills the file system of log and pid file: a running agent goes on
// and logs again when there is room, one that is started says why it does not, and
// packets flow on.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	if c.Reference() {
		return
	}
	hv1, hv2 := c.AddBareChassis("hv1"), c.AddChassis("hv2")
	small := filepath.Join(hv1.Dir(), "small")
	in := func(what string, fn func() error) {
		t.Helper()
		if err := hv1.Do(fn); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	in("a small file system", func() error {
		if err := os.Mkdir(small, 0o755); err != nil {
			return err
		}
		return unix.Mount("tmpfs", small, "tmpfs", 0, "size=256k")
	})
	log, pid := filepath.Join(small, "x.log"), filepath.Join(small, "x.pid")
	hv1.StartAgent("--log-file="+log, "-vfile:dbg", "--pidfile="+pid)
	g1, g2 := busy(c, hv1, hv2)
	fillFile := func(name string) error {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		for _, size := range []int{4096, 1} {
			for err = nil; err == nil; {
				_, err = f.Write(bytes.Repeat([]byte("\n"), size))
			}
		}
		return nil
	}
	fill := func() error { return fillFile(filepath.Join(small, "fill")) }
	free := func() error { return os.Remove(filepath.Join(small, "fill")) }
	steady(t, g1, g2, 0, func() {
		in("filling it", fill)
		// A file has room up to the end of its page.
		in("filling the log", func() error { return fillFile(log) })
		read := func() (text []byte) {
			in("the log", func() (err error) { text, err = os.ReadFile(log); return err })
			return text
		}
		full := len(read())
		changed(t, c, hv1, 1)
		c.WaitHV()
		if n := len(read()); n != full {
			t.Errorf("the log grows, from %d bytes to %d: the disk is not full", full, n)
		}
		in("freeing it", free)
		changed(t, c, hv1, 2)
		integration.WaitFor(t, 10*time.Second, "log lines again", func() error {
			if text := read(); !bytes.Contains(text[full:], []byte("|DBG|")) {
				return fmt.Errorf("%q after %d bytes", text[full:], full)
			}
			return nil
		})

		hv1.Agent.Kill()
		in("removing pid file and log", func() error { _ = os.Remove(pid); return os.Remove(log) })
		in("filling it", fill)
		out := hv1.AgentFails("--log-file="+log, "--pidfile="+pid)
		for _, part := range []string{pid, "no space left on device"} {
			if !strings.Contains(out, part) {
				t.Errorf("started on a full disk it does not say %q:\n%s", part, out)
			}
		}
		in("looking for what is left", func() error {
			if left, _ := filepath.Glob(pid + "*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			return nil
		})
		reach(g1, g2)
		in("freeing it", free)
		begin := time.Now()
		hv1.StartAgent("--log-file="+log, "--pidfile="+pid)
		c.WaitHV()
		took(t, "room again: all acknowledged", begin)
	})
}

// TestUpgraded replaces the agent by one that was built otherwise.
func TestUpgraded(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{NoVerify: true})
	if c.Reference() {
		return
	}
	g1, g2 := busy(c, hv1, hv2)
	events := hv1.Monitor()
	steady(t, g1, g2, 0, func() {
		hv1.Agent.Exit(true)
		hv1.StartAgentAt(integration.BuildOther(t, "ovn-controller"))
		c.WaitHV()
	})
	hv1.OFCtl("add-flow", "br-int", "table=250,cookie=0x77777777,actions=drop")
	for _, line := range events.WaitFor("table=250") {
		t.Errorf("seen by the flow monitor: %s", line)
	}
	hv1.OFCtl("del-flows", "br-int", "table=250")
}

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// fetched restarts the agent and returns how many bytes the southbound server sent
// it until it has settled.
func fetched(t *testing.T, c *integration.Cluster, ch *integration.Chassis, w *integration.Wire, stop func()) int64 {
	t.Helper()
	stop()
	before := w.Counts().FromSB
	ch.StartAgent()
	c.WaitHV()
	return w.Counts().FromSB - before
}

// forgotten makes more transactions than southbound servers keep.
func forgotten(t *testing.T, c *integration.Cluster) {
	t.Helper()
	for i := range 110 {
		if err := c.TransactSouthbound(map[string]any{"op": "update", "table": "SB_Global", "where": []any{},
			"row": map[string]any{"external_ids": []any{"map", [][]string{{"n", fmt.Sprint(i)}}}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWarmStart: with a clustered southbound server an agent that is started again
// fetches what changed, and no more; whatever is wrong with its snapshot, it fetches
// everything and says why.
func TestWarmStart(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Raft: true})
	hv1 := c.AddBareChassis("hv1")
	wire := hv1.TapWire()
	hv1.StartAgent()
	if c.Reference() {
		t.Log("the C agent keeps nothing")
		return
	}
	script := routed + port(0, 1) + port(1, 2)
	for i := range 40 {
		script += fmt.Sprintf("acl-add sw0 to-lport %d 'outport == \"p1\" && tcp.dst == %d' allow-related\n", 100+i, 1000+i)
		script += fmt.Sprintf("create Address_Set name=as%d addresses=\"10.9.0.%d\"\n", i, i)
	}
	c.NB(script)
	hv1.AddGuest(guest(0, 1))
	hv1.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	flows := len(hv1.DumpFlows())
	file := filepath.Join(hv1.Dir(), "ovn-controller.snapshot")
	exit := func() { hv1.Agent.Exit(true) }
	missing := func(parts ...string) {
		t.Helper()
		if !hv1.Agent.Logged(parts...) {
			t.Errorf("not logged: %q\n%s", parts, hv1.Agent.Tail(15))
		}
	}

	// The schema alone is 40 kB of what every start fetches.
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	cold := fetched(t, c, hv1, wire, func() { hv1.Agent.Kill() })
	warm := fetched(t, c, hv1, wire, exit)
	missing("read the snapshot of the southbound database")
	missing("database connected", "resumed=true")
	t.Logf("cold %d bytes, warm %d", cold, warm)
	if warm > cold-50_000 || warm > 60_000 {
		t.Errorf("%d bytes were fetched with a snapshot, %d without", warm, cold)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("snapshot: %v, %v", st, err)
	}

	// What changes while the agent is away arrives.
	changed := fetched(t, c, hv1, wire, func() {
		hv1.Agent.Stop() // by a signal
		c.NB("acl-add sw0 to-lport 99 'outport == \"p1\" && udp.dst == 99' drop")
		c.Sync()
	})
	missing("database connected", "resumed=true")
	if changed > warm+20_000 {
		t.Errorf("%d bytes were fetched after one change, %d before", changed, warm)
	}
	if n := len(hv1.DumpFlows()); n <= flows {
		t.Errorf("%d flows, %d before the change", n, flows)
	}

	// Too many transactions in between.
	late := fetched(t, c, hv1, wire, func() { exit(); forgotten(t, c) })
	missing("does not know the snapshot's state any more")
	if late < cold-10_000 {
		t.Errorf("%d bytes were fetched though the server has forgotten, %d from nothing", late, cold)
	}

	// A file that is damaged, or another chassis'.
	fetched(t, c, hv1, wire, func() {
		exit()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 4
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	missing("the snapshot of the southbound database is ignored", "checksum")

	// With the server out of reach nothing is done with what the snapshot says, not
	// even when the switch has something else.
	want := strings.Join(hv1.DumpFlows(), "\n")
	exit()
	c.StopSouthbound()
	hv1.VSCtl("remove", "Interface", hv1.VSCtl("--bare", "--columns=name", "find", "Interface", "external_ids:iface-id=p1"),
		"external_ids", "iface-id")
	hv1.StartAgent()
	integration.WaitFor(t, 10*time.Second, "snapshot read", func() error {
		if !hv1.Agent.Logged("read the snapshot of the southbound database") || !hv1.Agent.Logged("switch connected") {
			return os.ErrNotExist
		}
		return nil
	})
	time.Sleep(500 * time.Millisecond)
	if now := strings.Join(hv1.DumpFlows(), "\n"); now != want {
		t.Error("flows changed without a southbound database")
	}
	c.StartSouthbound()
	c.WaitHV()
	if now := strings.Join(hv1.DumpFlows(), "\n"); now == want {
		t.Error("an interface that is gone has left no trace")
	}

	// Not wanted: it goes, and is not made again.
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-chassis-snapshot=false")
	integration.WaitFor(t, 5*time.Second, "snapshot removed", func() error {
		if _, err := os.Stat(file); err == nil {
			return os.ErrExist
		}
		return nil
	})
	exit()
	if _, err := os.Stat(file); err == nil {
		t.Error("a snapshot was written though none is wanted")
	}
}

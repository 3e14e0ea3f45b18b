package hachassis

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func world(t *testing.T, lines ...string) *replicatest.World {
	w := replicatest.New(t)
	for _, l := range lines {
		if !w.Do(l) {
			t.Fatalf("unknown line %q", l)
		}
	}
	return w
}

func TestActive(t *testing.T) {
	for _, tc := range []struct {
		members, ref string
		up           string
		want         bool // hv1 is active
	}{
		{"hv1:10", "", "", true},
		{"hv2:10", "", "hv2", false},
		{"hv1:20,hv2:10", "", "hv2", true},
		{"hv1:10,hv2:20", "", "hv2", false},
		// Without any tunnel up this chassis is the one that is cut off.
		{"hv1:20,hv2:10", "", "", false},
		// The better one is down, and somebody who sends to the group is up.
		{"hv1:10,hv2:20", "hv3", "hv3", true},
		{"hv1:10,hv2:20", "hv3", "hv4", false},
		{"hv1:10,hv2:20,hv3:15", "", "hv3", false},
		{"hv1:10,hv2:20,hv3:5", "", "hv3", true},
		// Names decide among equals, the last in the alphabet first.
		{"hv1:10,hv0:10", "", "hv0", true},
		{"hv1:10,hv2:10", "", "hv2", false},
		// A member whose chassis does not exist does not count.
		{"hv1:10,ghost:20", "", "", true},
	} {
		w := world(t, "chassis hv0", "chassis hv1", "chassis hv2", "chassis hv3", "chassis hv4", "group g members="+tc.members+" ref="+tc.ref)
		up := map[string]bool{}
		for _, n := range strings.Fields(strings.ReplaceAll(tc.up, ",", " ")) {
			up[n] = true
		}
		g := w.SB.HAChassisGroup.Get(w.ID("group", "g"))
		if got := Active(w.SB, g, w.ID("chassis", "hv1"), up); got != tc.want {
			t.Errorf("%+v: active %v", tc, got)
		}
	}
}

func TestPeersAndBFD(t *testing.T) {
	w := world(t,
		"chassis hv1", "chassis hv2", "chassis c1", "chassis az oc:is-remote=true", "bridge br-int", "global g opt:bfd-min-rx=500 opt:bfd-mult=5",
		"group g members=hv1:1,hv2:2 ref=c1,az", "group single members=c1:1 ref=hv1",
		"iface t-hv2 type=geneve port:ovn-chassis-id=hv2@10.0.0.2%10.0.0.1 opt:remote_ip=10.0.0.2",
		"iface t-c1 type=geneve port:ovn-chassis-id=c1@10.0.0.3%10.0.0.1 opt:remote_ip=10.0.0.3 bfd:enable=true bfd:min_rx=500 bfd:mult=5 bfd:check_tnl_key=true bfds:state=up",
		"iface t-az type=geneve port:ovn-chassis-id=az@10.0.0.4%10.0.0.1 opt:remote_ip=10.0.0.4 bfd:enable=true bfds:state=down",
	)
	br := w.Local.BridgeByName.One("br-int")
	own := w.SB.ChassisByName.One("hv1")
	tunnels := encaps.New(w.SB, w.Local)
	d := New(w.SB, w.Local, tunnels)
	if up := d.Up(br, true); len(up) != 1 || !up["c1"] {
		t.Errorf("up: %v", up)
	}
	for name, want := range map[string]string{"hv1": "c1 hv1 hv2", "c1": "hv1 hv2", "az": "hv1 hv2"} {
		d.RunBFD(Inputs{Bridge: br, Chassis: w.SB.ChassisByName.One(name)}, true, ovsdb.NewTxn(""), slog.New(slog.DiscardHandler))
		var got []string
		for _, n := range []string{"az", "c1", "hv1", "hv2"} {
			if d.isPeer(n) {
				got = append(got, n)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("peers of %s: %v, want %s", name, got, want)
		}
	}
	log := slog.New(slog.DiscardHandler)
	tx := ovsdb.NewTxn("")
	d.RunBFD(Inputs{br, own, false, false}, true, tx, log)
	want := "update Interface t-hv2 bfd={check_tnl_key:true enable:true min_rx:500 mult:5}\n"
	if got := w.Print(tx); !strings.HasSuffix(got, want) || strings.Contains(got, "t-az") || strings.Contains(got, "t-c1") {
		t.Errorf("unsettled:\n%s", got)
	}
	tx = ovsdb.NewTxn("")
	d.RunBFD(Inputs{br, own, false, true}, true, tx, log)
	if got := w.Print(tx); !strings.Contains(got, "update Interface t-az bfd={}\n") {
		t.Errorf("settled:\n%s", got)
	}
	// One that refers to a group is in another zone now: it alone is looked at.
	w.Reset()
	w.Do("chassis c1 oc:is-remote=true")
	d.Note(w.SBChanges)
	tx = ovsdb.NewTxn("")
	d.RunBFD(Inputs{br, own, false, true}, false, tx, log)
	if got := w.Print(tx); !strings.Contains(got, "update Interface t-c1 bfd={}\n") || strings.Contains(got, "t-hv2") || strings.Contains(got, "t-az") {
		t.Errorf("another zone:\n%s", got)
	}
	w.Do("chassis c1")
	// Every option of SB_Global; tunnels whose addresses flows set cannot have BFD.
	w.Do("global g opt:bfd-min-rx=1 opt:bfd-decay-min-rx=2 opt:bfd-min-tx=3 opt:bfd-mult=4")
	w.Do("iface ovn-geneve type=geneve port:ovn-chassis-id=flow opt:remote_ip=flow")
	tx = ovsdb.NewTxn("")
	var said strings.Builder
	d.RunBFD(Inputs{br, own, true, false}, true, tx, slog.New(slog.NewTextHandler(&said, nil)))
	if got := w.Print(tx); !strings.Contains(got, "t-hv2 bfd={check_tnl_key:true decay_min_rx:2 enable:true min_rx:1 min_tx:3 mult:4}\n") ||
		strings.Contains(got, "ovn-geneve") {
		t.Errorf("all options:\n%s", got)
	}
	if !strings.Contains(said.String(), "BFD will not function correctly with flow-based tunnels") {
		t.Errorf("flow-based tunnels: %s", said.String())
	}
}

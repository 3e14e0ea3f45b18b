package patch

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestPatchPorts(t *testing.T) {
	w := replicatest.New(t)
	do := func(lines ...string) {
		t.Helper()
		for _, l := range lines {
			if !w.Do(l) {
				t.Fatalf("unknown line %q", l)
			}
		}
	}
	do("chassis hv1", "chassis hv2", "datapath sw0 switch key=1", "datapath far switch key=2", "bridge br-int", "bridge br-phys",
		"port ln dp=sw0 key=1 type=localnet opt:network_name=phys",
		"port ln-far dp=far key=1 type=localnet opt:network_name=phys",
		"port ln-unmapped dp=sw0 key=2 type=localnet opt:network_name=other",
		"port ln-nameless dp=sw0 key=3 type=localnet",
		"port l2-here dp=sw0 key=4 type=l2gateway chassis=hv1 opt:network_name=phys",
		"port l2-there dp=sw0 key=5 type=l2gateway chassis=hv2 opt:network_name=phys")
	d := New(w.SB, w.Local)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	cfg, _ := config.Parse(ovsdb.NewMap("ovn-bridge-mappings", "phys:br-phys,gone:br-gone"), config.Identity{})
	run := func(settled bool) string {
		tx := ovsdb.NewTxn("")
		d.Run(Inputs{
			SB: w.SB, Local: w.Local, Config: cfg, Bridge: w.Local.BridgeByName.One("br-int"), Chassis: w.SB.ChassisByName.One("hv1"),
			IsLocal: func(id ovsdb.UUID) bool { return id == w.ID("datapath", "sw0") }, MayDelete: settled,
		}, true, tx, logger)
		return w.Print(tx)
	}
	got := run(true)
	for _, want := range []string{
		"insert Interface new1 name=patch-br-int-to-l2-here options={peer:patch-l2-here-to-br-int} type=patch\n",
		"insert Port new2 external_ids={ovn-l2gateway-port:l2-here} interfaces=new1 name=patch-br-int-to-l2-here\n",
		"mutate Bridge br-int ports insert new2\n",
		"name=patch-ln-to-br-int", "external_ids={ovn-localnet-port:ln}",
	} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(got, "[new1]", "new1"), "[new2]", "new2"), want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "far") || strings.Contains(got, "l2-there") || strings.Contains(got, "unmapped") {
		t.Errorf("ports that have no place here:\n%s", got)
	}
	for _, want := range []string{"has no network name", "bridge not found for localnet port 'ln-unmapped' with network name 'other'; skipping", "Bridge 'br-gone' not found for network 'gone'"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, log.String())
		}
	}
	log.Reset()
	run(true)
	if strings.Contains(log.String(), "skipping") {
		t.Errorf("a missing mapping is said twice:\n%s", log.String())
	}

	do("iface patch-br-int-to-ln type=patch ofport=3 opt:peer=patch-ln-to-br-int port:ovn-localnet-port=ln",
		"iface patch-ln-to-br-int bridge=br-phys type=patch ofport=1 opt:peer=patch-br-int-to-ln port:ovn-localnet-port=ln",
		"iface patch-br-int-to-l2-here type=patch ofport=4 opt:peer=patch-l2-here-to-br-int port:ovn-l2gateway-port=l2-here",
		"iface patch-l2-here-to-br-int bridge=br-phys type=patch opt:peer=patch-br-int-to-l2-here port:ovn-l2gateway-port=l2-here",
		"iface foreign type=patch ofport=9 opt:peer=other")
	if got := run(true); got != "" {
		t.Errorf("all is there, yet:\n%s", got)
	}
	br := w.Local.BridgeByName.One("br-int")
	if p := d.LPorts(br); len(p) != 2 || d.OFPort(br, "ln") != 3 || d.OFPort(br, "l2-here") != 4 || d.OFPort(br, "other") != 0 {
		t.Errorf("logical ports %v: OpenFlow ports %d, %d", p, d.OFPort(br, "ln"), d.OFPort(br, "l2-here"))
	}
	do("del port ln")
	if got := run(false); got != "" {
		t.Errorf("deleted before the contents settled:\n%s", got)
	}
	got = run(true)
	if strings.Count(got, "delete") != 2 || !strings.Contains(got, "mutate Bridge br-int ports delete [patch-br-int-to-ln]") ||
		!strings.Contains(got, "mutate Bridge br-phys ports delete [patch-ln-to-br-int]") {
		t.Errorf("removal:\n%s", got)
	}

	// The port's network is another: one end moves. Marks of old versions go, ports of
	// nobody stay.
	do("bridge br-two", "port ln dp=sw0 key=1 type=localnet opt:network_name=two",
		"iface old1 type=patch opt:peer=x port:ovn-l3gateway-port=r0", "iface old2 type=patch opt:peer=y port:ovn-logical-patch-port=r1")
	cfg, _ = config.Parse(ovsdb.NewMap("ovn-bridge-mappings", "phys:br-phys,two:br-two"), config.Identity{})
	got = run(true)
	for _, want := range []string{"mutate Bridge br-two ports insert", "mutate Bridge br-phys ports delete [patch-ln-to-br-int]", "old1", "old2"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "patch-br-int-to-ln]") || strings.Contains(got, "foreign") || strings.Count(got, "insert Port") != 1 {
		t.Errorf("too much:\n%s", got)
	}
	// The agent moves to another bridge: all its ports go, with their peers.
	tx := ovsdb.NewTxn("")
	if !d.RemoveFrom(w.Local.BridgeByName.One("br-int"), tx) {
		t.Error("nothing to remove")
	}
	if got := w.Print(tx); strings.Contains(got, "foreign") || !strings.Contains(got, "patch-l2-here-to-br-int") || !strings.Contains(got, "patch-br-int-to-ln") {
		t.Errorf("left behind:\n%s", got)
	}
}

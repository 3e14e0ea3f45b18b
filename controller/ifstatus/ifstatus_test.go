package ifstatus

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// bench runs bindings and the duty on small replicas.
type bench struct {
	t *testing.T
	w *replicatest.World
	b *binding.Duty
	d *Duty
}

func newBench(t *testing.T, lines ...string) *bench {
	log := slog.New(slog.DiscardHandler)
	w := replicatest.New(t)
	b := &bench{t: t, w: w, b: binding.New(log), d: New(log, w.Local)}
	b.do(append([]string{"chassis hv1", "chassis hv2", "datapath sw0 switch key=1", "bridge br-int"}, lines...)...)
	return b
}

func (b *bench) do(lines ...string) {
	b.t.Helper()
	for _, l := range lines {
		if !b.w.Do(l) {
			b.t.Fatalf("unknown line %q", l)
		}
	}
}

// run returns what would be written to the southbound and the local database.
func (b *bench) run(settled bool) (sb, local string) {
	br := b.w.Local.BridgeByName.One("br-int")
	b.b.Run(binding.Inputs{
		SB: b.w.SB, Local: b.w.Local, Bridge: br, Chassis: b.w.SB.ChassisByName.One("hv1"),
		Now: time.Unix(9, 0), MayRelease: settled, SBChanges: b.w.SBChanges, LocalChanges: b.w.LocalChanges,
	}, nil)
	b.w.Reset()
	sbTx, localTx := ovsdb.NewTxn(""), ovsdb.NewTxn("")
	b.d.Run(Inputs{Bindings: b.b, Bridge: br, Now: time.Unix(9, 0), MayRelease: settled}, sbTx, localTx)
	return b.w.Print(sbTx), b.w.Print(localTx)
}

func (b *bench) expect(what, wantSB, wantLocal string) {
	b.t.Helper()
	if sb, local := b.run(true); sb != wantSB || local != wantLocal {
		b.t.Errorf("%s:\nsouthbound %q\n     local %q\nwant %q\n and %q", what, sb, local, wantSB, wantLocal)
	}
}

const markSet = "mutate Interface vif1 external_ids delete [ovn-installed ovn-installed-ts] external_ids insert {ovn-installed-ts:9000 ovn-installed:true}\n"

func TestUpAfterAcknowledgement(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 up=false", "iface vif1 ofport=1 ext:iface-id=p1")
	b.expect("not claimed", "", "")
	if b.d.Waiting() {
		t.Error("waits for flows of a port that is not claimed")
	}
	b.do("port p1 dp=sw0 key=1 chassis=hv1 up=false")
	b.expect("claimed", "", "")
	if !b.d.Waiting() {
		t.Error("does not ask for a run")
	}
	b.d.Acked(4)
	b.expect("an earlier commit was acknowledged", "", "")
	b.d.Stamp(5)
	b.expect("sent", "", "")
	b.d.Acked(5)
	b.expect("acknowledged", "update Port_Binding p1 up=true\n", markSet)
	// The local database is quicker.
	b.do("iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true")
	b.expect("one mark is there", "update Port_Binding p1 up=true\n", "")
	b.do("port p1 dp=sw0 key=1 chassis=hv1 up=true")
	b.expect("both are there", "", "")
	if b.d.Pending() {
		t.Errorf("still pending: %v", b.d.Phases())
	}
	b.expect("nothing more", "", "")
	// Somebody took a mark away: the port goes the whole way again.
	b.do("iface vif1 ofport=1 ext:iface-id=p1")
	b.expect("mark lost", "update Port_Binding p1 up=false\n", "")
	if !b.d.Waiting() {
		t.Error("does not ask for a run")
	}
}

func TestRestartWritesNothing(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1 up=true", "iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true")
	b.expect("all marks are there", "", "")
	if b.d.Pending() || b.d.Waiting() {
		t.Error("something is pending")
	}
}

// TestOldMarks: marks that a port brings from an earlier life go until its flows
// are there.
func TestOldMarks(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1 up=false", "iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true")
	b.expect("old mark", "", "mutate Interface vif1 external_ids delete [ovn-installed ovn-installed-ts]\n")
	b.do("iface vif1 ofport=1 ext:iface-id=p1")
	b.d.Stamp(1)
	b.d.Acked(1)
	b.expect("acknowledged", "update Port_Binding p1 up=true\n", markSet)
}

func TestReleased(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1 up=true opt:requested-chassis=hv2", "iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true")
	if sb, local := b.run(false); sb != "" || local != "" {
		t.Errorf("before the contents settled: %q %q", sb, local)
	}
	b.expect("requested elsewhere", "", "mutate Interface vif1 external_ids delete [ovn-installed ovn-installed-ts]\n")
	b.do("iface vif1 ofport=1 ext:ovn-installed=true")
	b.expect("no iface-id any more", "", "mutate Interface vif1 external_ids delete [ovn-installed ovn-installed-ts]\n")
}

// TestColumnUnused: a northd that leaves "up" empty gets no value.
func TestColumnUnused(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1", "iface vif1 ofport=1 ext:iface-id=p1")
	b.run(true)
	b.d.Stamp(1)
	b.d.Acked(1)
	b.expect("acknowledged", "", markSet)
}

// TestChildren: a container has no interface of its own, an additional chassis does
// not say up.
func TestChildren(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1 up=true", "port c1 dp=sw0 key=2 parent=p1 chassis=hv1 up=false",
		"iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true")
	b.run(true)
	b.d.Stamp(1)
	b.d.Acked(1)
	b.expect("container", "update Port_Binding c1 up=true\n", "")

	b = newBench(t, "port p1 dp=sw0 key=1 chassis=hv2 additional=hv1 up=false opt:requested-chassis=hv2,hv1", "iface vif1 ofport=1 ext:iface-id=p1")
	b.run(true)
	b.d.Stamp(1)
	b.d.Acked(1)
	b.expect("additional chassis", "", markSet)
}

func TestPhases(t *testing.T) {
	b := newBench(t, "port p1 dp=sw0 key=1 up=false", "iface vif1 ofport=1 ext:iface-id=p1")
	b.run(true)
	if p := b.d.Phases(); !strings.HasPrefix(p["p1"], "CLAIMED") {
		t.Errorf("%v", p)
	}
	b.do("del port p1")
	b.run(true)
	if b.d.Pending() {
		t.Errorf("a deleted port is pending: %v", b.d.Phases())
	}
}

// TestBackAtOnce: an interface that comes back before its row was released still has
// the marks of before, while its flows were taken out.
func TestBackAtOnce(t *testing.T) {
	const there = "iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true"
	b := newBench(t, "port p1 dp=sw0 key=1 chassis=hv1 up=true", there)
	b.expect("up from the start", "", "")
	b.do("del iface vif1")
	b.expect("gone", "", "")
	b.do(there)
	b.expect("back", "update Port_Binding p1 up=false\n",
		"mutate Interface vif1 external_ids delete [ovn-installed ovn-installed-ts]\n")
	if !b.d.Waiting() {
		t.Error("does not ask for a run")
	}
}

package vport

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var (
	dp, vip = ovsdb.UUID{1}, ovsdb.UUID{2}
	us      = &sbdb.Chassis{UUID: ovsdb.UUID{5}, Name: "hv1"}
	port    = pinctrl.PortKey{Datapath: 7, Port: 1}
	parent  = pinctrl.PortKey{Datapath: 7, Port: 2}
)

type bench struct {
	Queue
	t     *testing.T
	db    *sbdb.DB
	ports *portkey.Ports
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, db: sbdb.NewDB()}
	b.ports = portkey.New(b.db)
	u := &sbdb.Update{}
	u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp, TunnelKey: 7})
	u.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{3}, Datapath: dp, TunnelKey: 2, LogicalPort: "vm"})
	b.db.Apply(u)
	b.row(ovsdb.UUID{}, "")
	return b
}

func (b *bench) row(chassis ovsdb.UUID, parent string, options ...string) {
	p := &sbdb.PortBinding{UUID: vip, Datapath: dp, TunnelKey: 1, LogicalPort: "vip", Type: "virtual", Chassis: chassis,
		Options: ovsdb.NewMap(options...)}
	if parent != "" {
		p.VirtualParent = ovsdb.Some(parent)
	}
	u := &sbdb.Update{}
	u.PutPortBinding(p)
	b.db.Apply(u)
}

func (b *bench) write(now int64) string {
	tx := ovsdb.NewTxn("")
	b.Write(b.ports, us, tx, time.UnixMilli(now), slog.New(slog.DiscardHandler))
	return tx.String()
}

func (b *bench) expect(got string, want ...string) {
	b.t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			b.t.Errorf("transaction %s lacks %q", got, w)
		}
	}
}

func TestClaim(t *testing.T) {
	b := newBench(t)
	b.Put(port, parent)
	b.Write(b.ports, us, nil, time.UnixMilli(1), slog.New(slog.DiscardHandler)) // must keep it
	b.expect(b.write(10_000), us.UUID.String(), `"virtual_parent":"vm"`, "10000", "1000")
	b.expect(b.write(10_001), us.UUID.String()) // the transaction came to nothing
	b.row(us.UUID, "vm")
	if got := b.write(10_002); strings.Contains(got, "Port_Binding") || len(b.waiting) != 0 {
		t.Errorf("what is there is written again: %s", got)
	}
}

func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		now        int64
		last, wait string
		want       string // the back-off written
		claimed    bool
	}{
		{10_000, "9500", "1000", "2000", false},
		{10_000, "9500", "9500", "10000", false},
		{10_000, "9000", "1000", "1000", true},
		{10_000, "", "", "1000", true},
		{10_000, "later", "-1", "1000", true},
	} {
		b := newBench(t)
		b.row(ovsdb.UUID{6}, "other", lastClaimKey, c.last, backoffKey, c.wait)
		b.Put(port, parent)
		got := b.write(c.now)
		b.expect(got, `["vport-backoff","`+c.want+`"]`)
		if claimed := strings.Contains(got, us.UUID.String()); claimed != c.claimed {
			t.Errorf("last claim %s, back-off %s: claimed %v: %s", c.last, c.wait, claimed, got)
		}
		if waits := len(b.waiting) != 0; waits != c.claimed {
			t.Errorf("last claim %s, back-off %s: waits for the replica: %v", c.last, c.wait, waits)
		}
	}
}

func TestNotClaimed(t *testing.T) {
	b := newBench(t)
	b.Put(pinctrl.PortKey{Datapath: 7, Port: 99}, parent)
	b.Put(parent, port) // not of type virtual
	b.Put(port, pinctrl.PortKey{Datapath: 7, Port: 99})
	if got := b.write(1); strings.Contains(got, "Port_Binding") || len(b.waiting) != 0 {
		t.Errorf("written: %s", got)
	}
	for i := range 2 * maxQueued {
		b.Put(pinctrl.PortKey{Datapath: 7, Port: uint32(i)}, parent)
	}
	if len(b.waiting) != maxQueued || b.Dropped() != maxQueued {
		t.Errorf("%d wait, %d dropped", len(b.waiting), b.Dropped())
	}
}

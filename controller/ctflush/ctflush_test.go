package ctflush

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// world is a replica and a duty that follows it; every run is acknowledged at once.
type world struct {
	t         *testing.T
	sb        *replica.SB
	d         *Duty
	local     map[ovsdb.UUID]bool
	zones     map[string]uint16
	noLabels  bool
	unsettled bool
	seq       uint64
}

func newWorld(t *testing.T) *world {
	return &world{t: t, sb: replica.NewSB(sbdb.NewDB()), d: New(), local: map[ovsdb.UUID]bool{}, zones: map[string]uint16{}}
}

// run applies a change and checks what is flushed.
func (w *world) run(relocated bool, change func(*sbdb.Update), want ...string) {
	w.t.Helper()
	u := &sbdb.Update{}
	if change != nil {
		change(u)
	}
	w.d.Run(Inputs{
		SB: w.sb, Chassis: "hv1", Changes: w.sb.DB.Apply(u), Relocated: relocated,
		IsLocal: func(id ovsdb.UUID) bool { return w.local[id] },
		Zone:    func(name string) uint16 { return w.zones[name] }, Tuples: true, Labels: !w.noLabels, Settled: !w.unsettled,
	})
	if early := w.d.Acked(w.seq); len(early) > 0 {
		w.t.Errorf("flushed before the flows: %v", early)
	}
	w.seq++
	w.d.Stamp(w.seq)
	if early := w.d.Acked(w.seq - 1); len(early) > 0 {
		w.t.Errorf("flushed before they were acknowledged: %v", early)
	}
	var got []string
	for _, f := range w.d.Acked(w.seq) {
		got = append(got, text(f))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("flushed\n%q, want\n%q", got, want)
	}
}

func text(f openflow.CtFlush) string {
	if f.LabelMask != (openflow.U128{}) {
		return fmt.Sprintf("zone %d %v label %016x%016x/%016x%016x", f.Zone, f.HasZone, f.Label.Hi, f.Label.Lo, f.LabelMask.Hi, f.LabelMask.Lo)
	}
	return fmt.Sprintf("%d %v:%d %v:%d", f.Proto, f.Orig.Dst, f.Orig.DstPort, f.Reply.Src, f.Reply.SrcPort)
}

var sw0, sw1 = ovsdb.UUID{1}, ovsdb.UUID{2}

func lb(n byte, dp ovsdb.UUID, flush, proto, vip, backends string) func(*sbdb.Update) {
	return func(u *sbdb.Update) {
		row := &sbdb.LoadBalancer{UUID: ovsdb.UUID{9, n}, Datapaths: []ovsdb.UUID{dp}, Options: ovsdb.NewMap("ct_flush", flush), VIPs: ovsdb.NewMap(vip, backends)}
		if proto != "" {
			row.Protocol = ovsdb.Some(proto)
		}
		u.PutLoadBalancer(row)
	}
}

func TestBackends(t *testing.T) {
	w := newWorld(t)
	w.local[sw0] = true
	w.run(false, lb(1, sw0, "true", "udp", "10.0.0.1:53", "10.1.0.1:53,10.1.0.2:53"))
	w.run(false, lb(1, sw0, "true", "udp", "10.0.0.1:53", "10.1.0.2:53,10.1.0.3:53"), "17 10.0.0.1:53 10.1.0.1:53")
	// Another balancer has one of them too.
	w.run(false, lb(2, sw0, "true", "udp", "10.0.0.1:53", "10.1.0.3:53"))
	w.run(false, lb(1, sw0, "true", "udp", "10.0.0.1:53", ""), "17 10.0.0.1:53 10.1.0.2:53")
	w.run(false, func(u *sbdb.Update) { u.DeleteLoadBalancer(ovsdb.UUID{9, 2}) }, "17 10.0.0.1:53 10.1.0.3:53")
	// A backend that moves to another row in one change stays.
	w.run(false, lb(1, sw0, "true", "", "[fd00::1]:80", "[fd01::1]:80"))
	w.run(false, func(u *sbdb.Update) {
		u.DeleteLoadBalancer(ovsdb.UUID{9, 1})
		lb(3, sw0, "true", "tcp", "[fd00::1]:80", "[fd01::1]:80")(u)
	})
	// Not asked for, not here.
	w.run(false, lb(4, sw0, "false", "", "10.0.0.4:80", "10.1.0.4:80"))
	w.run(false, lb(4, sw0, "false", "", "10.0.0.4:80", ""))
	w.run(false, lb(5, sw1, "true", "sctp", "10.0.0.5", "10.1.0.5"))
	w.local[sw1] = true
	w.run(true, nil)
	delete(w.local, sw1)
	w.run(true, nil, "132 10.0.0.5:0 10.1.0.5:0")
}

func TestTemplatesOfBackends(t *testing.T) {
	w := newWorld(t)
	w.local[sw0] = true
	vars := func(v string) func(*sbdb.Update) {
		return func(u *sbdb.Update) {
			u.PutChassisTemplateVar(&sbdb.ChassisTemplateVar{UUID: ovsdb.UUID{8}, Chassis: "hv1", Variables: ovsdb.NewMap("b", v)})
		}
	}
	w.run(false, lb(1, sw0, "true", "", "10.0.0.1:80", "^b"))
	w.run(false, vars("10.1.0.1:80"))
	w.run(false, vars("10.1.0.2:80"), "6 10.0.0.1:80 10.1.0.1:80")
}

func TestACLs(t *testing.T) {
	w := newWorld(t)
	put := func(n byte, id int64) func(*sbdb.Update) {
		return func(u *sbdb.Update) { u.PutACLID(&sbdb.ACLID{UUID: ovsdb.UUID{n}, ID: id}) }
	}
	w.run(false, put(1, 5))
	w.run(false, put(2, 6))
	w.run(false, func(u *sbdb.Update) { u.DeleteACLID(ovsdb.UUID{1}) },
		"zone 0 false label 00000000000500000000000000000000/00000000ffff00000000000000000000")
	w.noLabels = true
	w.run(false, func(u *sbdb.Update) { u.DeleteACLID(ovsdb.UUID{2}) })
}

func TestUnsettled(t *testing.T) {
	w := newWorld(t)
	w.local[sw0], w.unsettled = true, true
	w.run(false, lb(1, sw0, "true", "", "10.0.0.1:80", "10.1.0.1:80,10.1.0.2:80"))
	w.run(false, lb(1, sw0, "true", "", "10.0.0.1:80", "10.1.0.1:80"))
	w.unsettled = false
	w.run(false, lb(1, sw0, "true", "", "10.0.0.1:80", ""), "6 10.0.0.1:80 10.1.0.1:80")
}

func TestNextHops(t *testing.T) {
	w := newWorld(t)
	lr := ovsdb.UUID{3}
	hop := func(ip, mac string) func(*sbdb.Update) {
		return func(u *sbdb.Update) {
			u.PutECMPNexthop(&sbdb.ECMPNexthop{UUID: ovsdb.UUID{7}, Datapath: lr, Nexthop: ip, MAC: mac})
		}
	}
	w.run(false, func(u *sbdb.Update) {
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: lr, TunnelKey: 3, ExternalIDs: ovsdb.NewMap("name", "lr0")})
	})
	w.run(false, hop("10.0.0.9", "02:00:00:00:00:01"))
	w.local[lr], w.zones["lr0_dnat"] = true, 17
	w.run(true, nil)
	const mask = "/000000000000ffffffffffff00000000"
	w.run(false, hop("10.0.0.9", "02:00:00:00:00:02"), "zone 17 true label 00000000000002000000000100000000"+mask)
	w.zones["lr0_dnat"] = 18
	w.run(true, nil, "zone 17 true label 00000000000002000000000200000000"+mask)
	w.run(false, hop("10.0.0.9", ""), "zone 18 true label 00000000000002000000000200000000"+mask)
	w.run(false, func(u *sbdb.Update) { u.DeleteECMPNexthop(ovsdb.UUID{7}) })
}

package nexthop

import (
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func TestNextHops(t *testing.T) {
	sb, d := replica.NewSB(sbdb.NewDB()), New()
	us, dp, port := ovsdb.UUID{5}, ovsdb.UUID{1}, ovsdb.UUID{2}
	now := map[string]bool{}
	run := func(change func(*sbdb.Update), want ...string) {
		t.Helper()
		u := &sbdb.Update{}
		change(u)
		removed, added := d.Run(Inputs{SB: sb, Chassis: us, Changes: sb.DB.Apply(u)})
		for _, s := range removed {
			delete(now, fmt.Sprint(s))
		}
		for _, s := range added {
			now[fmt.Sprint(s)] = true
		}
		if len(now) != len(want) {
			t.Errorf("asked for %v, want %v", now, want)
		}
		for _, w := range want {
			if !now[w] {
				t.Errorf("not asked for %s: %v", w, now)
			}
		}
	}
	gw := func(chassis ovsdb.UUID) func(*sbdb.Update) {
		return func(u *sbdb.Update) {
			u.PutPortBinding(&sbdb.PortBinding{UUID: port, Datapath: dp, TunnelKey: 3, Type: "l3gateway", LogicalPort: "gw", Chassis: chassis,
				MAC: []string{"02:00:00:00:00:0a 10.0.0.1/24 fd00::1/64"}})
		}
	}
	hop := func(n byte, ip string) func(*sbdb.Update) {
		return func(u *sbdb.Update) {
			u.PutECMPNexthop(&sbdb.ECMPNexthop{UUID: ovsdb.UUID{n}, Port: port, Nexthop: ip})
		}
	}
	const four, six = "{{7 3} 02:00:00:00:00:0a 10.0.0.1 10.0.0.9}", "{{7 3} 02:00:00:00:00:0a fd00::1 fd00::9}"
	run(func(u *sbdb.Update) { u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp, TunnelKey: 7}) })
	run(gw(us))
	run(hop(1, "10.0.0.9"), four)
	run(hop(2, "10.0.0.9"), four)
	run(hop(3, "fd00::9"), four, six)
	run(hop(4, "nonsense"), four, six)
	run(gw(ovsdb.UUID{6}))
	run(gw(us), four, six)
	run(func(u *sbdb.Update) { u.DeleteECMPNexthop(ovsdb.UUID{1}) }, four, six)
	run(func(u *sbdb.Update) { u.DeleteECMPNexthop(ovsdb.UUID{2}) }, six)
	run(func(u *sbdb.Update) { u.DeletePortBinding(port) })
}

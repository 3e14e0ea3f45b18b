package binding

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/controller/ctzone"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// twin is what a Duty should know after a round, worked out from the replicas alone,
// and what the deltas of its rounds add up to.
type twin struct {
	w    *replicatest.World
	br   string // the integration bridge
	d    *Duty
	now  time.Time
	last map[string]*Interface // who carried what after the last round

	datapaths map[ovsdb.UUID]LocalDatapath // told by deltas
	zones     map[string]ctzone.User
}

// round has the duty follow what changed, and compares.
func (x *twin) round() error {
	w, d := x.w, x.d
	in := Inputs{
		SB: w.SB, Local: w.Local, Bridge: w.Local.BridgeByName.One(x.br), Chassis: w.SB.ChassisByName.One("hv1"),
		Now: x.now, SBChanges: w.SBChanges, LocalChanges: w.LocalChanges,
	}
	delta := d.Run(in, nil)
	w.Reset()
	for id, dp := range delta.Datapaths {
		had, was := x.datapaths[id]
		if (was != (dp != nil) || was && had.Key != dp.Key) && !(delta.Networks && delta.Scope) {
			return fmt.Errorf("networks changed, which was not told")
		}
		if dp == nil {
			delete(x.datapaths, id)
		} else {
			x.datapaths[id] = LocalDatapath{
				Row: dp.Row, Key: dp.Key, Name: dp.Name, Switch: dp.Switch, Transit: dp.Transit, Peers: slices.Clone(dp.Peers),
			}
		}
	}
	for name := range delta.Zones {
		if u, wants := d.ZoneUser(name); wants {
			x.zones[name] = u
		} else {
			delete(x.zones, name)
		}
	}
	if err := x.checkInterfaces(in); err != nil {
		return err
	}
	if in.Chassis == nil {
		if len(x.datapaths)+len(d.datapaths)+len(x.zones)+len(d.ZoneUsers()) > 0 {
			return fmt.Errorf("without a chassis: %d datapaths, told %d, zones %v", len(d.datapaths), len(x.datapaths), x.zones)
		}
		return nil
	}
	if err := x.checkDatapaths(in); err != nil {
		return err
	}
	if err := d.forest.valid(); err != nil {
		return err
	}
	return x.checkZones()
}

// checkInterfaces lists the interfaces of the bridge again.
func (x *twin) checkInterfaces(in Inputs) error {
	rivals := map[string][]Interface{}
	for _, i := range in.Local.Interfaces(in.Bridge) {
		lport, ok := i.ExternalIDs.Lookup("iface-id")
		if !ok || i.Ofport.Value() <= 0 {
			continue
		}
		rivals[lport] = append(rivals[lport], Interface{UUID: i.UUID, Name: i.Name, LPort: lport, OFPort: uint32(i.Ofport.Value()),
			Installed: i.ExternalIDs.Get("ovn-installed") == "true"})
	}
	got := x.d.plugged.byPort
	if len(got) != len(rivals) {
		return fmt.Errorf("ports with interfaces: %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(rivals)))
	}
	for lport, list := range rivals {
		slices.SortFunc(list, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
		want := list[0]
		for _, i := range list {
			if old := x.last[lport]; old != nil && old.UUID == i.UUID {
				want = i
			}
		}
		if got[lport] == nil || *got[lport] != want {
			return fmt.Errorf("carrier of %s: %+v, want %+v", lport, got[lport], want)
		}
	}
	x.last = maps.Clone(got)
	return nil
}

// checkDatapaths floods from all ports that make their datapath local.
func (x *twin) checkDatapaths(in Inputs) error {
	follows := &forest{sb: in.SB, us: in.Chassis.UUID, log: func(string) {}}
	dist := map[ovsdb.UUID]int{}
	var queue []ovsdb.UUID
	reach := func(id ovsdb.UUID, n int) {
		if _, seen := dist[id]; !seen && in.SB.DatapathBinding.Get(id) != nil {
			dist[id] = n
			queue = append(queue, id)
		}
	}
	for p := range in.SB.PortBinding.All() {
		if v := x.d.view().decide(p); v.root {
			reach(p.Datapath, 0)
		}
	}
	for id := range x.d.lingering {
		reach(id, 0)
	}
	peers := map[ovsdb.UUID][]PeerPorts{}
	var second []func()
	for i := 0; i < len(queue); i++ {
		id := queue[i]
		if dist[id] >= x.d.forest.limit {
			continue
		}
		for p := range in.SB.PortBinding.All() {
			peer := Peer(in.SB, p)
			if p.Datapath != id || peer == nil || !follows.follow(p, peer) {
				continue
			}
			reach(peer.Datapath, dist[id]+1)
			peers[id] = append(peers[id], PeerPorts{p.LogicalPort, peer.LogicalPort, p.UUID})
			second = append(second, func() {
				peers[peer.Datapath] = append(peers[peer.Datapath], PeerPorts{peer.LogicalPort, p.LogicalPort, peer.UUID})
			})
		}
	}
	// A port's own link comes before those that name it, of which the first counts.
	own := map[ovsdb.UUID]int{}
	for id := range peers {
		own[id] = len(peers[id])
	}
	for _, add := range second {
		add()
	}
	name := func(id ovsdb.UUID) string { return x.w.Names(id.String()) }
	for id := range dist {
		rest := peers[id][own[id]:]
		row := func(remote string) ovsdb.UUID { return in.SB.PortByName.One(remote).UUID }
		slices.SortStableFunc(rest, func(a, b PeerPorts) int { return row(a.Remote).Compare(row(b.Remote)) })
		var want []PeerPorts
		for _, p := range peers[id] {
			if !slices.ContainsFunc(want, func(q PeerPorts) bool { return q.row == p.row }) {
				want = append(want, p)
			}
		}
		slices.SortFunc(want, func(a, b PeerPorts) int { return a.row.Compare(b.row) })
		for what, got := range map[string]*LocalDatapath{"has": x.d.datapaths[id], "told": tolds(x.datapaths, id)} {
			if got == nil {
				return fmt.Errorf("%s %s is not local", what, name(id))
			}
			r := in.SB.DatapathBinding.Get(id)
			if !slices.Equal(got.Peers, want) {
				return fmt.Errorf("%s peers of %s: %v, want %v", what, name(id), got.Peers, want)
			}
			if w := localDatapath(r, nil); got.Key != w.Key || got.Name != w.Name || got.Switch != w.Switch || !got.Row.ExternalIDs.Equal(r.ExternalIDs) {
				return fmt.Errorf("%s %s: %+v, want %+v", what, name(id), got, w)
			}
		}
	}
	for _, ids := range []map[ovsdb.UUID]bool{keysOf(x.d.datapaths), keysOf(x.datapaths)} {
		for id := range ids {
			if _, local := dist[id]; !local {
				return fmt.Errorf("%s is local", name(id))
			}
		}
	}
	return nil
}

func tolds(m map[ovsdb.UUID]LocalDatapath, id ovsdb.UUID) *LocalDatapath {
	if dp, ok := m[id]; ok {
		return &dp
	}
	return nil
}

func keysOf[V any](m map[ovsdb.UUID]V) map[ovsdb.UUID]bool {
	out := map[ovsdb.UUID]bool{}
	for id := range m {
		out[id] = true
	}
	return out
}

// checkZones lists the users of zones again.
func (x *twin) checkZones() error {
	want := map[string]ctzone.User{}
	limit := func(m ovsdb.Map, otherwise int64) int64 {
		if n, err := strconv.ParseInt(m.Get("ct-zone-limit"), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	for p := range x.w.SB.PortBinding.All() {
		if !x.d.view().decide(p).zone {
			continue
		}
		n := int64(ctzone.NoLimit)
		if dp := x.w.SB.DatapathBinding.Get(p.Datapath); dp != nil {
			n = limit(dp.ExternalIDs, n)
		}
		want[p.LogicalPort] = ctzone.User{Limit: limit(p.Options, n)}
	}
	byName := map[string]*sbdb.DatapathBinding{}
	for id, dp := range x.d.datapaths {
		if first := byName[dp.Name]; first == nil || id.Compare(first.UUID) < 0 {
			byName[dp.Name] = x.w.SB.DatapathBinding.Get(id)
		}
	}
	for name, row := range byName {
		u := ctzone.User{Limit: limit(row.ExternalIDs, ctzone.NoLimit)}
		want[name+"_dnat"] = u
		if n, err := strconv.ParseUint(row.ExternalIDs.Get("snat-ct-zone"), 10, 16); err == nil {
			u.Requested = ovsdb.Some(uint16(n))
		}
		want[name+"_snat"] = u
	}
	if got := x.d.ZoneUsers(); !maps.Equal(got, want) {
		return fmt.Errorf("users of zones %v, want %v", got, want)
	}
	if !maps.Equal(x.zones, want) {
		return fmt.Errorf("users of zones told %v, want %v", x.zones, want)
	}
	return nil
}

// valid checks the invariants of the forest.
func (f *forest) valid() error {
	outs, ins, names := 0, 0, 0
	for id, n := range f.nodes {
		if n.row != f.sb.DatapathBinding.Get(id) && n.row.UUID != id {
			return fmt.Errorf("row of node %s", id)
		}
		steps := 0
		for at := n; !at.root; at = f.nodes[at.parent.from] {
			if steps++; steps > len(f.nodes) || at.parent == nil || f.links[at.parent.port] != at.parent || !at.parent.followed {
				return fmt.Errorf("node %s hangs in the air", id)
			}
		}
		if n.root != f.isRoot(id) || n.root != (n.parent == nil) || n.depth < steps || n.depth > f.limit || n.depth == f.limit && !f.deep {
			return fmt.Errorf("node %s: root %v, depth %d of %d", id, n.root, n.depth, steps)
		}
		for i, l := range n.out {
			if l.outAt != i || f.links[l.port] != l || l.from != id {
				return fmt.Errorf("links out of %s", id)
			}
		}
		outs += len(n.out)
	}
	for to, list := range f.into {
		for i, l := range list {
			if l.intoAt != i || f.links[l.port] != l || l.to != to {
				return fmt.Errorf("links into %s", to)
			}
		}
		ins += len(list)
	}
	for name, list := range f.named {
		for _, l := range list {
			if f.links[l.port] != l || !slices.Contains(l.names[:], name) {
				return fmt.Errorf("links named %s", name)
			}
			names++
		}
		if len(list) == 0 {
			return fmt.Errorf("no link named %s", name)
		}
	}
	for port, l := range f.links {
		if l.port != port || f.nodes[l.from] == nil {
			return fmt.Errorf("link of %s", l.local)
		}
		if s, ok := f.see(f.sb.PortBinding.Get(port)); !ok || s != l.sight {
			return fmt.Errorf("link of %s is %+v, seen %+v", l.local, l.sight, s)
		}
		names -= len(l.distinct())
	}
	if outs != len(f.links) || ins != len(f.links) || names != 0 {
		return fmt.Errorf("%d links, %d out, %d into", len(f.links), outs, ins)
	}
	if len(f.ahead)+len(f.lost)+len(f.joints)+len(f.touched) > 0 {
		return fmt.Errorf("a refresh left something undone")
	}
	return nil
}

// edit is a random change of a row, as a line of replicatest.
func edit(t *rapid.T) string {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "pick") }
	maybe := func(s string, of ...string) string {
		if v := pick(append(of, "")...); v != "" {
			return " " + s + v
		}
		return ""
	}
	dp := func() string { return fmt.Sprintf("d%d", rapid.IntRange(0, 8).Draw(t, "datapath")) }
	port := func() string { return fmt.Sprintf("p%d", rapid.IntRange(0, 19).Draw(t, "port")) }
	switch rapid.IntRange(0, 23).Draw(t, "kind") {
	case 0, 1:
		return "datapath " + dp() + maybe("", "switch") + " key=" + pick("1", "2") + maybe("ext:name=", "d1", "d2", "d0_dnat") +
			maybe("ext:ct-zone-limit=", "5", "6") + maybe("ext:snat-ct-zone=", "7")
	case 2:
		return "del datapath " + dp()
	case 3, 4:
		return "del port " + port()
	case 5, 6:
		return "port v" + pick("0", "1", "2") + " dp=" + dp() + maybe("chassis=", "hv1", "hv2") + maybe("opt:requested-chassis=", "hv2") +
			maybe("opt:ct-zone-limit=", "9") + maybe("type=", "localport", "external ha=g0", "localnet")
	case 7:
		return "del port v" + pick("0", "1", "2")
	case 8, 9:
		return "iface i" + pick("0", "1", "2", "3") + maybe("bridge=", "br-two") + maybe("ofport=", "1", "2") +
			maybe("ext:iface-id=", "v0", "v1", "v2", "p0") + maybe("ext:ovn-installed=", "true")
	case 10:
		return "del iface i" + pick("0", "1", "2", "3") + maybe("bridge=", "br-two")
	case 16:
		return pick("", "del ") + "plug i" + pick("0", "1", "2", "3") + " bridge=" + pick("br-int", "br-two")
	case 11:
		return "port cr" + pick("0", "1") + " type=chassisredirect dp=" + dp() + maybe("ha=", "g0", "g1") + maybe("opt:always-redirect=", "true")
	case 12:
		return "del port cr" + pick("0", "1")
	case 13:
		return "group " + pick("g0", "g1") + maybe("members=", "hv1:1", "hv2:2", "hv1:1,hv2:2")
	case 17:
		return "member " + pick("g0/hv1", "g0/hv2") + maybe("chassis=", "hv1", "hv2")
	case 14:
		return "del group " + pick("g0", "g1")
	case 15:
		return pick("", "", "del ") + "chassis " + pick("hv1", "hv9") + " name=hv1" + maybe("encaps=", "geneve/1.1.1.1")
	default:
		n := rapid.IntRange(0, 19).Draw(t, "port")
		peer := fmt.Sprintf("p%d", n^1)
		if rapid.IntRange(0, 3).Draw(t, "asymmetric") == 0 {
			peer = pick("p0", "p0", port())
		}
		return fmt.Sprintf("port p%d dp=%s opt:peer=%s", n, dp(), peer) + " type=" + pick("patch", "patch", "patch", "l3gateway", "", "localnet") +
			maybe("chassis=", "hv1", "hv1", "hv9") + maybe("opt:chassis-redirect-port=", "cr0", "cr1", "none") + maybe("opt:enable_router_port_acl=", "true")
	}
}

// TestTwin: whatever happens to rows, roots, links and interfaces, what is known after
// a round is what a look at everything finds, and what the rounds told adds up to it.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := replicatest.New(t)
		x := &twin{
			w: w, br: "br-int", d: New(slog.New(slog.DiscardHandler)), now: time.Unix(1000, 0),
			datapaths: map[ovsdb.UUID]LocalDatapath{}, zones: map[string]ctzone.User{},
		}
		x.d.forest.limit = rapid.SampledFrom([]int{2, 4, maxDepth}).Draw(rt, "limit")
		w.Do("bridge br-int")
		w.Do("bridge br-two")
		for i := range 9 {
			w.Do(fmt.Sprintf("datapath d%d switch key=%d", i, i+1))
		}
		for i := range 20 {
			w.Do(fmt.Sprintf("port p%d dp=d%d type=patch opt:peer=p%d", i, rapid.IntRange(0, 8).Draw(rt, "on"), i^1))
		}
		w.Do("port v0 dp=d0")
		w.Do("iface i0 ofport=1 ext:iface-id=v0")
		w.Do("chassis hv1")
		w.Do("chassis hv2")
		for range rapid.IntRange(1, 40).Draw(rt, "rounds") {
			var done []string
			for range rapid.IntRange(0, 3).Draw(rt, "changes") {
				line := edit(rt)
				if !w.Do(line) {
					rt.Fatalf("unknown line %q", line)
				}
				done = append(done, line)
			}
			if rapid.IntRange(0, 9).Draw(rt, "bridge") == 0 {
				x.br = rapid.SampledFrom([]string{"br-int", "br-two", "none"}).Draw(rt, "to")
			}
			x.now = x.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}).Draw(rt, "pass"))
			if err := x.round(); err != nil {
				rt.Fatalf("after %q: %v", done, err)
			}
		}
	})
}

// steps has a duty follow lines one after the other, and says whether a datapath is to
// be local then.
func steps(t *testing.T, world []string, datapath string, then []step) {
	w := replicatest.New(t)
	for _, l := range append(world, "bridge br-int") {
		w.Do(l)
	}
	x := &twin{
		w: w, br: "br-int", d: New(slog.New(slog.DiscardHandler)), now: time.Unix(1000, 0),
		datapaths: map[ovsdb.UUID]LocalDatapath{}, zones: map[string]ctzone.User{},
	}
	for _, s := range then {
		for _, l := range s.lines {
			w.Do(l)
		}
		if err := x.round(); err != nil {
			t.Fatalf("%q: %v", s.lines, err)
		}
		if x.d.IsLocal(w.ID("datapath", datapath)) != s.local {
			t.Errorf("%q: local is not %v", s.lines, s.local)
		}
	}
}

type step struct {
	local bool
	lines []string
}

// TestMemberChanges: whether a gateway port is followed depends on who is a member of
// its HA group, however that changes.
func TestMemberChanges(t *testing.T) {
	steps(t, []string{
		"chassis hv1", "chassis hv2", "datapath sw0 switch key=1", "datapath r0 key=2", "datapath pub switch key=3",
		"port p1 dp=sw0 key=1", "iface vif1 ofport=7 ext:iface-id=p1",
		"port sw0-r0 dp=sw0 key=2 type=patch opt:peer=r0-sw0", "port r0-sw0 dp=r0 key=1 type=patch opt:peer=sw0-r0",
		"port r0-pub dp=r0 key=2 type=patch opt:peer=pub-r0 opt:chassis-redirect-port=cr", "port pub-r0 dp=pub key=1 type=patch opt:peer=r0-pub",
		"port cr dp=r0 key=3 type=chassisredirect ha=g0 opt:always-redirect=true", "group g0 members=hv2:10",
	}, "pub", []step{
		{false, nil},
		{true, []string{"member g0/hv2 chassis=hv1"}},
		{true, []string{"member g0/hv2 chassis=hv1 prio=7"}},
		{false, []string{"member g0/hv2 chassis=hv2"}},
		{true, []string{"group g0 members=hv2:10,hv1:5"}},
		{true, []string{"group g0 members=hv2:10,hv1:5 ref=hv2"}},
		{false, []string{"group g0 members=hv2:10"}},
	})
}

// TestOwnRowReplaced: another row for the same chassis is at home elsewhere.
func TestOwnRowReplaced(t *testing.T) {
	steps(t, []string{
		"chassis hv1", "datapath sw0 switch key=1", "datapath gw key=2", "port p1 dp=sw0 key=1", "iface vif1 ofport=7 ext:iface-id=p1",
		"port sw0-gw dp=sw0 key=2 type=l3gateway chassis=hv1 opt:peer=gw-sw0", "port gw-sw0 dp=gw key=1 type=l3gateway chassis=hv1 opt:peer=sw0-gw",
	}, "gw", []step{
		{true, nil},
		{false, []string{"del chassis hv1", "chassis hv9 name=hv1"}},
		{true, []string{"del chassis hv9", "chassis hv1"}},
	})
}

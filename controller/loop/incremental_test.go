package loop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/patch"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/controller/translate"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// told is a translation that remembers what it was told.
type told struct {
	Translator
	tunnels map[string][]physical.Tunnel
	flow    physical.FlowTunnels
	patches map[string]uint32
	zones   map[ovsdb.UUID][2]uint16
	active  map[ovsdb.UUID]bool
}

func newTold() *told {
	return &told{
		tunnels: map[string][]physical.Tunnel{}, patches: map[string]uint32{}, zones: map[ovsdb.UUID][2]uint16{},
		active: map[ovsdb.UUID]bool{},
	}
}

func keep[K comparable, V any](m map[K]V, k K, v V, some bool) {
	if some {
		m[k] = v
	} else {
		delete(m, k)
	}
}

func (t *told) SetTunnels(c string, list []physical.Tunnel) { keep(t.tunnels, c, list, len(list) > 0) }
func (t *told) SetFlowTunnels(f physical.FlowTunnels)       { t.flow = f }
func (t *told) SetPatchPort(p string, ofport uint32)        { keep(t.patches, p, ofport, ofport != 0) }
func (t *told) SetHAActive(id ovsdb.UUID, active bool)      { keep(t.active, id, true, active) }
func (t *told) SetNATZones(id ovsdb.UUID, d, s uint16) {
	keep(t.zones, id, [2]uint16{d, s}, d != 0 || s != 0)
}
func (t *told) Apply(*sbdb.Changes)                                   {}
func (t *told) SetSelf(physical.Self)                                 {}
func (t *told) SetEncapIPs([]string)                                  {}
func (t *told) SetGeneveField(openflow.Field, bool)                   {}
func (t *told) SetLocalDatapath(ovsdb.UUID, *translate.LocalDatapath) {}
func (t *told) SetInterface(string, *translate.Interface)             {}
func (t *told) SetBound(string, bool)                                 {}
func (t *told) SetNetwork(string, bool)                               {}
func (t *told) SetZone(string, uint16)                                {}
func (t *told) SetRelated(string, uint32, uint32, bool)               {}
func (t *told) SetActivated(uint32, uint32, bool)                     {}
func (t *told) SetCollector(uint32, bool)                             {}
func (t *told) SetFeatures(translate.Features)                        {}
func (t *told) SetMaxFlows(int)                                       {}
func (t *told) Recompute()                                            {}
func (t *told) Run() translate.Result                                 { return translate.Result{} }

// world draws what happens to a small cluster.
type drawnWorld struct {
	*rapid.T
	c *cluster
}

func (d drawnWorld) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(d.T, label)
}

func (d drawnWorld) node() string { return d.one("node", "n1", "n2", "n3", "n4", "n5") }

// line is something that somebody else does.
func (d drawnWorld) line() string {
	n := d.node()
	i := n[1:]
	switch rapid.IntRange(0, 17).Draw(d.T, "what") {
	case 0:
		return "del chassis " + n
	case 1, 2, 3:
		encaps := d.one("encaps", "geneve/10.0.1."+i, "geneve/10.0.1."+i+",geneve/10.0.2."+i, "geneve/10.0.1."+i+",vxlan/10.0.1."+i,
			"vxlan/10.0.1."+i, "stt/10.0.1."+i, "")
		return "chassis " + n + " encaps=" + encaps + d.one("option", "", " encap:csum=false", " tz=a", " oc:is-remote=true", " oc:is-vtep=true")
	case 4:
		return "chassis hv1 host=h1 encaps=" + d.one("own", "geneve/10.0.0.1", "geneve/10.0.0.1,vxlan/10.0.0.1", "geneve/10.0.0.1,geneve/10.0.0.2") +
			d.one("zone", "", " tz=a")
	case 5:
		return "global g" + d.one("global", "", " ipsec", " opt:bfd-mult=5", " ipsec opt:ipsec_encapsulation=true")
	case 6:
		return "open o types=geneve,vxlan ext:ovn-remote=unix:/nowhere ext:ovn-encap-type=geneve ext:ovn-encap-ip=10.0.0.1" +
			" oc:ovn-chassis-idx-hv1= oc:vlan-limit=0 ext:ovn-bridge-mappings=" + d.one("mappings", "phys:br-phys", "phys:br-two", "phys:br-phys,two:br-two", "") +
			d.one("option", "", "", " ext:ovn-enable-flow-based-tunnels=true", " ext:ovn-encap-tos=4", " ext:ovn-is-interconn=true", " ext:ovn-evpn-vxlan-ports=4789")
	case 7:
		return fmt.Sprintf("group g%s members=%s ref=%s", d.one("group", "1", "2"),
			d.one("members", "hv1:2,n1:1", "n1:3,n2:1", "hv1:1,n2:2,n3:3", "hv1:1", "n4:1,hv1:4"), d.one("ref", "", "n5", "hv1,n4", "n1,n2,n3,n4,n5"))
	case 8:
		return "del group g" + d.one("group", "1", "2")
	case 9: // somebody else's ports
		return d.one("foreign", "iface ovn-n1-0 type=geneve opt:remote_ip=1.2.3.4", "iface foreign type=patch opt:peer=other", "del iface foreign",
			"iface dup type=geneve opt:remote_ip=10.0.1.1 port:ovn-chassis-id=n1@10.0.1.1%10.0.0.1", "iface old type=geneve port:ovn-chassis-id=n2@10.0.1.2",
			"iface odd port:ovn-chassis-id=nonsense", "iface shared type=geneve port:ovn-chassis-id=flow",
			"iface gone type=geneve port:ovn-chassis-id=gone@1.1.1.1%1.1.1.2", "iface ev type=vxlan port:ovn-evpn-tunnel=true",
			"iface own type=geneve ofport=9 port:ovn-chassis-id=hv1@10.0.0.1%10.0.0.1", "bridge br-int fail=secure dptype=system ext:x=y")
	case 10:
		return d.one("patch port", "iface stray type=patch opt:peer=x port:ovn-localnet-port=ln1", "iface stray type=patch opt:peer=patch-ln1-to-br-int port:ovn-localnet-port=ln2",
			"iface older type=patch opt:peer=y port:ovn-l3gateway-port=r", "del iface stray",
			"iface end bridge=br-phys type=patch opt:peer=patch-br-int-to-ln1", "bridge br-two", "bridge br-two dptype=system")
	case 11, 12:
		port := d.one("port", "ln1 dp=sw0 key=7 type=localnet", "ln2 dp=sw1 key=7 type=localnet", "l2 dp=sw1 key=8 type=l2gateway")
		return "port " + port + d.one("network", " opt:network_name=phys", " opt:network_name=two", " opt:network_name=none", "") +
			d.one("chassis", "", " chassis=hv1", " chassis=n1")
	case 13:
		return "del port " + d.one("port", "ln1", "ln2", "l2")
	case 14:
		return d.one("guest", "iface vif2 ofport=2 ext:iface-id=q1", "del iface vif2", "iface vif1 ofport=1 ext:iface-id=p1", "del iface vif1",
			"port q1 dp=sw1 key=1", "datapath sw1 switch key=2", "datapath sw1 switch key=2 ext:x=y")
	default:
		return d.touch()
	}
}

// touch is what the switch or somebody else does to a port that there is.
func (d drawnWorld) touch() string {
	var all []*vswitchdb.Port
	for br := range d.c.l.ovs.Bridge.All() {
		all = slices.AppendSeq(all, d.c.l.ovs.Ports(br))
	}
	slices.SortFunc(all, func(a, b *vswitchdb.Port) int { return strings.Compare(a.Name, b.Name) })
	if len(all) == 0 {
		return ""
	}
	p := rapid.SampledFrom(all).Draw(d.T, "port")
	i := d.c.l.ovs.InterfaceByName.One(p.Name)
	bridge := "br-int"
	for _, b := range []string{"br-phys", "br-two"} {
		if replica.Has(d.c.l.ovs.BridgeByName.One(b), p) {
			bridge = b
		}
	}
	row := fmt.Sprintf("iface %s bridge=%s type=%s", p.Name, bridge, i.Type)
	put := func(column string, m ovsdb.Map) {
		for k, v := range m.All() {
			row += " " + column + ":" + k + "=" + v
		}
	}
	put("port", p.ExternalIDs)
	put("ext", i.ExternalIDs)
	if d.one("others", "same", "same", "same", "other") == "same" {
		put("opt", i.Options)
	}
	put("oc", i.OtherConfig)
	switch d.one("touch", "number", "number", "number", "no number", "up", "up", "gone", "moves", "kind", "no bfd") {
	case "number":
		put("bfd", i.BFD)
		return row + fmt.Sprintf(" ofport=%d", rapid.IntRange(1, 40).Draw(d.T, "number"))
	case "no number":
		return row
	case "up":
		put("bfd", i.BFD)
		return row + " ofport=50 bfds:state=" + d.one("state", "up", "down")
	case "gone":
		return "del iface " + p.Name + " bridge=" + bridge
	case "moves":
		d.c.do("del iface " + p.Name + " bridge=" + bridge)
		return strings.Replace(row, "bridge="+bridge, "bridge="+d.one("bridge", "br-int", "br-phys", "br-two"), 1)
	case "kind":
		return strings.Replace(row, "type=", "type=x", 1)
	}
	return row + " ofport=51"
}

// commit has the local database take what the loop wrote in the last round, and
// reports it as far as it is about ports.
func (c *cluster) commit(written <-chan ovsdb.Event[vswitchdb.Update]) string {
	if c.written == 0 {
		return ""
	}
	for e := range written {
		if e.Result == nil {
			continue
		}
		if c.written--; c.written > 0 {
			continue // of before anybody looked
		}
		c.w.Commit(e.Result.Txn)
		if c.w.LocalChanges == nil {
			return ""
		}
		lines := strings.Split(c.w.Print(e.Result.Txn), "\n")
		return "\t" + strings.Join(slices.DeleteFunc(lines, func(s string) bool { return len(s) > 1000 || strings.Contains(s, " external_ids ") }), "\n\t")
	}
	return ""
}

// TestFollowsChanges: whatever happens, tunnels, BFD, patch ports and what the
// translation is told are, change by change, as they are when everything is looked at.
func TestFollowsChanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTold()
		c := newClusterWith(t, 1, tr)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = c.l.local.session.Run(ctx) }()
		all := c.twin()
		d := drawnWorld{rt, c}
		c.do("bridge br-phys", "bridge br-two", "datapath sw1 switch key=2", "port q1 dp=sw1 key=1")
		c.l.settledOnce = false
		c.l.condInForce, c.l.condSeq, c.l.condPorts = 0, 1, 1
		unsettled := rapid.IntRange(0, 3).Draw(rt, "steps before the contents are complete")
		var history []string
		for step := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			c.incomplete = step < unsettled
			for range rapid.IntRange(1, 3).Draw(rt, "changes") {
				line := d.line()
				history = append(history, line)
				c.do(line)
			}
			for n := 0; ; n++ {
				c.round()
				text := c.commit(c.l.local.session.Updates())
				if text == "" {
					break
				}
				history = append(history, text)
				if n > 8 {
					rt.Fatalf("no end:\n%s", strings.Join(history, "\n"))
				}
			}
			if wrong := all.compare(c, tr); wrong != "" {
				rt.Fatalf("%s\nafter\n%s", wrong, strings.Join(history, "\n"))
			}
		}
	})
}

// TestDisplacedZone: a datapath that loses its zone to one that asks for it has its flows
// use its new one, though nothing of its own row has changed.
func TestDisplacedZone(t *testing.T) {
	tr := newTold()
	c := newClusterWith(t, 1, tr)
	all := c.twin()
	settle := func() {
		t.Helper()
		for range 4 {
			c.round()
			c.commit(c.l.local.session.Updates())
		}
		if wrong := all.compare(c, tr); wrong != "" {
			t.Fatal(wrong)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = c.l.local.session.Run(ctx) }()
	c.do("datapath sw1 switch key=2", "port q1 dp=sw1 key=1", "iface vif2 ofport=2 ext:iface-id=q1")
	settle()
	for _, suffix := range []string{"_dnat", "_snat"} {
		name := "sw1" + suffix
		lost := c.l.zones.Zone(name)
		if lost == 0 {
			t.Fatalf("%s has no zone:\n%s", name, c.l.zones.List())
		}
		c.do(fmt.Sprintf("datapath sw0 switch key=1 ext:snat-ct-zone=%d", lost))
		settle()
		if now := c.l.zones.Zone(name); now == lost || now == 0 {
			t.Fatalf("%s has %d, had %d:\n%s", name, now, lost, c.l.zones.List())
		}
	}
}

// twin looks at everything, each time.
type twin struct {
	encaps *encaps.Duty
	ha     *hachassis.Duty
	patch  *patch.Duty
}

func (c *cluster) twin() twin {
	e := encaps.New(c.l.sb, c.l.ovs)
	return twin{e, hachassis.New(c.l.sb, c.l.ovs, e), patch.New(c.l.sb, c.l.ovs)}
}

// compare returns what is not as it is from scratch.
func (w twin) compare(c *cluster, tr *told) string {
	l, silent := c.l, slog.New(slog.DiscardHandler)
	tx := ovsdb.NewTxn("")
	w.encaps.Run(encaps.Inputs{
		SB: l.sb, Local: l.ovs, Config: l.cfg, Bridge: l.bridge, Chassis: l.chassis, MayDelete: l.settledOnce,
	}, true, tx, silent)
	w.ha.RunBFD(hachassis.Inputs{Bridge: l.bridge, Chassis: l.chassis, FlowBased: l.cfg.FlowBasedTunnel, MayDelete: l.settledOnce}, true, tx, silent)
	w.patch.Run(patch.Inputs{
		SB: l.sb, Local: l.ovs, Config: l.cfg, Bridge: l.bridge, Chassis: l.chassis, IsLocal: l.binding.IsLocal, MayDelete: l.settledOnce,
	}, true, tx, silent)
	if tx.Len() > 0 {
		return "left to write:\n" + c.w.Print(tx)
	}
	var out []string
	differ := func(what string, have, want any) {
		if h, w := fmt.Sprint(have), fmt.Sprint(want); h != w {
			out = append(out, fmt.Sprintf("%s:\n%s\nwant\n%s", what, h, w))
		}
	}

	// All from the rows, the plain way.
	var tunnels []physical.Tunnel
	flow := physical.FlowTunnels{Enabled: l.cfg.FlowBasedTunnel, Queries: l.cfg.Learned.Tracking}
	up, patches := map[string]bool{}, map[string]uint32{}
	peers := peersOf(l.sb, l.chassis)
	for p, i := range l.ovs.Interfaces(l.bridge) {
		id, marked := p.ExternalIDs.Lookup("ovn-chassis-id")
		name, remote, local, ok := encaps.ParseID(id)
		ofport := uint32(i.Ofport.Value())
		switch {
		case i.Type == "patch" && ofport > 0:
			for _, k := range []string{"ovn-localnet-port", "ovn-l2gateway-port"} {
				if lport, has := p.ExternalIDs.Lookup(k); has {
					patches[lport] = ofport
					break
				}
			}
		case !marked:
		case ok:
			if l.settledOnce && (i.BFD.Len() > 0) != peers[name] {
				out = append(out, fmt.Sprintf("BFD on %s: %v", i.Name, i.BFD))
			}
			if _, has := i.Options.Lookup("remote_ip"); has && i.BFD.Get("enable") == "true" && i.BFDStatus.Get("state") == "up" {
				up[name] = true
			}
			if name != l.chassis.Name && ofport > 0 && (i.Type == "geneve" || i.Type == "vxlan") {
				tunnels = append(tunnels, physical.Tunnel{
					OFPort: ofport, Type: tunnelType(i.Type), Chassis: name, RemoteIP: remote, LocalIP: local,
					Ramp: i.OtherConfig.Get("is-vtep") == "true", Queries: l.cfg.Learned.Tracking,
				})
			}
		case id == "flow" && ofport > 0 && i.Type == "geneve":
			flow.Geneve = ofport
		case id == "flow" && ofport > 0 && i.Type == "vxlan":
			flow.VXLAN = ofport
		}
	}
	byChassis := map[string][]physical.Tunnel{}
	for _, t := range physical.OrderTunnels(tunnels) {
		byChassis[t.Chassis] = append(byChassis[t.Chassis], t)
	}
	active := map[ovsdb.UUID]bool{}
	for g := range l.sb.HAChassisGroup.All() {
		if hachassis.Active(l.sb, g, l.chassis.UUID, up) {
			active[g.UUID] = true
		}
	}
	zones := map[ovsdb.UUID][2]uint16{}
	for id, dp := range l.binding.Datapaths() {
		if z := [2]uint16{l.zones.Zone(dp.Name + "_dnat"), l.zones.Zone(dp.Name + "_snat")}; z != [2]uint16{} {
			zones[id] = z
		}
	}
	differ("tunnels", tr.tunnels, byChassis)
	differ("flow-based tunnels", tr.flow, flow)
	differ("patch ports", tr.patches, patches)
	differ("up", slices.Sorted(maps.Keys(l.upNames)), slices.Sorted(maps.Keys(up)))
	differ("active groups", tr.active, active)
	differ("zones", tr.zones, zones)
	return strings.Join(out, "\n")
}

// peersOf are the names of the chassis to run BFD with.
func peersOf(sb *replica.SB, own *sbdb.Chassis) map[string]bool {
	peers := map[string]bool{}
	for g := range sb.HAChassisGroup.All() {
		if len(g.HAChassis) < 2 {
			continue
		}
		member := hachassis.Contains(sb, g, own.UUID)
		for _, id := range g.RefChassis {
			if c := sb.Chassis.Get(id); member && c != nil && c.OtherConfig.Get("is-remote") != "true" {
				peers[c.Name] = true
			}
		}
		if member || slices.Contains(g.RefChassis, own.UUID) {
			for _, m := range hachassis.Ordered(sb, g) {
				peers[m.Name] = true
			}
		}
	}
	return peers
}

package loop

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// TestNoted: what the loop writes itself, what guests and single tunnels do, and what
// the switch reports, makes no duty look at everything.
func TestNoted(t *testing.T) {
	const ports = dutyMirrors | dutyQueues
	tunnel2 := new(cluster).tunnel(2)
	for _, x := range []struct {
		what string
		do   string
		want duties
		due  string // whose tunnels, patch ports and flows are looked at
	}{
		{"what the loop notes on the bridge", "bridge br-int fail=secure dptype=system ext:ovn-nb-cfg=2", 0, ""},
		{"another bridge", "bridge br-ex", portDuties, ""},
		{"another datapath type", "bridge br-int fail=secure dptype=netdev", portDuties, ""},
		{"the root", "open o ext:ovn-bridge=br-int", allDuties, ""},
		{"a guest comes", "iface vif2 ofport=2 ext:iface-id=p2", ports | dutyStatus, ""},
		{"a guest goes", "del iface vif1", ports | dutyStatus, ""},
		{"a guest has another number", "iface vif1 ofport=7 ext:iface-id=p1", dutyStatus, ""},
		{"a guest is marked", "iface vif1 ofport=1 ext:iface-id=p1 ext:ovn-installed=true", ports | dutyStatus, ""},
		{"a guest's driver reports", "iface vif1 ofport=1 ext:iface-id=p1 status:driver_name=tap speed=100", 0, ""},
		{"a tunnel comes", "iface ovn-n9-0 type=geneve ofport=9 port:ovn-chassis-id=n9@10.0.0.9%10.0.0.1", 0, "tunnels flows n9"},
		{"a tunnel goes", "del iface ovn-n2-0", 0, "tunnels flows n2"},
		{"a tunnel gets its number", "iface ovn-n2-0 type=geneve ofport=77 opt:remote_ip=10.0.0.2 opt:local_ip=10.0.0.1 opt:key=flow opt:csum=true port:ovn-chassis-id=n2@10.0.0.2%10.0.0.1", 0, "flows n2"},
		{"BFD reports", "iface ovn-n2-0 type=geneve ofport=102 opt:remote_ip=10.0.0.2 opt:local_ip=10.0.0.1 opt:key=flow opt:csum=true port:ovn-chassis-id=n2@10.0.0.2%10.0.0.1 bfds:state=up", 0, ""},
		{"somebody sets a tunnel's options", "iface ovn-n2-0 type=geneve ofport=102 opt:remote_ip=10.0.0.3 port:ovn-chassis-id=n2@10.0.0.2%10.0.0.1", 0, "tunnels n2"},
		{"a patch port comes", "iface pp type=patch opt:peer=x ofport=3 port:ovn-localnet-port=ln", ports | dutyStatus, "patches ln flows ln"},
		{"a patch port's other end", "iface pp bridge=br-two type=patch opt:peer=patch-br-int-to-ln", ports | dutyStatus, "patches ln"},
		{"a patch port's other end goes", "iface pp bridge=br-two type=patch opt:peer=patch-br-int-to-ln, then del iface pp bridge=br-two",
			ports | dutyStatus, "patches ln"},
		{"a patch port's other end is another's", "iface pp bridge=br-two type=patch opt:peer=patch-br-int-to-ln, then iface pp bridge=br-two type=patch opt:peer=x",
			ports, "patches ln"},
		{"a tunnel is put on another bridge", "bridge br-ex, then del iface ovn-n2-0, " + strings.Replace(tunnel2, " type", " bridge=br-ex type", 1),
			0, "tunnels flows n2"},
		{"another chassis", "chassis n2 encaps=geneve/10.0.9.9", 0, "tunnels n2"},
		{"another chassis' encap", "chassis n2 encaps=geneve/10.0.0.2 encap:csum=false", 0, "tunnels n2"},
		{"another chassis goes", "del chassis n2", 0, "tunnels n2"},
		{"this chassis", "chassis hv1 host=h2 encaps=geneve/10.0.0.1", dutyChassis | dutyEncaps | dutyBFD | dutyHA | dutyFeed | dutyStatus, ""},
		{"this chassis' encap", "chassis hv1 host=h1 encaps=geneve/10.0.0.1 encap:csum=false", dutyChassis | dutyEncaps | dutyBFD | dutyHA | dutyFeed | dutyStatus, ""},
		{"the number of a configuration", "global g nb_cfg=7", 0, ""},
		{"the number this chassis has", "private hv1 nb_cfg=7", 0, ""},
		{"this chassis' private row goes", "del private hv1", dutyChassis, ""},
		{"another's private row", "private n2", 0, ""},
		{"options for all", "global g ipsec", dutyEncaps | dutyBFD, ""},
		{"a port here", "port p1 dp=sw0 key=1 chassis=hv1 up=true", dutyStatus, ""},
		{"a port elsewhere", "port p2 dp=sw0 key=2 chassis=n2", 0, ""},
		{"a localnet port", "port ln dp=sw0 key=3 type=localnet", 0, "patches ln"},
		{"a mirrored port elsewhere", "port p2 dp=sw0 key=2 mirrors=m", dutyMirrors, ""},
		{"a port with a queue", "port p2 dp=sw0 key=2 opt:qdisc_queue_id=1", dutyQueues, ""},
	} {
		c := newCluster(t, 3)
		first, do, before := strings.Cut(x.do, ", then ")
		if before {
			c.do(first)
			c.round()
		} else {
			do = x.do
		}
		c.l.due = 0
		c.do(strings.Split(do, ", ")...)
		c.l.ovsChanges, c.l.sbChanges = c.w.LocalChanges, c.w.SBChanges
		c.l.collectDue()
		if c.l.due != x.want {
			t.Errorf("%s: duties %b, want %b", x.what, c.l.due, x.want)
		}
		var due []string
		for _, n := range []string{"n2", "n9"} {
			switch flows, tunnels := c.l.fed.tunnelsDue[n], c.l.encaps.IsDue(n); {
			case flows && tunnels:
				due = append(due, "tunnels flows "+n)
			case tunnels:
				due = append(due, "tunnels "+n)
			case flows:
				due = append(due, "flows "+n)
			}
		}
		if c.l.patch.IsDue("ln") {
			due = append(due, "patches ln")
		}
		if c.l.fed.patchesDue["ln"] {
			due = append(due, "flows ln")
		}
		if got := strings.Join(due, " "); got != x.due {
			t.Errorf("%s: due %q, want %q", x.what, got, x.due)
		}
	}
}

// TestRelocated: a datapath that comes or goes has its own patch ports and zones looked
// at, not those of all.
func TestRelocated(t *testing.T) {
	c := newCluster(t, 3)
	c.do("datapath sw1 switch key=2", "port ln dp=sw1 key=1 type=localnet", "port other dp=sw0 key=3 type=localnet")
	c.round()
	id := c.w.ID("datapath", "sw1")
	c.l.due = 0
	c.l.take(binding.Delta{Datapaths: map[ovsdb.UUID]*binding.LocalDatapath{id: nil}})
	if c.l.due != dutyQueues || !c.l.patch.IsDue("ln") || c.l.patch.IsDue("other") || len(c.l.fed.zonesDue) != 1 || !c.l.fed.zonesDue[id] {
		t.Errorf("duties %b, zones %v", c.l.due, c.l.fed.zonesDue)
	}
}

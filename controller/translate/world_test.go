package translate

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// world is the contents of a southbound database and of a chassis, as plain rows,
// from which a replica and a Translator can be filled in one go or followed change
// by change. Names and keys come from small pools, so that changes collide.
type world struct {
	dps       map[int]*sbdb.DatapathBinding
	groups    map[int]*sbdb.LogicalDPGroup
	ports     map[int]*sbdb.PortBinding
	multicast map[int]*sbdb.MulticastGroup
	flows     map[int]*sbdb.LogicalFlow
	addresses map[int]*sbdb.AddressSet
	pgs       map[int]*sbdb.PortGroup
	chassis   map[int]*sbdb.Chassis
	encaps    map[int]*sbdb.Encap
	ha        map[int]*sbdb.HAChassis
	haGroups  map[int]*sbdb.HAChassisGroup
	macs      map[int]*sbdb.MACBinding
	statics   map[int]*sbdb.StaticMACBinding
	fdb       map[int]*sbdb.FDB
	lbs       map[int]*sbdb.LoadBalancer
	templates map[int]*sbdb.ChassisTemplateVar
	dhcp      map[int]*sbdb.DHCPOptions
	dhcpv6    map[int]*sbdb.DHCPv6Options
	global    map[int]*sbdb.SBGlobal

	self        int
	encapIPs    []string
	geneve      bool
	flowTunnels bool
	networks    map[string]bool
	localDPs    map[int]bool
	interfaces  map[int]Interface
	bound       map[int]bool
	patches     map[int]uint32
	zones       map[int]uint16
	natZones    map[int]uint16
	tunnels     map[int]int // chassis → number of tunnels
	haActive    map[int]bool
	related     map[int]bool
	activated   map[int]bool
	features    Features
	maxFlows    int
	collectors  map[int]bool
}

func newWorld() *world {
	return &world{
		dps: map[int]*sbdb.DatapathBinding{}, groups: map[int]*sbdb.LogicalDPGroup{}, ports: map[int]*sbdb.PortBinding{},
		multicast: map[int]*sbdb.MulticastGroup{}, flows: map[int]*sbdb.LogicalFlow{}, addresses: map[int]*sbdb.AddressSet{},
		pgs: map[int]*sbdb.PortGroup{}, chassis: map[int]*sbdb.Chassis{}, encaps: map[int]*sbdb.Encap{},
		ha: map[int]*sbdb.HAChassis{}, haGroups: map[int]*sbdb.HAChassisGroup{}, macs: map[int]*sbdb.MACBinding{},
		statics: map[int]*sbdb.StaticMACBinding{}, fdb: map[int]*sbdb.FDB{}, lbs: map[int]*sbdb.LoadBalancer{},
		templates: map[int]*sbdb.ChassisTemplateVar{}, dhcp: map[int]*sbdb.DHCPOptions{}, dhcpv6: map[int]*sbdb.DHCPv6Options{},
		global:   map[int]*sbdb.SBGlobal{},
		networks: map[string]bool{}, localDPs: map[int]bool{}, interfaces: map[int]Interface{}, bound: map[int]bool{},
		patches: map[int]uint32{}, zones: map[int]uint16{}, natZones: map[int]uint16{}, tunnels: map[int]int{},
		haActive: map[int]bool{}, related: map[int]bool{}, activated: map[int]bool{}, collectors: map[int]bool{},
	}
}

// Sizes of the pools.
const (
	nDPs       = 4
	nGroups    = 2
	nPorts     = 12
	nMulticast = 6
	nFlows     = 12
	nSets      = 3
	nPGs       = 6
	nChassis   = 3
	nHAGroups  = 2
)

// id is the UUID of row i of a table. Its first half tells rows apart, too.
func id(table byte, i int) ovsdb.UUID {
	return ovsdb.UUID{table, byte(i + 1), 2: 7, 7: byte(i + 1), 8: table, 15: byte(i + 1)}
}

func portName(i int) string    { return fmt.Sprintf("lp%d", i) }
func chassisName(i int) string { return fmt.Sprintf("hv%d", i) }

// addressPool has addresses that contain each other, of several families, one
// that is none and, rarely picked, one too wide for IPv4.
var addressPool = []string{
	"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.0/30", "10.0.0.0/24", "10.0.1.1", "10.0.0.0/255.0.0.3",
	"192.168.0.0/16", "192.168.5.5", "0.0.0.0/0", "nonsense", "fd00::1",
}

var matchPool = []string{
	"1",
	"ip4.src == $as0",
	"ip4.src == $as0 && tcp.dst == {80, 443}",
	"ip4.src == {$as0, $as1, 10.9.9.9} && ip4.dst == $as2 && udp",
	"ip4.src == $as0 || ip4.dst == $as0",
	"ip4.src == $as0 && ip4.src != $as1",
	"inport == \"lp0\" && ip",
	"inport == {\"lp1\", \"lp2\"} && eth.src == 00:00:00:00:00:01",
	"outport == \"lp3\" && ip6",
	"inport == @pg0 && ip4.src == $as1",
	"outport == @pg1",
	"outport == {@pg0, @pg1} && tcp.dst == {1, 2, 3}",
	"is_chassis_resident(\"lp0\") && ip4",
	"!is_chassis_resident(\"lp1\") && arp",
	"is_chassis_resident(\"lp11\") && icmp4",
	"tcp.dst == ^port && ip4.dst == ^vip",
	"outport == \"_MC_flood\" && ip6",
	"ip4 && tcp.dst == {1, 2} && tcp.src == {3, 4}",
	"nosuchfield == 1",
	"inport == \"none\"",
}

var actionPool = []string{
	"next;", "drop;", "output;",
	"outport = \"lp4\"; output;",
	"outport = \"_MC_flood\"; output;",
	"outport = \"_MC_unknown\"; output;",
	"reg0 = 10.0.0.1; next;",
	"arp { eth.dst = ff:ff:ff:ff:ff:ff; output; };",
	"ct_lb_mark(backends=10.0.0.1:80,10.0.0.2:80);",
	"ct_dnat(10.0.0.4);", "ct_snat(10.0.0.5);", "ct_snat_in_czone(10.0.0.5);",
	"reg0[1] = put_dhcp_opts(offerip = 10.0.0.4, router = 10.0.0.1, mtu = 1400); next;",
	"reg0[1] = put_dhcpv6_opts(ia_addr = fd00::4, server_id = 00:00:00:00:00:01); next;",
	"sample(probability=65535,collector_set=1,obs_domain=0,obs_point=7); next;",
	"reg9[6] = chk_lb_aff(); next;",
	"fwd_group(liveness=\"true\", childports=\"lp0\", \"lp1\");",
	`ct_lb_mark_local(backends="lp0":10.0.0.1:80,"lp1":10.0.0.2:80,"lp4":10.0.0.3:80);`,
	"nosuchaction;",
}

// step makes one random change.
func (w *world) step(r *rand.Rand) {
	coin := func() bool { return r.IntN(2) == 0 }
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	some := func(list []string) []string {
		var out []string
		for _, s := range list {
			if r.IntN(3) == 0 {
				out = append(out, s)
			}
		}
		slices.Sort(out)
		return out
	}
	someIDs := func(table byte, n int) []ovsdb.UUID {
		var out []ovsdb.UUID
		for i := range n {
			if coin() {
				out = append(out, id(table, i))
			}
		}
		slices.SortFunc(out, ovsdb.UUID.Compare)
		return out
	}
	maybeChassis := func() ovsdb.UUID {
		if i := r.IntN(nChassis + 1); i < nChassis {
			return id('c', i)
		}
		return ovsdb.UUID{}
	}
	switch r.IntN(42) {
	case 0, 1:
		i := r.IntN(nDPs)
		if r.IntN(8) == 0 {
			delete(w.dps, i)
			return
		}
		row := &sbdb.DatapathBinding{UUID: id('d', i), TunnelKey: int64(i + 1)}
		if r.IntN(4) == 0 {
			row.TunnelKey += 10
		}
		kv := []string{"logical-switch", "x"}
		if i == nDPs-1 {
			kv = []string{"logical-router", "x"}
		}
		if coin() {
			kv = append(kv, "snat-ct-zone", "5")
		}
		if r.IntN(3) == 0 {
			kv = append(kv, "interconn-ts", "ts")
		}
		row.ExternalIDs = ovsdb.NewMap(kv...)
		w.dps[i] = row
	case 2, 3:
		i := r.IntN(nGroups)
		if r.IntN(5) == 0 {
			delete(w.groups, i)
			return
		}
		w.groups[i] = &sbdb.LogicalDPGroup{UUID: id('g', i), Datapaths: someIDs('d', nDPs)}
	case 4, 5, 6, 7:
		i := r.IntN(nPorts)
		if r.IntN(5) == 0 {
			delete(w.ports, i)
			return
		}
		w.ports[i] = w.port(r, i, maybeChassis)
	case 8, 9:
		i := r.IntN(nPorts)
		if old := w.ports[i]; old != nil {
			row := *old
			row.Chassis = maybeChassis()
			if coin() {
				row.AdditionalChassis = someIDs('c', nChassis)
			} else {
				row.AdditionalChassis = nil
			}
			w.ports[i] = &row
		}
	case 10:
		i := r.IntN(nMulticast)
		if r.IntN(5) == 0 {
			delete(w.multicast, i)
			return
		}
		w.multicast[i] = &sbdb.MulticastGroup{
			UUID: id('m', i), Datapath: id('d', i%nDPs), Name: []string{"_MC_flood", "_MC_unknown"}[i/nDPs],
			TunnelKey: 32768 + int64(r.IntN(3)), Ports: someIDs('p', nPorts),
		}
	case 11, 12, 13, 14:
		i := r.IntN(nFlows)
		if r.IntN(6) == 0 {
			delete(w.flows, i)
			return
		}
		row := &sbdb.LogicalFlow{
			UUID: id('f', i), Match: pick(matchPool), Actions: pick(actionPool), TableID: int64(r.IntN(4)),
			Pipeline: []string{"ingress", "egress"}[r.IntN(2)], Priority: int64(100 + r.IntN(3)),
		}
		if coin() {
			row.LogicalDatapath = id('d', r.IntN(nDPs))
		} else {
			row.LogicalDPGroup = id('g', r.IntN(nGroups))
		}
		if r.IntN(4) == 0 {
			row.Tags = ovsdb.NewMap("in_out_port", portName(r.IntN(nPorts)))
		}
		if r.IntN(4) == 0 {
			row.ControllerMeter = ovsdb.Some("meter")
		}
		w.flows[i] = row
	case 15, 16, 17:
		i := r.IntN(nSets)
		if r.IntN(6) == 0 {
			delete(w.addresses, i)
			return
		}
		pool := addressPool
		if r.IntN(6) != 0 {
			pool = pool[:len(pool)-1]
		}
		w.addresses[i] = &sbdb.AddressSet{UUID: id('a', i), Name: fmt.Sprintf("as%d", i), Addresses: some(pool)}
	case 18, 19:
		i := r.IntN(nPGs)
		if r.IntN(6) == 0 {
			delete(w.pgs, i)
			return
		}
		var names []string
		for p := range nPorts {
			names = append(names, portName(p))
		}
		w.pgs[i] = &sbdb.PortGroup{UUID: id('P', i), Name: fmt.Sprintf("%d_pg%d", i/2+1, i%2), Ports: some(names)}
	case 20:
		i := r.IntN(nChassis)
		if r.IntN(10) == 0 {
			delete(w.chassis, i)
			return
		}
		row := &sbdb.Chassis{UUID: id('c', i), Name: chassisName(i), Encaps: someIDs('e', nChassis)}
		var kv []string
		if coin() {
			kv = append(kv, "ovn-chassis-mac-mappings", "net:00:00:00:00:0a:0"+fmt.Sprint(r.IntN(4)))
		}
		if r.IntN(3) == 0 {
			kv = append(kv, "is-vtep", "true")
		}
		if r.IntN(3) == 0 {
			kv = append(kv, "is-remote", "true")
		}
		row.OtherConfig = ovsdb.NewMap(kv...)
		w.chassis[i] = row
	case 21:
		i := r.IntN(nChassis)
		if r.IntN(5) == 0 {
			delete(w.encaps, i)
			return
		}
		w.encaps[i] = &sbdb.Encap{
			UUID: id('e', i), Type: []string{"geneve", "vxlan"}[r.IntN(2)], IP: fmt.Sprintf("172.16.0.%d", r.IntN(3)+1),
			ChassisName: chassisName(i), Options: ovsdb.NewMap("is_default", fmt.Sprint(coin())),
		}
	case 22:
		i := r.IntN(nChassis)
		if r.IntN(10) == 0 {
			delete(w.ha, i)
			return
		}
		w.ha[i] = &sbdb.HAChassis{UUID: id('h', i), Chassis: maybeChassis(), Priority: int64(r.IntN(3))}
	case 23:
		i := r.IntN(nHAGroups)
		if r.IntN(5) == 0 {
			delete(w.haGroups, i)
			return
		}
		w.haGroups[i] = &sbdb.HAChassisGroup{UUID: id('H', i), Name: fmt.Sprint("g", i), HAChassis: someIDs('h', nChassis)}
	case 24:
		i := r.IntN(4)
		if r.IntN(4) == 0 {
			delete(w.macs, i)
			return
		}
		w.macs[i] = &sbdb.MACBinding{
			UUID: id('M', i), Datapath: id('d', nDPs-1), LogicalPort: portName(r.IntN(nPorts)), IP: pick([]string{"10.0.0.9", "fd00::9"}),
			MAC: fmt.Sprintf("00:00:00:00:01:0%d", r.IntN(3)), Timestamp: r.Int64(),
		}
	case 25:
		i := r.IntN(3)
		if r.IntN(4) == 0 {
			delete(w.statics, i)
			return
		}
		w.statics[i] = &sbdb.StaticMACBinding{
			UUID: id('S', i), Datapath: id('d', nDPs-1), LogicalPort: portName(r.IntN(nPorts)), IP: "10.0.0.9",
			MAC: fmt.Sprintf("00:00:00:00:02:0%d", r.IntN(3)), OverrideDynamicMAC: coin(),
		}
	case 26:
		i := r.IntN(4)
		if r.IntN(4) == 0 {
			delete(w.fdb, i)
			return
		}
		w.fdb[i] = &sbdb.FDB{
			UUID: id('F', i), DPKey: int64(1 + r.IntN(nDPs)), PortKey: int64(1 + r.IntN(nPorts)),
			MAC: fmt.Sprintf("00:00:00:00:03:0%d", r.IntN(3)), Timestamp: r.Int64(),
		}
	case 27:
		i := r.IntN(3)
		if r.IntN(4) == 0 {
			delete(w.lbs, i)
			return
		}
		vip := pick([]string{"10.0.0.100:80", "10.0.0.101:80", "^vip:^port"})
		pool := []string{"10.0.0.1:80", "10.0.0.1:80,10.0.0.2:80", "nonsense", "^vip:80"}
		backends := r.IntN(2 * len(pool))
		row := &sbdb.LoadBalancer{UUID: id('L', i), Name: fmt.Sprint("lb", i), Protocol: ovsdb.Some(pick([]string{"tcp", "udp"}))}
		row.VIPs = ovsdb.NewMap(vip, pool[backends%len(pool)])
		row.Options = ovsdb.NewMap("hairpin_orig_tuple", fmt.Sprint(coin()))
		if coin() {
			row.Options = row.Options.With("hairpin_snat_ip", "10.1.1.1")
		}
		if coin() {
			row.Datapaths = someIDs('d', nDPs)
		}
		if coin() {
			row.LSDatapathGroup = id('g', r.IntN(nGroups))
		}
		if coin() {
			row.LRDatapathGroup = id('g', r.IntN(nGroups))
		}
		if old := w.lbs[i]; old != nil && backends < len(pool) {
			// Nothing else changes.
			vips := row.VIPs
			*row = *old
			row.VIPs = vips
		}
		w.lbs[i] = row
	case 28:
		i := r.IntN(2)
		if r.IntN(4) == 0 {
			delete(w.templates, i)
			return
		}
		w.templates[i] = &sbdb.ChassisTemplateVar{
			UUID: id('T', i), Chassis: chassisName(i),
			Variables: ovsdb.NewMap("port", fmt.Sprint(80+r.IntN(3)), "vip", fmt.Sprintf("10.0.0.%d", 100+r.IntN(3))),
		}
	case 29:
		if i := r.IntN(3); r.IntN(4) == 0 {
			delete(w.dhcp, i)
		} else {
			w.dhcp[i] = &sbdb.DHCPOptions{
				UUID: id('D', i), Name: []string{"router", "mtu", "offerip"}[i], Code: []int64{3 + int64(r.IntN(2)), 26, 0}[i],
				Type: []string{"ipv4", "uint16", "ipv4"}[i],
			}
		}
		if i := r.IntN(2); r.IntN(4) == 0 {
			delete(w.dhcpv6, i)
		} else {
			w.dhcpv6[i] = &sbdb.DHCPv6Options{
				UUID: id('6', i), Name: []string{"ia_addr", "server_id"}[i], Code: int64(5 + r.IntN(2)),
				Type: []string{"ipv6", "mac"}[i],
			}
		}
	case 30:
		var kv []string
		for _, o := range []string{optionAlwaysTunnel, optionRegisterConsolidation, optionExplicitARPNSOutput} {
			if coin() {
				kv = append(kv, o, "true")
			}
		}
		if coin() {
			kv = append(kv, optionDropCollector, "1", optionDropDomain, fmt.Sprint(r.IntN(3)))
		}
		w.global[0] = &sbdb.SBGlobal{UUID: id('G', 0), Options: ovsdb.NewMap(kv...)}
	default:
		w.stepLocal(r)
	}
}

// favourite is the type that a port has half of the time, so that the datapaths
// often are what deployments have.
var favourite = map[int]string{0: "localnet", 1: "localnet", 2: "localnet", 3: "patch", 5: "external", 7: "patch", 11: "chassisredirect"}

// networkFunction pairs the ports of a network function.
var networkFunction = map[int]int{6: 10, 10: 6}

// settle makes w a chassis in working order: everything is there and connected.
func (w *world) settle() {
	w.self, w.geneve, w.flowTunnels, w.encapIPs = 0, true, false, []string{"172.16.0.1"}
	w.networks["net"] = true
	for i := range nDPs {
		kind := "logical-switch"
		if i == nDPs-1 {
			kind = "logical-router"
		}
		w.dps[i] = &sbdb.DatapathBinding{UUID: id('d', i), TunnelKey: int64(i + 1), ExternalIDs: ovsdb.NewMap(kind, "x")}
		w.localDPs[i] = true
	}
	for i := range nChassis {
		w.chassis[i] = &sbdb.Chassis{UUID: id('c', i), Name: chassisName(i), Encaps: []ovsdb.UUID{id('e', i)}}
		w.encaps[i] = &sbdb.Encap{UUID: id('e', i), Type: "geneve", IP: fmt.Sprintf("172.16.0.%d", i+1), ChassisName: chassisName(i)}
		w.tunnels[i] = min(i, 1)
	}
	vif := func(i int, chassis int, additional []int, kv ...string) {
		row := &sbdb.PortBinding{
			UUID: id('p', i), LogicalPort: portName(i), Datapath: id('d', i%nDPs), TunnelKey: int64(i + 1), Chassis: id('c', chassis),
			MAC: []string{fmt.Sprintf("00:00:00:00:00:%02x 10.0.0.%d", i, i)}, Options: ovsdb.NewMap(kv...),
		}
		for _, c := range additional {
			row.AdditionalChassis = append(row.AdditionalChassis, id('c', c))
		}
		w.ports[i] = row
		w.interfaces[i] = Interface{OFPort: uint32(i + 1), MTU: 1500}
	}
	vif(4, 0, []int{1})
	vif(8, 1, nil)
	delete(w.interfaces, 8)
	vif(9, 1, []int{0}, "activation-strategy", "rarp")
	vif(6, 0, nil, "is-nf", "true", "nf-linked-port", portName(10))
	vif(10, 0, nil, "is-nf", "true", "nf-linked-port", portName(6))
	w.zones[6], w.zones[10] = 6, 10
	clear(w.activated)
	for i := range 3 {
		w.ports[i] = &sbdb.PortBinding{
			UUID: id('p', i), LogicalPort: portName(i), Datapath: id('d', i), TunnelKey: int64(i + 1), Type: "localnet",
			Options: ovsdb.NewMap("network_name", "net"),
		}
		w.patches[i] = uint32(50 + i)
	}
	w.ports[5] = &sbdb.PortBinding{
		UUID: id('p', 5), LogicalPort: portName(5), Datapath: id('d', 1), TunnelKey: 6, Type: "external", Chassis: id('c', 0),
		MAC: []string{"00:00:00:00:00:05"},
	}
	for i, o := range []sbdb.DHCPOptions{{Name: "router", Type: "ipv4"}, {Name: "mtu", Type: "uint16"}, {Name: "offerip", Type: "ipv4"}} {
		o.UUID, o.Code = id('D', i), int64(2-i)
		w.dhcp[i] = &o
	}
	for i, o := range []sbdb.DHCPv6Options{{Name: "ia_addr", Type: "ipv6"}, {Name: "server_id", Type: "mac"}} {
		o.UUID, o.Code = id('6', i), int64(i+5)
		w.dhcpv6[i] = &o
	}
	w.groups[0] = &sbdb.LogicalDPGroup{UUID: id('g', 0)}
	for i := range nDPs {
		w.groups[0].Datapaths = append(w.groups[0].Datapaths, id('d', i))
	}
	for i, a := range actionPool[:nFlows] {
		w.flows[i] = &sbdb.LogicalFlow{UUID: id('f', i), Match: "ip4", Actions: a, Pipeline: "ingress", LogicalDPGroup: id('g', 0), Priority: int64(200 + i)}
	}
	for i, a := range actionPool[nFlows:] {
		w.flows[i] = &sbdb.LogicalFlow{UUID: id('f', i), Match: "ip4 && udp", Actions: a, Pipeline: "ingress", LogicalDPGroup: id('g', 0), Priority: int64(300 + i)}
	}
}

// port makes a random Port_Binding.
func (w *world) port(r *rand.Rand, i int, chassis func() ovsdb.UUID) *sbdb.PortBinding {
	coin := func() bool { return r.IntN(2) == 0 }
	types := []string{"", "", "", "patch", "localnet", "chassisredirect", "l3gateway", "localport", "external", "virtual", "vtep", "l2gateway"}
	row := &sbdb.PortBinding{
		UUID: id('p', i), LogicalPort: portName(i), Datapath: id('d', i%nDPs), TunnelKey: int64(i + 1),
		Type: types[r.IntN(len(types))], Chassis: chassis(), MAC: []string{fmt.Sprintf("00:00:00:00:00:%02x 10.0.0.%d", i, i)},
	}
	if f, ok := favourite[i]; ok && coin() {
		row.Type = f
	}
	if r.IntN(8) == 0 {
		row.TunnelKey += 20
	}
	if r.IntN(8) == 0 {
		row.Datapath = id('d', r.IntN(nDPs))
	}
	if coin() {
		row.PortSecurity = []string{fmt.Sprintf("00:00:00:00:00:%02x 10.0.0.%d", i, i)}
	}
	if coin() {
		row.Encap = id('e', r.IntN(nChassis))
	}
	var kv []string
	add := func(k, v string) { kv = append(kv, k, v) }
	switch row.Type {
	case "patch", "l3gateway":
		add("peer", portName(r.IntN(nPorts)))
		if coin() {
			add("l3gateway-chassis", chassisName(r.IntN(nChassis)))
		}
	case "localnet":
		add("network_name", "net")
		if coin() {
			add("localnet_learn_fdb", "true")
		}
		if coin() {
			row.Tag = ovsdb.Some(int64(10 + r.IntN(2)))
		}
	case "chassisredirect":
		add("distributed-port", portName(r.IntN(nPorts)))
		if coin() {
			add("redirect-type", "bridged")
		}
		row.HAChassisGroup = id('H', r.IntN(nHAGroups))
	case "external":
		row.HAChassisGroup = id('H', r.IntN(nHAGroups))
	case "virtual":
		row.VirtualParent = ovsdb.Some(portName(r.IntN(nPorts)))
	case "":
		if r.IntN(4) == 0 {
			row.ParentPort = ovsdb.Some(portName(r.IntN(nPorts)))
			row.Tag = ovsdb.Some(int64(20 + r.IntN(3)))
		}
		if r.IntN(4) == 0 {
			add("activation-strategy", "rarp")
		}
		if linked, ok := networkFunction[i]; ok && coin() {
			add("is-nf", "true")
			add("nf-linked-port", portName(linked))
			row.ParentPort, row.Tag = ovsdb.Optional[string]{}, ovsdb.Optional[int64]{}
		}
	}
	row.Options = ovsdb.NewMap(kv...)
	return row
}

// stepLocal changes what the chassis knows.
func (w *world) stepLocal(r *rand.Rand) {
	port, dp := r.IntN(nPorts), r.IntN(nDPs)
	switch r.IntN(22) {
	case 0:
		w.self = r.IntN(nChassis)
	case 1:
		w.encapIPs = []string{"172.16.0.1", "172.16.0.2"}[:r.IntN(3)]
	case 2:
		w.geneve = !w.geneve
	case 3:
		w.flowTunnels = r.IntN(3) == 0
	case 4:
		w.networks["net"] = !w.networks["net"]
	case 5, 6, 7:
		w.localDPs[dp] = !w.localDPs[dp]
	case 8, 9:
		if r.IntN(4) == 0 {
			delete(w.interfaces, port)
		} else {
			w.interfaces[port] = Interface{OFPort: uint32(r.IntN(3)) * uint32(port+1), MTU: uint16(r.IntN(2) * 1400)}
		}
	case 10:
		w.bound[port] = !w.bound[port]
		if f, ok := w.interfaces[4]; ok {
			f.MTU ^= 1500 ^ 1400
			w.interfaces[4] = f
		}
	case 11:
		w.patches[port] = uint32(r.IntN(2) * (50 + port))
	case 12:
		w.zones[port] = uint16(r.IntN(3) * (port + 1))
	case 13:
		w.natZones[dp] = uint16(r.IntN(3) * 100)
	case 14, 15:
		w.tunnels[r.IntN(nChassis)] = r.IntN(3)
	case 16:
		g := r.IntN(nHAGroups)
		w.haActive[g] = !w.haActive[g]
	case 17, 18:
		w.related[port] = !w.related[port]
	case 19:
		if r.IntN(2) == 0 {
			port = 9
		}
		w.activated[port] = !w.activated[port]
	case 20:
		w.collectors[1] = !w.collectors[1]
	case 21:
		// Small enough to be in the way of sets now and then.
		w.maxFlows = max(0, r.IntN(12)-6)
		w.features = Features{CtZeroSNAT: r.IntN(2) == 0, HashL4Sym: r.IntN(2) == 0, Meters: r.IntN(2) == 0}
	}
}

// update is what a server would send so that a replica holds the rows of w.
func (w *world) update(db *sbdb.DB) *sbdb.Update {
	return &sbdb.Update{
		DatapathBinding:    rows(db.DatapathBinding, w.dps, 'd'),
		LogicalDPGroup:     rows(db.LogicalDPGroup, w.groups, 'g'),
		PortBinding:        rows(db.PortBinding, w.ports, 'p'),
		MulticastGroup:     rows(db.MulticastGroup, w.multicast, 'm'),
		LogicalFlow:        rows(db.LogicalFlow, w.flows, 'f'),
		AddressSet:         rows(db.AddressSet, w.addresses, 'a'),
		PortGroup:          rows(db.PortGroup, w.pgs, 'P'),
		Chassis:            rows(db.Chassis, w.chassis, 'c'),
		Encap:              rows(db.Encap, w.encaps, 'e'),
		HAChassis:          rows(db.HAChassis, w.ha, 'h'),
		HAChassisGroup:     rows(db.HAChassisGroup, w.haGroups, 'H'),
		MACBinding:         rows(db.MACBinding, w.macs, 'M'),
		StaticMACBinding:   rows(db.StaticMACBinding, w.statics, 'S'),
		FDB:                rows(db.FDB, w.fdb, 'F'),
		LoadBalancer:       rows(db.LoadBalancer, w.lbs, 'L'),
		ChassisTemplateVar: rows(db.ChassisTemplateVar, w.templates, 'T'),
		DHCPOptions:        rows(db.DHCPOptions, w.dhcp, 'D'),
		DHCPv6Options:      rows(db.DHCPv6Options, w.dhcpv6, '6'),
		SBGlobal:           rows(db.SBGlobal, w.global, 'G'),
	}
}

func rows[R any](t *ovsdb.Table[R], want map[int]*R, table byte) []ovsdb.RowUpdate[R] {
	var out []ovsdb.RowUpdate[R]
	for i := range 40 {
		now, old := want[i], t.Get(id(table, i))
		switch {
		case now == nil && old != nil:
			out = append(out, ovsdb.RowUpdate[R]{ID: id(table, i), Kind: ovsdb.RowDelete})
		case now != nil && now != old:
			out = append(out, ovsdb.RowUpdate[R]{ID: id(table, i), Kind: ovsdb.RowFull, Row: now})
		}
	}
	return out
}

// system is a Translator that follows a world.
type system struct {
	db      *sbdb.DB
	t       *Translator
	related map[string][2]uint32
	active  map[[2]uint32]bool
	present map[openflow.Flow]int
}

func newSystem(o Options) *system {
	db := sbdb.NewDB()
	return &system{
		db: db, t: New(db, o), related: map[string][2]uint32{}, active: map[[2]uint32]bool{},
		present: map[openflow.Flow]int{},
	}
}

// follow brings the replica and the Translator to w, as the loop would.
func (s *system) follow(w *world) {
	s.t.Apply(s.db.Apply(w.update(s.db)))
	t := s.t
	self := physical.Self{Name: chassisName(w.self), Hostname: "host"}
	if w.chassis[w.self] != nil {
		self.UUID = id('c', w.self)
	}
	t.SetSelf(self)
	t.SetEncapIPs(w.encapIPs)
	t.SetFeatures(w.features)
	t.SetMaxFlows(w.maxFlows)
	t.SetGeneveField(openflow.FieldTunMetadata0, w.geneve)
	var ft physical.FlowTunnels
	if w.flowTunnels {
		ft = physical.FlowTunnels{Enabled: true, Geneve: 90, VXLAN: 91}
	}
	t.SetFlowTunnels(ft)
	t.SetNetwork("net", w.networks["net"])
	for i := range nDPs {
		if w.dps[i] == nil || !w.localDPs[i] {
			t.SetLocalDatapath(id('d', i), nil)
		}
	}
	for i := range nDPs {
		if w.dps[i] != nil && w.localDPs[i] {
			t.SetLocalDatapath(id('d', i), &LocalDatapath{Peers: w.peers(i)})
		}
		t.SetNATZones(id('d', i), w.natZones[i], w.natZones[i]/2)
	}
	for i := range nPorts {
		name := portName(i)
		if iface, ok := w.interfaces[i]; ok {
			t.SetInterface(name, &iface)
		} else {
			t.SetInterface(name, nil)
		}
		t.SetBound(name, w.bound[i])
		t.SetPatchPort(name, w.patches[i])
		t.SetZone(name, w.zones[i])
		s.followKeys(w, i)
	}
	for i := range nChassis {
		var list []physical.Tunnel
		for n := range w.tunnels[i] {
			list = append(list, physical.Tunnel{
				OFPort: uint32(100 + 10*i + n), Type: physical.TunnelType(n % 2), Chassis: chassisName(i),
				RemoteIP: fmt.Sprintf("172.16.0.%d", i+1), LocalIP: "172.16.0.1",
			})
		}
		t.SetTunnels(chassisName(i), list)
	}
	for i := range nHAGroups {
		t.SetHAActive(id('H', i), w.haActive[i])
	}
	t.SetCollector(1, w.collectors[1])
}

// followKeys sets what is known of ports by their keys.
func (s *system) followKeys(w *world, i int) {
	name := portName(i)
	var place [2]uint32
	p := w.ports[i]
	has := false
	if p != nil {
		for d, dp := range w.dps {
			if id('d', d) == p.Datapath {
				place, has = [2]uint32{uint32(dp.TunnelKey), uint32(p.TunnelKey)}, true
			}
		}
	}
	if old, ok := s.related[name]; ok && (!has || !w.related[i] || old != place) {
		s.t.SetRelated(name, old[0], old[1], false)
		delete(s.related, name)
	}
	if has && w.related[i] {
		s.t.SetRelated(name, place[0], place[1], true)
		s.related[name] = place
	}
	if has {
		s.t.SetActivated(place[0], place[1], w.activated[i])
	}
}

// peers are the connected ports of a datapath.
func (w *world) peers(dp int) []physical.Peer {
	var list []physical.Peer
	for i := range nPorts {
		p := w.ports[i]
		if p == nil || p.Datapath != id('d', dp) || (p.Type != "patch" && p.Type != "l3gateway") {
			continue
		}
		list = append(list, physical.Peer{Local: p.LogicalPort, Remote: p.Options.Get("peer")})
	}
	return list
}

// run translates and adds up the differences.
func (s *system) run() error {
	res := s.t.Run()
	for _, f := range res.Removed {
		if s.present[*f]--; s.present[*f] == 0 {
			delete(s.present, *f)
		}
	}
	for _, f := range res.Added {
		if s.present[*f]++; s.present[*f] == 0 {
			delete(s.present, *f)
		}
	}
	for f, n := range s.present {
		if n < 0 {
			return fmt.Errorf("a flow was removed that was never there: table %d, priority %d, %s", f.Table, f.Priority, f.Match)
		}
	}
	return nil
}

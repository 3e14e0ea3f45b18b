package physical

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// world is a View of southbound rows and a description of this chassis, searched
// row by row.
type world struct {
	db       *sbdb.DB
	self     string
	encapIPs []string
	geneve   openflow.Field
	networks []string
	local    map[string]bool // datapaths
	peers    map[string][]Peer
	zones    map[string]uint16
	ifaces   map[string]iface
	patches  map[string]uint32
	tunnels  []Tunnel
	flow     FlowTunnels
	active   map[string]bool // HA_Chassis_Group by name
	samples  DropSampling
	awake    map[string]bool // ports seen activated
	reads    map[string]bool // what has been called, if not nil
	depth    int             // of calls among methods of world
}

type iface struct {
	ofport uint32
	mtu    uint16
}

// saw records a call from outside, until the function that it returns is called.
func (w *world) saw(method string, args ...any) func() {
	if w.depth++; w.depth == 1 && w.reads != nil {
		for _, a := range args {
			if u, ok := a.(ovsdb.UUID); ok {
				a = w.name(u)
			}
			method += fmt.Sprint(" ", a)
		}
		w.reads[method] = true
	}
	return func() { w.depth-- }
}

// name is what a row is called.
func (w *world) name(u ovsdb.UUID) string {
	if p := w.db.PortBinding.Get(u); p != nil {
		return p.LogicalPort
	}
	if d := w.db.DatapathBinding.Get(u); d != nil {
		return d.ExternalIDs.Get("name")
	}
	if c := w.db.Chassis.Get(u); c != nil {
		return c.Name
	}
	if g := w.db.HAChassisGroup.Get(u); g != nil {
		return g.Name
	}
	return u.String()
}

// newWorld decodes rows, a line each: TABLE UUID JSON.
func newWorld(rows string) (*world, error) {
	tables := map[string]ovsdb.TableModel[sbdb.Update]{}
	for _, t := range sbdb.Model().Tables {
		tables[t.Name] = t
	}
	var u sbdb.Update
	u.Meta.Replace = true
	for line := range strings.Lines(rows) {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
		t, known := tables[parts[0]]
		if len(parts) < 3 || !known {
			return nil, fmt.Errorf("bad row: %s", line)
		}
		id, err := ovsdb.ParseUUID(parts[1])
		if err != nil {
			return nil, err
		}
		d := ovsdb.NewRowDecoder(new(ovsdb.Interner))
		d.Reset([]byte(parts[2]))
		if err := t.Add(&u, d, id, ovsdb.RowInsert); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
	}
	w := &world{
		db: sbdb.NewDB(), local: map[string]bool{}, peers: map[string][]Peer{}, zones: map[string]uint16{},
		ifaces: map[string]iface{}, patches: map[string]uint32{}, active: map[string]bool{}, awake: map[string]bool{},
	}
	w.db.Apply(&u)
	return w, nil
}

// locals reads the description of this chassis, a line each.
func (w *world) locals(text string) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		args := map[string]string{}
		for _, word := range words {
			if k, v, ok := strings.Cut(word, "="); ok {
				args[k] = v
			}
		}
		num := func(s string) uint32 {
			n, _ := strconv.ParseUint(s, 10, 32)
			return uint32(n)
		}
		switch words[0] {
		case "self":
			w.self = words[1]
		case "encap-ips":
			w.encapIPs = words[1:]
		case "geneve":
			f, ok := openflow.FieldByName(words[1])
			if !ok {
				return fmt.Errorf("no such field: %s", line)
			}
			w.geneve = f
		case "networks":
			w.networks = words[1:]
		case "datapath":
			w.local[words[1]] = true
		case "peers":
			w.peers[words[1]] = append(w.peers[words[1]], Peer{words[2], words[3]})
		case "zone":
			w.zones[words[1]] = uint16(num(words[2]))
		case "iface":
			w.ifaces[words[1]] = iface{num(args["ofport"]), uint16(num(args["mtu"]))}
		case "patch":
			w.patches[words[1]] = num(args["ofport"])
		case "tunnel":
			chassis, ips, _ := strings.Cut(words[1], "@")
			remote, local, _ := strings.Cut(ips, "%")
			t := Tunnel{OFPort: num(args["ofport"]), Chassis: chassis, RemoteIP: remote, LocalIP: local}
			if args["type"] == "vxlan" {
				t.Type = VXLAN
			}
			t.Ramp = args["ramp"] == "true"
			w.tunnels = append(w.tunnels, t)
		case "flow-tunnel":
			w.flow.Enabled = true
			if args["type"] == "vxlan" {
				w.flow.VXLAN = num(args["ofport"])
			} else {
				w.flow.Geneve = num(args["ofport"])
			}
		case "active":
			w.active[words[1]] = true
		case "awake":
			w.awake[words[1]] = true
		case "sampling":
			w.samples = DropSampling{num(words[1]), uint8(num(words[2]))}
		default:
			return fmt.Errorf("what is %q?", line)
		}
	}
	return nil
}

func find[R any](t *ovsdb.Table[R], is func(*R) bool) *R {
	for r := range t.All() {
		if is(r) {
			return r
		}
	}
	return nil
}

func (w *world) chassis() *sbdb.Chassis {
	return find(w.db.Chassis, func(c *sbdb.Chassis) bool { return c.Name == w.self })
}

func (w *world) Self() Self {
	defer w.saw("Self")()

	c := w.chassis()
	return Self{c.UUID, c.Name, c.Hostname}
}
func (w *world) EncapIPs() []string {
	defer w.saw("EncapIPs")()
	return w.encapIPs
}
func (w *world) GeneveField() (openflow.Field, bool) {
	defer w.saw("GeneveField")()
	return w.geneve, w.geneve != 0
}
func (w *world) FlowTunnels() FlowTunnels {
	defer w.saw("FlowTunnels")()
	return w.flow
}
func (w *world) DropSampling() DropSampling {
	defer w.saw("DropSampling")()
	return w.samples
}
func (w *world) option(key string) bool {
	for g := range w.db.SBGlobal.All() {
		return g.Options.Get(key) == "true"
	}
	return false
}
func (w *world) AlwaysTunnel() bool {
	defer w.saw("AlwaysTunnel")()
	return w.option("always_tunnel")
}
func (w *world) RegisterConsolidation() bool {
	defer w.saw("RegisterConsolidation")()
	return w.option("register_consolidation")
}
func (w *world) LocalnetLearnFDB() bool {
	defer w.saw("LocalnetLearnFDB")()

	return find(w.db.PortBinding, func(p *sbdb.PortBinding) bool {
		return p.Type == "localnet" && p.Options.Get("localnet_learn_fdb") == "true"
	}) != nil
}

func (w *world) Datapath(uuid ovsdb.UUID) (Datapath, bool) {
	defer w.saw("Datapath", uuid)()

	row := w.db.DatapathBinding.Get(uuid)
	if row == nil {
		return Datapath{}, false
	}
	_, transit := row.ExternalIDs.Lookup("interconn-ts")
	_, isSwitch := row.ExternalIDs.Lookup("logical-switch")
	return Datapath{
		UUID: uuid, Key: uint32(row.TunnelKey), Local: w.local[row.ExternalIDs.Get("name")],
		Switch: isSwitch, Transit: transit,
	}, true
}
func (w *world) LocalDatapathByKey(key uint32) (Datapath, bool) {
	defer w.saw("LocalDatapathByKey", key)()

	row := find(w.db.DatapathBinding, func(r *sbdb.DatapathBinding) bool { return uint32(r.TunnelKey) == key })
	if row == nil {
		return Datapath{}, false
	}
	dp, _ := w.Datapath(row.UUID)
	return dp, dp.Local
}
func (w *world) GroupLocal(group ovsdb.UUID) bool {
	defer w.saw("GroupLocal", group)()
	return len(w.GroupDatapaths(group)) > 0
}
func (w *world) GroupDatapaths(group ovsdb.UUID) []Datapath {
	defer w.saw("GroupDatapaths", group)()

	var list []Datapath
	if row := w.db.LogicalDPGroup.Get(group); row != nil {
		for _, uuid := range row.Datapaths {
			if dp, ok := w.Datapath(uuid); ok && dp.Local {
				list = append(list, dp)
			}
		}
	}
	slices.SortFunc(list, func(a, b Datapath) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// ports lists the ports of a datapath that satisfy is, by name.
func (w *world) ports(dp ovsdb.UUID, is func(*sbdb.PortBinding) bool) []string {
	var names []string
	for p := range w.db.PortBinding.All() {
		if p.Datapath == dp && is(p) {
			names = append(names, p.LogicalPort)
		}
	}
	slices.Sort(names)
	return names
}
func (w *world) Localnet(dp ovsdb.UUID) (Port, bool) {
	defer w.saw("Localnet", dp)()

	names := w.ports(dp, func(p *sbdb.PortBinding) bool {
		return p.Type == "localnet" && slices.Contains(w.networks, p.Options.Get("network_name"))
	})
	if len(names) == 0 {
		return Port{}, false
	}
	return w.Port(names[0])
}
func (w *world) Peers(dp ovsdb.UUID) []Peer {
	defer w.saw("Peers", dp)()

	peers := w.peers[w.name(dp)]
	slices.SortFunc(peers, func(a, b Peer) int {
		return w.portUUID(a.Local).Compare(w.portUUID(b.Local))
	})
	return peers
}

// portUUID is zero for a port that is not there.
func (w *world) portUUID(name string) ovsdb.UUID {
	if p, ok := w.Port(name); ok {
		return p.UUID()
	}
	return ovsdb.UUID{}
}

func (w *world) ExternalPorts(dp ovsdb.UUID) []string {
	defer w.saw("ExternalPorts", dp)()

	return w.ports(dp, func(p *sbdb.PortBinding) bool { return p.Type == "external" })
}
func (w *world) MultichassisPorts(dp ovsdb.UUID) []string {
	defer w.saw("MultichassisPorts", dp)()

	return w.ports(dp, func(p *sbdb.PortBinding) bool { return p.Type == "" && len(p.AdditionalChassis) > 0 })
}

func portFound(row *sbdb.PortBinding) (Port, bool) {
	if row == nil {
		return Port{}, false
	}
	return PortOf(row), true
}
func (w *world) Port(name string) (Port, bool) {
	defer w.saw("Port", name)()

	return portFound(find(w.db.PortBinding, func(p *sbdb.PortBinding) bool { return p.LogicalPort == name }))
}
func (w *world) PortByUUID(uuid ovsdb.UUID) (Port, bool) {
	defer w.saw("PortByUUID", uuid)()

	return portFound(w.db.PortBinding.Get(uuid))
}
func (w *world) PortByKey(dp ovsdb.UUID, key uint32) (Port, bool) {
	defer w.saw("PortByKey", dp, key)()

	return portFound(find(w.db.PortBinding, func(p *sbdb.PortBinding) bool {
		return p.Datapath == dp && uint32(p.TunnelKey) == key
	}))
}
func (w *world) Residence(port ovsdb.UUID) Residence {
	defer w.saw("Residence", port)()
	if row := w.db.PortBinding.Get(port); row != nil {
		return ResidenceOf(row)
	}
	return Residence{}
}
func (w *world) PortActivated(dp, key uint32) bool {
	defer w.saw("PortActivated", dp, key)()

	d, _ := w.LocalDatapathByKey(dp)
	p, ok := w.PortByKey(d.UUID, key)
	return ok && w.awake[p.Name()]
}

func (w *world) OFPort(port string) uint32 {
	defer w.saw("OFPort", port)()
	return w.ifaces[port].ofport
}
func (w *world) IfaceMTU(port string) uint16 {
	defer w.saw("IfaceMTU", port)()
	return w.ifaces[port].mtu
}
func (w *world) HasVIF(port string) bool {
	defer w.saw("HasVIF", port)()

	_, here := w.ifaces[port]
	p, ok := w.Port(port)
	return here && ok && p.Type() == PortVIF
}
func (w *world) PatchOFPort(port string) uint32 {
	defer w.saw("PatchOFPort", port)()
	return w.patches[port]
}
func (w *world) Zone(port string) uint16 {
	defer w.saw("Zone", port)()
	return w.zones[port]
}
func (w *world) NATZones(dp ovsdb.UUID) (dnat, snat uint16) {
	defer w.saw("NATZones", dp)()

	row := w.db.DatapathBinding.Get(dp)
	if row == nil {
		return 0, 0
	}
	name := row.ExternalIDs.Get("name")
	return w.zones[name+"_dnat"], w.zones[name+"_snat"]
}

func (w *world) Chassis(uuid ovsdb.UUID) (Chassis, bool) {
	defer w.saw("Chassis", uuid)()

	c := w.db.Chassis.Get(uuid)
	if c == nil {
		return Chassis{}, false
	}
	return Chassis{uuid, c.Name, c.OtherConfig.Get("is-vtep") == "true", c.OtherConfig.Get("is-remote") == "true"}, true
}
func (w *world) ChassisByName(name string) (Chassis, bool) {
	defer w.saw("ChassisByName", name)()

	c := find(w.db.Chassis, func(c *sbdb.Chassis) bool { return c.Name == name })
	if c == nil {
		return Chassis{}, false
	}
	return w.Chassis(c.UUID)
}
func (w *world) RemoteChassis() []ovsdb.UUID {
	defer w.saw("RemoteChassis")()

	var list []*sbdb.Chassis
	for c := range w.db.Chassis.All() {
		if c.OtherConfig.Get("is-remote") == "true" {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *sbdb.Chassis) int { return strings.Compare(a.Name, b.Name) })
	var uuids []ovsdb.UUID
	for _, c := range list {
		uuids = append(uuids, c.UUID)
	}
	return uuids
}
func (w *world) MACMappings(uuid ovsdb.UUID) string {
	defer w.saw("MACMappings", uuid)()

	c := w.db.Chassis.Get(uuid)
	if c == nil {
		return ""
	}
	if v, ok := c.OtherConfig.Lookup("ovn-chassis-mac-mappings-" + c.Name); ok {
		return v
	}
	return c.OtherConfig.Get("ovn-chassis-mac-mappings")
}
func (w *world) Encap(uuid ovsdb.UUID) (Encap, bool) {
	defer w.saw("Encap", uuid)()

	e := w.db.Encap.Get(uuid)
	if e == nil {
		return Encap{}, false
	}
	return Encap{e.Type, e.IP, e.ChassisName, e.Options.Get("default-encap-ip") == "true"}, true
}
func (w *world) ChassisEncaps(chassis ovsdb.UUID) []Encap {
	defer w.saw("ChassisEncaps", chassis)()

	var list []Encap
	c := w.db.Chassis.Get(chassis)
	if c == nil {
		return nil
	}
	for _, uuid := range c.Encaps {
		if e, ok := w.Encap(uuid); ok {
			list = append(list, e)
		}
	}
	return list
}
func (w *world) Tunnels(chassis ovsdb.UUID) []Tunnel {
	defer w.saw("Tunnels", chassis)()

	c, _ := w.Chassis(chassis)
	var list []Tunnel
	for _, t := range OrderTunnels(w.tunnels) {
		if t.Chassis == c.Name {
			list = append(list, t)
		}
	}
	return list
}
func (w *world) AllTunnels() []Tunnel {
	defer w.saw("AllTunnels")()
	return w.tunnels
}

func (w *world) HAGroup(group ovsdb.UUID) []HAMember {
	defer w.saw("HAGroup", group)()

	var list []HAMember
	if g := w.db.HAChassisGroup.Get(group); g != nil {
		for _, uuid := range g.HAChassis {
			m := w.db.HAChassis.Get(uuid)
			if m == nil {
				continue
			}
			if c, ok := w.Chassis(m.Chassis); ok {
				list = append(list, HAMember{c.UUID, c.Name, m.Priority})
			}
		}
	}
	return list
}
func (w *world) HAActive(group ovsdb.UUID) bool {
	defer w.saw("HAActive", group)()

	g := w.db.HAChassisGroup.Get(group)
	return g != nil && w.active[g.Name]
}

func (w *world) Template(name string) (string, bool) {
	defer w.saw("Template", name)()

	self := w.self
	row := find(w.db.ChassisTemplateVar, func(v *sbdb.ChassisTemplateVar) bool { return v.Chassis == self })
	if row == nil {
		return "", false
	}
	return row.Variables.Lookup(name)
}

// build translates everything, each unit by itself.
func (w *world) build() *Flows {
	out := new(Flows)
	BuildStatic(w, out)
	BuildFlood(w, out)
	for _, t := range w.tunnels {
		BuildTunnelPort(w, t, out)
	}
	for _, t := range []Tunnel{{OFPort: w.flow.Geneve, Type: Geneve}, {OFPort: w.flow.VXLAN, Type: VXLAN}} {
		if t.OFPort != 0 {
			BuildTunnelPort(w, t, out)
		}
	}
	for r := range w.db.Chassis.All() {
		BuildChassisMACs(w, r.UUID, out)
	}
	for r := range w.db.PortBinding.All() {
		BuildPort(w, r, out)
	}
	for r := range w.db.MulticastGroup.All() {
		BuildMulticastGroup(w, r, out)
	}
	for r := range w.db.MACBinding.All() {
		BuildMACBinding(w, r, out)
	}
	for r := range w.db.StaticMACBinding.All() {
		BuildStaticMACBinding(w, r, out)
	}
	for r := range w.db.FDB.All() {
		BuildFDB(w, r, out)
	}
	for r := range w.db.LoadBalancer.All() {
		BuildLoadBalancer(w, r, out)
		BuildLoadBalancerSNAT(w, r, out)
	}
	return out
}

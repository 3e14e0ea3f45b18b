package translate

import (
	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// tables are the look-ups that reads make in the replica.
type tables struct {
	portByName       *ovsdb.Index[string, sbdb.PortBinding]
	portByKey        *ovsdb.Index[dpKey, sbdb.PortBinding]
	portByType       *ovsdb.Index[dpType, sbdb.PortBinding]
	multichassis     *ovsdb.Index[ovsdb.UUID, sbdb.PortBinding]
	multicastByName  *ovsdb.Index[dpName, sbdb.MulticastGroup]
	chassisByName    *ovsdb.Index[string, sbdb.Chassis]
	remoteChassis    *ovsdb.Index[bool, sbdb.Chassis]
	addressSetByName *ovsdb.Index[string, sbdb.AddressSet]
	portGroupByName  *ovsdb.Index[string, sbdb.PortGroup]
	templates        *ovsdb.Index[string, sbdb.ChassisTemplateVar]
	dhcp             *ovsdb.Index[string, sbdb.DHCPOptions]
	dhcpv6           *ovsdb.Index[string, sbdb.DHCPv6Options]
}

type dpKey struct {
	dp  ovsdb.UUID
	key int64
}

type dpType struct {
	dp  ovsdb.UUID
	typ string
}

type dpName struct {
	dp   ovsdb.UUID
	name string
}

// Types of ports that a datapath is asked for.
const (
	typeVIF             = ""
	typeLocalnet        = "localnet"
	typeExternal        = "external"
	typeChassisRedirect = "chassisredirect"
)

func newTables(db *sbdb.DB) tables {
	return tables{
		portByName: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (string, bool) { return p.LogicalPort, true }),
		portByKey: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (dpKey, bool) {
			return dpKey{p.Datapath, p.TunnelKey}, true
		}),
		portByType: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (dpType, bool) {
			return dpType{p.Datapath, p.Type}, p.Type == typeLocalnet || p.Type == typeExternal
		}),
		multichassis: ovsdb.AddIndex(db.PortBinding, func(p *sbdb.PortBinding) (ovsdb.UUID, bool) {
			return p.Datapath, p.Type == typeVIF && len(p.AdditionalChassis) > 0
		}),
		multicastByName: ovsdb.AddIndex(db.MulticastGroup, func(m *sbdb.MulticastGroup) (dpName, bool) {
			return dpName{m.Datapath, m.Name}, true
		}),
		chassisByName: ovsdb.AddIndex(db.Chassis, func(c *sbdb.Chassis) (string, bool) { return c.Name, true }),
		remoteChassis: ovsdb.AddIndex(db.Chassis, func(c *sbdb.Chassis) (bool, bool) {
			return true, isTrue(c.OtherConfig.Get("is-remote"))
		}),
		addressSetByName: ovsdb.AddIndex(db.AddressSet, func(a *sbdb.AddressSet) (string, bool) { return a.Name, true }),
		portGroupByName:  ovsdb.AddIndex(db.PortGroup, func(g *sbdb.PortGroup) (string, bool) { return g.Name, true }),
		templates: ovsdb.AddIndex(db.ChassisTemplateVar, func(v *sbdb.ChassisTemplateVar) (string, bool) {
			return v.Chassis, true
		}),
		dhcp:   ovsdb.AddIndex(db.DHCPOptions, func(o *sbdb.DHCPOptions) (string, bool) { return o.Name, true }),
		dhcpv6: ovsdb.AddIndex(db.DHCPv6Options, func(o *sbdb.DHCPv6Options) (string, bool) { return o.Name, true }),
	}
}

func isTrue(s string) bool { return s == "true" }

// everything lists all rows of db as new.
func everything(db *sbdb.DB) *sbdb.Changes {
	return &sbdb.Changes{
		AddressSet:         allRows(db.AddressSet),
		Chassis:            allRows(db.Chassis),
		ChassisTemplateVar: allRows(db.ChassisTemplateVar),
		DHCPOptions:        allRows(db.DHCPOptions),
		DHCPv6Options:      allRows(db.DHCPv6Options),
		DatapathBinding:    allRows(db.DatapathBinding),
		Encap:              allRows(db.Encap),
		FDB:                allRows(db.FDB),
		HAChassis:          allRows(db.HAChassis),
		HAChassisGroup:     allRows(db.HAChassisGroup),
		LoadBalancer:       allRows(db.LoadBalancer),
		LogicalDPGroup:     allRows(db.LogicalDPGroup),
		LogicalFlow:        allRows(db.LogicalFlow),
		MACBinding:         allRows(db.MACBinding),
		MulticastGroup:     allRows(db.MulticastGroup),
		PortBinding:        allRows(db.PortBinding),
		PortGroup:          allRows(db.PortGroup),
		SBGlobal:           allRows(db.SBGlobal),
		StaticMACBinding:   allRows(db.StaticMACBinding),
	}
}

func allRows[R any](t *ovsdb.Table[R]) []ovsdb.Change[R] {
	changes := make([]ovsdb.Change[R], 0, t.Len())
	for r := range t.All() {
		changes = append(changes, ovsdb.Change[R]{New: r, Cols: ovsdb.AllColumns})
	}
	return changes
}

// Apply takes note of what an update changed in the replica. Each row costs what
// the row is long, whatever else there is.
func (t *Translator) Apply(ch *sbdb.Changes) {
	for _, c := range ch.SBGlobal {
		t.globalChanged(c)
	}
	for _, c := range ch.DatapathBinding {
		t.datapathChanged(c)
	}
	for _, c := range ch.LogicalDPGroup {
		t.groupChanged(c.Old, c.New)
	}
	for _, c := range ch.PortBinding {
		t.portChanged(c)
	}
	for _, c := range ch.MulticastGroup {
		t.multicastChanged(c)
	}
	for _, c := range ch.AddressSet {
		t.addressSetChanged(c.Old, c.New)
	}
	for _, c := range ch.PortGroup {
		t.portGroupChanged(c.Old, c.New)
	}
	for _, c := range ch.Chassis {
		t.chassisChanged(c)
	}
	for _, c := range ch.Encap {
		both(c, func(r *sbdb.Encap) { t.dirty(inputID(kindEncap, r.UUID)) })
	}
	for _, c := range ch.HAChassis {
		both(c, func(r *sbdb.HAChassis) { t.dirty(inputID(kindHAChassis, r.UUID)) })
	}
	for _, c := range ch.HAChassisGroup {
		both(c, func(r *sbdb.HAChassisGroup) { t.dirty(inputID(kindHAGroup, r.UUID)) })
	}
	for _, c := range ch.ChassisTemplateVar {
		t.templatesChanged(c)
	}
	for _, c := range ch.DHCPOptions {
		both(c, func(r *sbdb.DHCPOptions) { t.dirty(inputS(kindDHCPOption, r.Name)) })
	}
	for _, c := range ch.DHCPv6Options {
		both(c, func(r *sbdb.DHCPv6Options) { t.dirty(inputS(kindDHCPv6Option, r.Name)) })
	}
	for _, c := range ch.MACBinding {
		unitChanged(t, unitMACBinding, c, func(r *sbdb.MACBinding) ovsdb.UUID { return r.UUID }, sbdb.MACBindingColTimestamp)
	}
	for _, c := range ch.StaticMACBinding {
		unitChanged(t, unitStaticMACBinding, c, func(r *sbdb.StaticMACBinding) ovsdb.UUID { return r.UUID }, 0)
	}
	for _, c := range ch.FDB {
		unitChanged(t, unitFDB, c, func(r *sbdb.FDB) ovsdb.UUID { return r.UUID }, sbdb.FDBColTimestamp)
	}
	for _, c := range ch.LoadBalancer {
		t.loadBalancerChanged(c)
	}
	for _, c := range ch.LogicalFlow {
		t.logicalFlowChanged(c)
	}
}

// both calls f for the old and the new version of a row, as far as they exist.
func both[R any](c ovsdb.Change[R], f func(*R)) {
	if c.Old != nil {
		f(c.Old)
	}
	if c.New != nil {
		f(c.New)
	}
}

// unitChanged keeps the unit of a row. Changes in the columns of ignore do not
// concern it.
func unitChanged[R any](t *Translator, kind uint8, c ovsdb.Change[R], id func(*R) ovsdb.UUID, ignore ovsdb.ColumnSet) {
	switch {
	case c.New == nil:
		t.eng.RemoveUnit(engine.Unit{Kind: kind, ID: id(c.Old)})
	case c.Old == nil:
		t.eng.AddUnit(engine.Unit{Kind: kind, ID: id(c.New)})
	case c.Cols&^ignore != 0:
		t.eng.DirtyUnit(engine.Unit{Kind: kind, ID: id(c.New)})
	}
}

// globalChanged marks the options of SB_Global that differ.
func (t *Translator) globalChanged(c ovsdb.Change[sbdb.SBGlobal]) {
	var before, after ovsdb.Map
	if c.Old != nil {
		before = c.Old.Options
	}
	if c.New != nil {
		after = c.New.Options
	}
	diffMaps(before, after, func(key string) {
		t.dirty(inputS(kindOption, key))
		if key == optionDropCollector || key == optionDropDomain {
			t.dirty(input(kindDropSampling))
		}
	})
}

// diffMaps calls f for each key whose value differs.
func diffMaps(a, b ovsdb.Map, f func(key string)) {
	for k, v := range a.All() {
		if w, ok := b.Lookup(k); !ok || w != v {
			f(k)
		}
	}
	for k := range b.All() {
		if _, ok := a.Lookup(k); !ok {
			f(k)
		}
	}
}

func (t *Translator) datapathChanged(c ovsdb.Change[sbdb.DatapathBinding]) {
	both(c, func(r *sbdb.DatapathBinding) { t.dirty(inputID(kindDatapath, r.UUID)) })
	if c.New == nil {
		t.dpSets.gone[c.Old.UUID] = struct{}{}
		return
	}
	d := t.datapaths[c.New.UUID]
	if d == nil {
		return
	}
	// The loop's word that it is local holds; the rest is the row's.
	now := t.datapathOf(c.New)
	if d.Key != now.Key {
		if t.byKey[d.Key] == d {
			delete(t.byKey, d.Key)
		}
		t.dirty(inputN(kindDatapathKey, uint64(d.Key)))
		t.dirty(inputN(kindDatapathKey, uint64(now.Key)))
		t.byKey[now.Key] = d
		for g := range t.dpSets.groupsOf[d.UUID] {
			t.dirtyGroup(g)
		}
	}
	d.Datapath, d.snatZone = now.Datapath, now.snatZone
}

// portConfigCols are the columns of Port_Binding that physical.Port shows.
const portConfigCols = sbdb.PortBindingColLogicalPort | sbdb.PortBindingColType | sbdb.PortBindingColDatapath |
	sbdb.PortBindingColTunnelKey | sbdb.PortBindingColOptions | sbdb.PortBindingColMAC | sbdb.PortBindingColTag |
	sbdb.PortBindingColParentPort | sbdb.PortBindingColMirrorPort | sbdb.PortBindingColRequestedChassis |
	sbdb.PortBindingColRequestedAdditionalChassis

// portPlaceCols say which port is meant by a name or a key.
const portPlaceCols = sbdb.PortBindingColLogicalPort | sbdb.PortBindingColDatapath | sbdb.PortBindingColTunnelKey

// portResidenceCols say where a port is bound, or where it is active.
const portResidenceCols = sbdb.PortBindingColChassis | sbdb.PortBindingColAdditionalChassis |
	sbdb.PortBindingColHAChassisGroup | sbdb.PortBindingColType | sbdb.PortBindingColLogicalPort |
	sbdb.PortBindingColDatapath

// portIgnoredCols yield no flows.
const portIgnoredCols = sbdb.PortBindingColUp | sbdb.PortBindingColExternalIDs | sbdb.PortBindingColNatAddresses |
	sbdb.PortBindingColVirtualParent | sbdb.PortBindingColMirrorRules

func (t *Translator) portChanged(c ovsdb.Change[sbdb.PortBinding]) {
	unitChanged(t, unitPort, c, func(r *sbdb.PortBinding) ovsdb.UUID { return r.UUID }, portIgnoredCols)
	both(c, func(p *sbdb.PortBinding) {
		if c.Cols.Has(portConfigCols) {
			t.dirty(inputID(kindPort, p.UUID))
			t.dirty(inputS(kindPortName, p.LogicalPort))
			t.dirty(inputIDN(kindPortKey, p.Datapath, uint64(p.TunnelKey)))
			switch p.Type {
			case typeLocalnet:
				t.dirty(inputID(kindLocalnet, p.Datapath))
				t.dirty(input(kindLocalnetLearn))
			case typeExternal:
				t.dirty(inputID(kindExternalPorts, p.Datapath))
			}
		}
		if c.Cols.Has(portPlaceCols) {
			t.dirty(inputIDS(kindLogicalPort, p.Datapath, p.LogicalPort))
			t.refreshGroupPort(p.LogicalPort)
		}
		if c.Cols.Has(portResidenceCols) {
			t.dirty(inputID(kindResidence, p.UUID))
			t.dirty(inputS(kindResident, p.LogicalPort))
		}
		if c.Cols.Has(portResidenceCols|portPlaceCols) && len(p.AdditionalChassis) > 0 {
			t.dirty(inputID(kindMultichassis, p.Datapath))
		}
		if c.Cols.Has(sbdb.PortBindingColType | sbdb.PortBindingColLogicalPort | sbdb.PortBindingColParentPort) {
			t.dirty(inputS(kindVIF, p.LogicalPort))
		}
	})
}

func (t *Translator) loadBalancerChanged(c ovsdb.Change[sbdb.LoadBalancer]) {
	id := func(r *sbdb.LoadBalancer) ovsdb.UUID { return r.UUID }
	ignore := ovsdb.ColumnSet(sbdb.LoadBalancerColExternalIDs)
	unitChanged(t, unitLoadBalancer, c, id, ignore)
	if c.Old != nil && c.New != nil && physical.SameVIPs(c.Old, c.New) {
		ignore |= sbdb.LoadBalancerColVIPs
	}
	unitChanged(t, unitLoadBalancerSNAT, c, id, ignore)
}

func (t *Translator) multicastChanged(c ovsdb.Change[sbdb.MulticastGroup]) {
	unitChanged(t, unitMulticast, c, func(r *sbdb.MulticastGroup) ovsdb.UUID { return r.UUID }, 0)
	const place = sbdb.MulticastGroupColDatapath | sbdb.MulticastGroupColName | sbdb.MulticastGroupColTunnelKey
	if c.Cols.Has(place) {
		both(c, func(m *sbdb.MulticastGroup) { t.dirty(inputIDS(kindLogicalPort, m.Datapath, m.Name)) })
	}
}

func (t *Translator) chassisChanged(c ovsdb.Change[sbdb.Chassis]) {
	const used = sbdb.ChassisColName | sbdb.ChassisColEncaps | sbdb.ChassisColOtherConfig
	unitChanged(t, unitChassisMACs, c, func(r *sbdb.Chassis) ovsdb.UUID { return r.UUID }, ^ovsdb.ColumnSet(used))
	if !c.Cols.Has(used) {
		return
	}
	both(c, func(r *sbdb.Chassis) {
		t.dirty(inputID(kindChassis, r.UUID))
		t.dirty(inputS(kindChassisName, r.Name))
		if isTrue(r.OtherConfig.Get("is-remote")) {
			t.dirty(input(kindRemoteChassis))
		}
	})
}

func (t *Translator) templatesChanged(c ovsdb.Change[sbdb.ChassisTemplateVar]) {
	own := func(r *sbdb.ChassisTemplateVar) ovsdb.Map {
		if r == nil || r.Chassis != t.self.Name {
			return ovsdb.Map{}
		}
		return r.Variables
	}
	diffMaps(own(c.Old), own(c.New), func(key string) { t.dirty(inputS(kindTemplate, key)) })
}

// logicalFlowCols are the columns that the flows of a Logical_Flow depend on.
const logicalFlowCols = ^(sbdb.LogicalFlowColExternalIDs | sbdb.LogicalFlowColFlowDesc)

func (t *Translator) logicalFlowChanged(c ovsdb.Change[sbdb.LogicalFlow]) {
	if !c.Cols.Has(logicalFlowCols) {
		return
	}
	if c.Old != nil {
		t.programs.release(sourceOf(c.Old))
	}
	if c.New == nil {
		t.eng.RemoveFamily(engine.Unit{Kind: unitLogicalFlow, ID: c.Old.UUID})
		return
	}
	t.programs.retain(sourceOf(c.New))
	f := engine.Unit{Kind: unitLogicalFlow, ID: c.New.UUID}
	switch {
	case !c.New.LogicalDPGroup.IsZero():
		t.eng.AddFamily(f, t.groupSet(c.New.LogicalDPGroup))
	case !c.New.LogicalDatapath.IsZero():
		t.eng.AddFamily(f, t.singleSet(c.New.LogicalDatapath))
	default:
		t.eng.RemoveFamily(f)
	}
	if c.Old != nil {
		t.eng.DirtyFamily(f)
	}
}

// sourceOf is what the text of a logical flow says.
func sourceOf(r *sbdb.LogicalFlow) lflow.Source {
	return lflow.Source{
		Match:         r.Match,
		Actions:       r.Actions,
		Ingress:       r.Pipeline == "ingress",
		Table:         uint8(r.TableID),
		Priority:      uint16(r.Priority),
		CtTranslation: isTrue(r.Tags.Get("acl_ct_translation")),
		Meter:         r.ControllerMeter.Value(),
	}
}

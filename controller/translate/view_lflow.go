package translate

import (
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

var _ lflow.Env = (*view)(nil)

// DHCPOption implements lflow.Env.
func (v *view) DHCPOption(name string) (lflow.DHCPOption, bool) {
	v.r.Read(inputS(kindDHCPOption, name))
	row := v.t.dhcp.One(name)
	if row == nil {
		return lflow.DHCPOption{}, false
	}
	return lflow.DHCPOption{Code: uint8(row.Code), Type: row.Type}, true
}

// DHCPv6Option implements lflow.Env.
func (v *view) DHCPv6Option(name string) (lflow.DHCPOption, bool) {
	v.r.Read(inputS(kindDHCPv6Option, name))
	row := v.t.dhcpv6.One(name)
	if row == nil {
		return lflow.DHCPOption{}, false
	}
	return lflow.DHCPOption{Code: uint8(row.Code), Type: row.Type}, true
}

// Collector implements lflow.Env.
func (v *view) Collector(id uint32) bool {
	v.r.Read(inputN(kindCollector, uint64(id)))
	return v.t.collectors[id]
}

// Flag implements lflow.Env.
func (v *view) Flag(f lflow.EnvFlag) bool {
	switch f {
	case lflow.FlagExplicitARPNSOutput:
		return isTrue(v.option(optionExplicitARPNSOutput))
	case lflow.FlagRegisterConsolidation:
		return isTrue(v.option(optionRegisterConsolidation))
	case lflow.FlagCtZeroSNAT:
		return v.features().CtZeroSNAT
	case lflow.FlagHashL4Sym:
		return v.features().HashL4Sym
	case lflow.FlagMeters:
		return v.features().Meters
	}
	return false
}

func (v *view) features() Features {
	v.r.Read(input(kindFeature))
	return v.t.features
}

// placeView implements lflow.View for one datapath.
type placeView struct {
	*view
	dp *localDatapath
}

var _ lflow.View = (*placeView)(nil)

// Port shadows the physical view's.
func (v *placeView) Port(_ uint32, name string) (uint32, bool) {
	v.r.Read(inputIDS(kindLogicalPort, v.dp.UUID, name))
	if p := v.t.portByName.One(name); p != nil && p.Datapath == v.dp.UUID {
		return uint32(p.TunnelKey), true
	}
	if m := v.t.multicastByName.One(dpName{v.dp.UUID, name}); m != nil {
		return uint32(m.TunnelKey), true
	}
	return 0, false
}

// Resident tells whether a port is bound here or, for a chassisredirect port,
// whether this chassis is the active one of its group.
func (v *placeView) Resident(name string) bool {
	v.r.Read(inputS(kindResident, name))
	self := v.Self().UUID
	p := v.t.portByName.One(name)
	if p == nil {
		return false
	}
	if p.Type != typeChassisRedirect {
		return !self.IsZero() && p.Chassis == self
	}
	if p.HAChassisGroup.IsZero() {
		return false
	}
	for _, m := range v.HAGroup(p.HAChassisGroup) {
		if m.Chassis == self {
			return v.HAActive(p.HAChassisGroup)
		}
	}
	return false
}

func (v *placeView) LocalPort(dp, key uint32) bool {
	if key>>pipeline.EVPNKeyBit != 0 {
		return true
	}
	n := portN(dp, key)
	v.r.Read(inputN(kindRelated, n))
	return v.t.related[n]
}

func (v *placeView) LocalPortByName(name string) bool {
	v.r.Read(inputS(kindBound, name))
	return v.t.bound[name]
}

// TunnelOfport is the OpenFlow port of the first tunnel to where a port is bound.
func (v *placeView) TunnelOfport(name string) (uint32, bool) {
	v.r.Read(inputS(kindResident, name))
	p := v.t.portByName.One(name)
	if p == nil || p.Datapath != v.dp.UUID || p.Chassis.IsZero() {
		return 0, false
	}
	tunnels := v.Tunnels(p.Chassis)
	if len(tunnels) == 0 {
		return 0, false
	}
	return tunnels[0].OFPort, true
}

func (v *placeView) AddressSetShape(k lflow.SetKey) lflow.Shape      { return v.setShape(k) }
func (v *placeView) AddressSetMembers(k lflow.SetKey) []lflow.Member { return v.setMembers(k) }
func (v *placeView) PortGroupShape(k lflow.SetKey) lflow.Shape       { return v.setShape(k) }
func (v *placeView) PortGroupMembers(k lflow.SetKey) []lflow.Member  { return v.setMembers(k) }

func (v *placeView) setShape(k lflow.SetKey) lflow.Shape {
	v.r.Read(shapeInput(k))
	return v.t.index(k).shape
}

// setMembers lists members in an order that depends on them only.
func (v *placeView) setMembers(k lflow.SetKey) []lflow.Member {
	v.r.Read(memberInput(k))
	return lflow.Distinct(slices.Collect(maps.Keys(v.t.index(k).members)))
}

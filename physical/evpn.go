package physical

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// A logical switch can be part of an EVPN whose other members are VTEPs that are
// no chassis. What a routing daemon has learned of them comes by netlink instead
// of the southbound database: to each VTEP there is a port that only this chassis
// knows, with EVPNKeyBit in its key, and table 45 sends to it.

// EVPNView is what building the flows of VTEPs reads besides.
type EVPNView interface {
	View
	// EVPNLocalIPs is ovn-evpn-local-ip as it is configured.
	EVPNLocalIPs() string
}

// EVPNBinding is a VTEP as a port of a switch.
type EVPNBinding struct {
	// ID takes the place of a row's UUID. It must be made from what identifies the
	// binding, so that it is the same after a restart.
	ID      ovsdb.UUID
	Remote  netip.Addr
	VNI     uint32
	OFPort  uint32 // of the VXLAN tunnel
	DPKey   uint32
	PortKey uint32
	// MaxAge is how long what the VTEP sends is remembered, in seconds; 0: for ever.
	MaxAge uint16
}

// EVPNMulticast is all VTEPs of a switch.
type EVPNMulticast struct {
	ID    ovsdb.UUID
	VNI   uint32
	DPKey uint32
	// VTEPs, sorted by Remote.
	VTEPs []EVPNBinding
}

// EVPNFDB is an Ethernet address behind a VTEP.
type EVPNFDB struct {
	ID      ovsdb.UUID
	MAC     uint64 // 48 bits
	DPKey   uint32
	PortKey uint32
}

// EVPNNeighbor is a neighbour behind a VTEP.
type EVPNNeighbor struct {
	ID       ovsdb.UUID
	Datapath ovsdb.UUID // the switch
	IP       netip.Addr
	MAC      uint64 // 48 bits
	// Override tells whether it goes before the router's own neighbours.
	Override bool
}

// Priorities of neighbours behind VTEPs; see neighbor.go.
const (
	prioNeighborEVPN         = 20
	prioNeighborEVPNOverride = 200
)

// prioRemoteFDB is that of addresses behind VTEPs, learned or configured.
const prioRemoteFDB = 150

// Keys of the multicast groups that reach VTEPs: _MC_flood, _MC_unknown and
// _MC_flood_l2.
var evpnGroups = []uint32{pipeline.MinMulticastKey, pipeline.MinMulticastKey + 1, pipeline.MinMulticastKey + 4}

// BuildEVPNBinding builds the flows of one VTEP.
func BuildEVPNBinding(v EVPNView, e EVPNBinding, out *Flows) {
	local, ok := evpnLocalIP(v, e.VNI, e.Remote.Is6(), out)
	if !ok {
		out.problem(fmt.Errorf("EVPN: no ovn-evpn-local-ip for VNI %d, VTEP %s", e.VNI, e.Remote))
		return
	}
	o := fromRow(e.ID)

	m := out.match()
	m.SetU(openflow.FieldInPort, uint64(e.OFPort))
	m.SetU(openflow.FieldTunID, uint64(e.VNI))
	if e.Remote.Is4() {
		m.Set(openflow.FieldTunSrc, addrValue(e.Remote))
		m.Set(openflow.FieldTunDst, addrValue(local))
	} else {
		m.Set(openflow.FieldTunIPv6Src, addrValue(e.Remote))
		m.Set(openflow.FieldTunIPv6Dst, addrValue(local))
	}
	a := out.actions()
	loadBits(a, pipeline.RegDatapath, 0, 32, uint64(e.DPKey))
	load(a, pipeline.RegInport, uint64(e.PortKey))
	a.Resubmit(pipeline.TableLearnRemoteFDB)
	a.Resubmit(pipeline.TableIngress)
	out.add(o, pipeline.TablePhyToLog, 1050)

	send := func(hairpin bool) {
		a := out.actions()
		evpnAddrs(a, local, e.Remote)
		loadBits(a, openflow.FieldTunID, 0, tunIDBits, uint64(e.VNI))
		if hairpin {
			forgetInPort(a)
		}
		a.Output(e.OFPort)
	}
	m = out.matchOutport(e.DPKey, e.PortKey)
	send(false)
	out.add(o, pipeline.TableRemoteVtepOutput, 50)
	matchFlags(m, pipeline.FlagAllowLoopback, pipeline.FlagAllowLoopback)
	send(true)
	out.add(o, pipeline.TableRemoteVtepOutput, 55)

	out.matchInport(e.DPKey, e.PortKey)
	whole := openflow.Whole
	out.actions().Learn(openflow.LearnSpec{
		HardTimeout: e.MaxAge,
		Priority:    prioRemoteFDB,
		Cookie:      o.cookie,
		Flags:       openflow.LearnDeleteLearned,
		Table:       pipeline.TableGetRemoteFDB,
		Fields: []openflow.LearnField{
			{To: openflow.LearnMatch, Dst: whole(pipeline.RegDatapath), Src: whole(pipeline.RegDatapath)},
			{To: openflow.LearnMatch, Dst: whole(openflow.FieldEthDst), Src: whole(openflow.FieldEthSrc)},
			{To: openflow.LearnLoad, Dst: whole(pipeline.RegRemoteOutport), Src: whole(pipeline.RegInport)},
		},
	})
	out.add(o, pipeline.TableLearnRemoteFDB, 100)
}

// BuildEVPNMulticast builds the flows that send to all VTEPs of a switch.
func BuildEVPNMulticast(v EVPNView, e EVPNMulticast, out *Flows) {
	if len(e.VTEPs) == 0 {
		return
	}
	a := out.actions()
	loadBits(a, openflow.FieldTunID, 0, tunIDBits, uint64(e.VNI))
	toAll := func(v6 bool, dst openflow.Field) {
		for _, t := range e.VTEPs {
			if t.Remote.Is6() == v6 {
				a.SetField(dst, addrValue(t.Remote))
				a.Output(t.OFPort)
			}
		}
		a.Resubmit(pipeline.TableLocalOutput)
	}
	local4, has4 := evpnLocalIP(v, e.VNI, false, out)
	local6, has6 := evpnLocalIP(v, e.VNI, true, out)
	if has4 {
		a.SetField(openflow.FieldTunSrc, addrValue(local4))
		toAll(false, openflow.FieldTunDst)
	}
	if has4 && has6 {
		// A tunnel has one pair of addresses.
		a.SetField(openflow.FieldTunSrc, openflow.U128{})
		a.SetField(openflow.FieldTunDst, openflow.U128{})
	}
	if has6 {
		a.SetField(openflow.FieldTunIPv6Src, addrValue(local6))
		toAll(true, openflow.FieldTunIPv6Dst)
	}
	for _, key := range evpnGroups {
		out.matchOutport(e.DPKey, key)
		out.add(fromRow(e.ID), pipeline.TableRemoteVtepOutput, 50)
	}
}

// BuildEVPNFDB builds the flows of an address behind a VTEP: where it is, and that
// it need not be learned.
func BuildEVPNFDB(e EVPNFDB, out *Flows) {
	o := fromRow(e.ID)
	out.matchDatapath(e.DPKey).SetU(openflow.FieldEthDst, e.MAC)
	load(out.actions(), pipeline.RegRemoteOutport, uint64(e.PortKey))
	out.add(o, pipeline.TableGetRemoteFDB, prioRemoteFDB)
	out.matchInport(e.DPKey, e.PortKey).SetU(openflow.FieldEthSrc, e.MAC)
	out.actions()
	out.add(o, pipeline.TableLearnRemoteFDB, prioRemoteFDB)
}

// BuildEVPNNeighbor makes a neighbour behind a VTEP known to the routers that are
// connected to the switch.
func BuildEVPNNeighbor(v View, e EVPNNeighbor, out *Flows) {
	for _, peer := range v.Peers(e.Datapath) {
		port, ok := v.Port(peer.Remote)
		if !ok {
			continue
		}
		if dp, ok := v.Datapath(port.Datapath()); !ok || !dp.Local || dp.Switch {
			continue
		}
		n := neighbor{uuid: e.ID, priority: prioNeighborEVPN}
		if e.Override {
			n.priority = prioNeighborEVPNOverride
		}
		n.flows(v, port, e.IP, ethAddr(e.MAC), out)
	}
}

func evpnAddrs(a *openflow.ActionBuilder, local, remote netip.Addr) {
	src, dst := openflow.FieldTunSrc, openflow.FieldTunDst
	if remote.Is6() {
		src, dst = openflow.FieldTunIPv6Src, openflow.FieldTunIPv6Dst
	}
	a.SetField(src, addrValue(local))
	a.SetField(dst, addrValue(remote))
}

// evpnLocalIP is the address that this chassis uses for a VNI: option
// ovn-evpn-local-ip, "IP" for all VNIs or "VNI-IP", separated by commas.
func evpnLocalIP(v EVPNView, vni uint32, v6 bool, out *Flows) (netip.Addr, bool) {
	var fallback netip.Addr
	for part := range strings.SplitSeq(v.EVPNLocalIPs(), ",") {
		if part == "" {
			continue
		}
		number, ip, forVNI := strings.Cut(part, "-")
		if !forVNI {
			ip = part
		}
		addr, ok := parseAddr(ip)
		n := uint64(0)
		if ok && forVNI {
			var err error
			n, err = strconv.ParseUint(number, 10, 24)
			ok = err == nil && n > 0
		}
		switch {
		case !ok:
			out.problem(fmt.Errorf("ovn-evpn-local-ip: bad %q", part))
		case addr.Is6() != v6:
		case forVNI && uint32(n) == vni:
			return addr, true
		case !forVNI && !fallback.IsValid():
			fallback = addr
		}
	}
	return fallback, fallback.IsValid()
}

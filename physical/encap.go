package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// What a packet takes along to another chassis, ovn-architecture(7) "Tunnel
// Encapsulations":
//
//	Geneve  VNI     |       datapath (24)       |
//	        option  |0|  in-port (15)  |   out-port (16)   |
//	VXLAN   VNI     | out-port (12) | datapath (12) |
//
// VXLAN does not carry the in-port. Towards a VTEP gateway its VNI is just the
// datapath.

// geneveOptionBits is the length of the option.
const geneveOptionBits = pipeline.GeneveLen * 8

// vxlanMulticast marks the 12-bit out-port of VXLAN as a multicast group: keys
// from 32768 to 34815 lose the bits between.
const vxlanMulticast = 1 << (pipeline.VXLANOutportBits - 1)

// tunIDBits is the part of tun_id that is on the wire.
const tunIDBits = 24

func vxlanOutport(port uint32) uint32 {
	if port >= pipeline.MinMulticastKey {
		return vxlanMulticast | port&(vxlanMulticast-1)
	}
	return port
}

// canCarry tells whether tunnels of type t can be used: Geneve needs a field for
// its option.
func canCarry(v View, t TunnelType) bool {
	if t != Geneve {
		return true
	}
	_, ok := v.GeneveField()
	return ok
}

// encapsulate writes what a tunnel of type t carries for a packet to outport.
// Ramp is set if the other end is a VTEP gateway.
func encapsulate(v View, a *openflow.ActionBuilder, t TunnelType, dp, outport uint32, ramp bool) {
	if t == VXLAN {
		vni := dp
		if !ramp {
			vni |= vxlanOutport(outport) << pipeline.VXLANOutportOfs
		}
		loadBits(a, openflow.FieldTunID, 0, tunIDBits, uint64(vni))
		return
	}
	option, _ := v.GeneveField()
	loadBits(a, openflow.FieldTunID, 0, tunIDBits, uint64(dp))
	loadBits(a, option, 0, geneveOptionBits, uint64(outport&0xffff))
	move(a, pipeline.RegInport, 0, option, pipeline.GeneveInportOfs, pipeline.GeneveInportBits)
}

// decapsulate reads what encapsulate wrote. The tunnel's port is kept for network
// functions, whose replies must return the same way.
func decapsulate(v View, a *openflow.ActionBuilder, t TunnelType, ofport uint32) {
	if t == VXLAN {
		move(a, openflow.FieldTunID, pipeline.VXLANOutportOfs, pipeline.RegOutport, 0, pipeline.VXLANOutportBits)
		move(a, openflow.FieldTunID, pipeline.VXLANDatapathOfs, pipeline.RegDatapath, 0, pipeline.VXLANDatapathBits)
		return
	}
	option, _ := v.GeneveField()
	move(a, openflow.FieldTunID, 0, pipeline.RegDatapath, 0, tunIDBits)
	move(a, option, pipeline.GeneveInportOfs, pipeline.RegInport, 0, pipeline.GeneveInportBits)
	move(a, option, pipeline.GeneveOutportOfs, pipeline.RegOutport, 0, pipeline.GeneveOutportBits)
	loadBits(a, pipeline.RegTunPort, pipeline.TunPortOfs, pipeline.TunPortBits, uint64(ofport))
}

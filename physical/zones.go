package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// zones are the conntrack zones a packet of a port needs; 0 is none.
type zones struct{ port, dnat, snat uint16 }

func zonesOf(v View, p Port) zones {
	z := zones{port: v.Zone(p.Name())}
	z.dnat, z.snat = v.NATZones(p.Datapath())
	return z
}

func (z zones) load(a *openflow.ActionBuilder) {
	loadPortZone(a, z.port)
	if z.dnat != 0 {
		load(a, pipeline.RegDNATZone, uint64(z.dnat))
	}
	if z.snat != 0 {
		load(a, pipeline.RegSNATZone, uint64(z.snat))
	}
}

func loadPortZone(a *openflow.ActionBuilder, zone uint16) {
	if zone != 0 {
		loadBits(a, pipeline.RegCtZone, pipeline.CtZoneOfs, pipeline.CtZoneBits, uint64(zone))
	}
}

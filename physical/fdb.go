package physical

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// BuildFDB builds the flows of an Ethernet address that a switch has learned: by
// which port it is reached (table 71, get_fdb), and that it is known when it sends
// from there (table 72, lookup_fdb).
func BuildFDB(v View, row *sbdb.FDB, out *Flows) {
	dp, ok := v.LocalDatapathByKey(uint32(row.DPKey))
	if !ok {
		return
	}
	mac, ok := parseEth(row.MAC)
	if !ok {
		out.problem(fmt.Errorf("FDB %s: %q is not an Ethernet address", row.UUID, row.MAC))
		return
	}
	o, key := fromRow(row.UUID), uint32(row.PortKey)

	out.matchDatapath(dp.Key).SetU(openflow.FieldEthDst, uint64(mac))
	load(out.actions(), pipeline.RegOutport, uint64(key))
	out.add(o, pipeline.TableGetFDB, 100)

	out.matchInport(dp.Key, key).SetU(openflow.FieldEthSrc, uint64(mac))
	setFlag(out.actions(), pipeline.FlagLookupFDBBit)
	out.add(o, pipeline.TableLookupFDB, 100)

	// The physical network echoes what a virtual interface here has sent: the
	// interface is nearer.
	if !v.LocalnetLearnFDB() {
		return
	}
	if port, ok := v.PortByKey(dp.UUID, key); ok && (port.Type() == PortVIF || port.Type() == PortContainer) {
		m := out.matchDatapath(dp.Key)
		m.SetU(openflow.FieldEthSrc, uint64(mac))
		matchFlags(m, pipeline.FlagLocalnet, pipeline.FlagLocalnet)
		out.add(o, pipeline.TableLookupFDB, 100)
	}
}

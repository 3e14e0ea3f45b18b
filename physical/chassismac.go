package physical

import (
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// BuildChassisMACs builds the flows that recognise packets from the addresses that
// another chassis uses on physical networks; see fromChassisMACs. It has none for
// this chassis.
func BuildChassisMACs(v View, chassis ovsdb.UUID, out *Flows) {
	if chassis == v.Self().UUID {
		return
	}
	start := len(out.List)
	o := origin{cookie: uint64(chassis.First32())}
	for _, m := range macMappings(v.MACMappings(chassis)) {
		mac, _, ok := scanEth(m.mac)
		if !ok {
			out.problem(fmt.Errorf("Chassis %s: other_config:ovn-chassis-mac-mappings has no valid Ethernet address for %q: %q", chassis, m.network, m.mac))
			continue
		}
		out.match().SetU(openflow.FieldEthSrc, uint64(mac))
		out.actions().Conjunction(chassisMACConjID, clauseChassisMAC, chassisMACClauses)
		out.add(o, pipeline.TablePhyToLog, 180)
	}
	out.unique(start)
}

type macMapping struct{ network, mac string }

// macMappings splits "network:MAC,network:MAC"; the network is up to the first
// colon.
func macMappings(s string) []macMapping {
	var mappings []macMapping
	for part := range strings.SplitSeq(s, ",") {
		network, mac, ok := strings.Cut(strings.TrimLeft(part, ":"), ":")
		if ok && mac != "" {
			mappings = append(mappings, macMapping{network, mac})
		}
	}
	return mappings
}

// mappedMAC is the first valid address for network.
func mappedMAC(s, network string) (ethAddr, bool) {
	for _, m := range macMappings(s) {
		if m.network != network {
			continue
		}
		if mac, _, ok := scanEth(m.mac); ok {
			return mac, true
		}
	}
	return 0, false
}

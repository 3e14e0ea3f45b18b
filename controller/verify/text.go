package verify

import (
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// FlowText is a flow in the words of ovs-ofctl --no-stats --no-names dump-flows.
func FlowText(f *openflow.Flow) string {
	return openflow.FormatFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Actions)
}

func foreignText(f *ofbundle.InstalledFlow) string {
	s := FlowText(&f.Flow)
	if f.Foreign {
		s += " (with a timeout, a flag or an instruction that is not the agent's)"
	}
	return s
}

// GroupText is a group in the words of ovs-ofctl dump-groups.
func GroupText(id uint32, content string) string {
	g, err := openflow.DecodeGroup([]byte(content))
	if err != nil {
		return fmt.Sprintf("group_id=%d: %v", id, err)
	}
	return openflow.FormatGroup(id, g)
}

// MeterText is a meter in the words of ovs-ofctl dump-meters, its bands on the same
// line.
func MeterText(id uint32, m openflow.MeterSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "meter=%d", id)
	for _, flag := range []struct {
		bit  uint16
		name string
	}{
		{openflow.MeterKbps, "kbps"}, {openflow.MeterPktps, "pktps"}, {openflow.MeterBurst, "burst"}, {openflow.MeterStats, "stats"},
	} {
		if m.Flags&flag.bit != 0 {
			b.WriteString(" " + flag.name)
		}
	}
	b.WriteString(" bands=")
	for _, band := range m.Bands {
		b.WriteString(" type=drop")
		if band.Type != openflow.MeterBandDrop {
			fmt.Fprintf(&b, "(%d)", band.Type)
		}
		fmt.Fprintf(&b, " rate=%d", band.Rate)
		if m.Flags&openflow.MeterBurst != 0 {
			fmt.Fprintf(&b, " burst_size=%d", band.Burst)
		}
	}
	return b.String()
}

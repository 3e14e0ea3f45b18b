package loop

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// TestMarksOnly: what the loop writes to the bridge itself makes no duty look at
// all ports and tunnels; any other change of a bridge does.
func TestMarksOnly(t *testing.T) {
	old, now := &vswitchdb.Bridge{Name: "br-int"}, &vswitchdb.Bridge{Name: "br-int"}
	for _, x := range []struct {
		name   string
		change ovsdb.Change[vswitchdb.Bridge]
		feeds  bool
	}{
		{"external_ids", ovsdb.Change[vswitchdb.Bridge]{Old: old, New: now, Cols: vswitchdb.BridgeColExternalIDs}, false},
		{"external_ids and ports", ovsdb.Change[vswitchdb.Bridge]{Old: old, New: now,
			Cols: vswitchdb.BridgeColExternalIDs | vswitchdb.BridgeColPorts}, true},
		{"a new bridge", ovsdb.Change[vswitchdb.Bridge]{New: now}, true},
		{"a bridge gone", ovsdb.Change[vswitchdb.Bridge]{Old: old}, true},
	} {
		d := localDuties(&vswitchdb.Changes{Bridge: []ovsdb.Change[vswitchdb.Bridge]{x.change}})
		if d.has(dutyFeed) != x.feeds || !d.has(dutyBridge) {
			t.Errorf("%s: duties %b", x.name, d)
		}
	}
}

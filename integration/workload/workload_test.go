package workload

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestMain(m *testing.M) { integration.Main(m) }

// TestMake makes the smallest scale and checks its size.
func TestMake(t *testing.T) {
	db := Make(t, Scales[5000], t.Logf)
	if db.LogicalFlows < 4000 || db.LogicalFlows > 6500 {
		t.Errorf("%d logical flows, want about 5000", db.LogicalFlows)
	}
	t.Logf("%d logical flows, %d ports, %s", db.LogicalFlows, db.Ports, db.Release)
}

// TestChanges: every recorded change adds what its name says, and Undo is its
// reverse.
func TestChanges(t *testing.T) {
	db := Make(t, Scales[5000], t.Logf)
	for name, table := range map[string]string{
		Fixture: "Address_Set", ACL: "Logical_Flow", Backend: "Load_Balancer", RouterPort: "Port_Binding",
	} {
		touched := false
		for _, r := range db.Changes[name] {
			touched = touched || r.Table == table
		}
		if !touched {
			t.Errorf("change %s does not touch %s: %d rows", name, table, len(db.Changes[name]))
		}
		do, undo := ovsdb.NewTxn(""), ovsdb.NewTxn("")
		if err := db.Changes[name].Do(do); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Changes[name].Undo(undo); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := strings.Count(do.String(), `"op":"insert"`); n != strings.Count(undo.String(), `"op":"delete"`) {
			t.Errorf("%s inserts %d rows, undone with\n%s", name, n, undo)
		}
	}
}

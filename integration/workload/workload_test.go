package workload

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
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

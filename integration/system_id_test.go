package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestSystemIDChanges: a chassis that is renamed while the agent runs waits for the
// old record, which holds its tunnel address, to be deleted, and is then the new one
// with all its ports.
func TestSystemIDChanges(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Dummy: true, NoVerify: true})
	hv1 := c.AddChassis("hv1")
	c.NB("ls-add sw0\nlsp-add sw0 p1\nlsp-add sw0 p2")
	hv1.AddDummy("p1", 1)
	c.WaitUp("p1")
	c.WaitHV()
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:system-id=hv9")
	logged(t, c, hv1, "'hv1' already has encap ip", "cannot duplicate on 'hv9'")
	if rowOf(c, "Chassis", "name=hv1") == "" || rowOf(c, "Chassis", "name=hv9") != "" {
		t.Error("the old record is gone, or there are two for one address")
	}
	c.SB("chassis-del", "hv1")
	hv1.AddDummy("p2", 2)
	integration.WaitFor(t, 20*time.Second, "ports of the renamed chassis", func() error {
		hv9 := rowOf(c, "Chassis", "name=hv9")
		for _, p := range []string{"p1", "p2"} {
			if hv9 == "" || rowOf(c, "Port_Binding", "logical_port="+p, "chassis="+hv9, "up=true") == "" {
				return fmt.Errorf("%s is not up on hv9 (%s)", p, hv9)
			}
		}
		return nil
	})
	if rowOf(c, "Chassis_Private", "name=hv9") == "" {
		t.Error("there is no private record of the new name")
	}
}

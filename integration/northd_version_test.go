package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestNorthdVersion: with ovn-match-northd-version nothing is done while northd is
// of another version, what was done stays, and what came meanwhile is made up for.
// northd is of the release's series, not always of its very number.
func TestNorthdVersion(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Dummy: true})
	hv1 := c.AddBareChassis("hv1")
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-match-northd-version=true")
	hv1.StartAgent()
	c.NB("ls-add sw0\nlsp-add sw0 p1\nlsp-add sw0 p2")
	hv1.AddDummy("p1", 1)
	c.WaitUp("p1")
	c.WaitHV()

	if out, err := c.NorthdCtl("pause"); err != nil {
		t.Fatal(err, out)
	}
	c.SB("set", "SB_Global", ".", "options:northd_internal_version=25.09.0-20.41.0-81.13")
	logged(t, c, hv1, "mismatch with northd version - 25.09.0-20.41.0-81.13")
	flows := len(hv1.DumpFlows())
	hv1.AddDummy("p2", 2)
	for until := time.Now().Add(time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if by := c.SB("--bare", "--columns=chassis", "find", "Port_Binding", "logical_port=p2"); by != "" {
			t.Fatalf("p2 was claimed by %s in spite of northd's version", by)
		}
	}
	if now := len(hv1.DumpFlows()); now != flows {
		t.Errorf("%d flows became %d", flows, now)
	}
	if out, err := c.NorthdCtl("resume"); err != nil {
		t.Fatal(err, out)
	}
	// northd writes its version when it looks at its options.
	c.NB("set", "NB_Global", ".", "options:use_ct_inv_match=true")
	integration.WaitFor(t, 10*time.Second, "northd's own version", func() error {
		if v := c.SB("get", "SB_Global", ".", "options:northd_internal_version"); v == `"25.09.0-20.41.0-81.13"` {
			return fmt.Errorf("still %s", v)
		}
		return nil
	})
	c.WaitUp("p2")
	c.WaitHV()
}

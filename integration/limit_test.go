package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestFlowLimit: a logical flow over the configured limit is named in the log with
// its match and count and is left out, everything else is installed; with a higher
// limit it is there. Members of sets count.
func TestFlowLimit(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return // it has no limit
	}
	hv1 := c.AddChassis("hv1")
	const key = "external_ids:ovn-chassis-max-flows-per-logical-flow"
	hv1.VSCtl("set Open_vSwitch . " + key + "=150")
	var addresses []string
	for i := range 200 {
		addresses = append(addresses, fmt.Sprintf("10.9.0.%d", i))
	}
	c.NB("ls-add sw0\n" + port(0, 1) + `
create Address_Set name=big addresses="` + strings.Join(addresses, ",") + `"
acl-add sw0 to-lport 1001 'outport == "p1" && ip4.src == $big' allow
acl-add sw0 to-lport 1002 'outport == "p1" && ip4.src == 10.8.0.1' allow
`)
	hv1.AddGuest(guest(0, 1))
	c.WaitUp("p1")
	c.WaitHV()
	count := func(text string) (n int) {
		for _, line := range hv1.DumpFlows() {
			if strings.Contains(line, text) {
				n++
			}
		}
		return n
	}
	if parts := []string{"not translated", "Logical_Flow", "ip4.src == $big",
		"takes 200 flows on one datapath, the limit is 150: it is left out"}; !hv1.Agent.Logged(parts...) {
		t.Errorf("the log has no line with %q\n%s", parts, hv1.Agent.Tail(20))
	}
	if n := count("nw_src=10.9.0."); n != 0 {
		t.Errorf("%d flows of the logical flow over the limit", n)
	}
	if count("nw_src=10.8.0.1") == 0 {
		t.Error("another ACL's flow is missing")
	}
	hv1.VSCtl("remove Open_vSwitch . " + strings.Replace(key, ":", " ", 1))
	integration.WaitFor(t, 10*time.Second, "all flows", func() error {
		if n := count("nw_src=10.9.0."); n < 200 {
			return fmt.Errorf("%d flows", n)
		}
		return nil
	})
}

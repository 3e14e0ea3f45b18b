package loop

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
)

// TestFlowLimitFollowed: the limit is followed while the agent runs; what is over
// it is left out and named, and comes back.
func TestFlowLimitFollowed(t *testing.T) {
	b := newBed(t)
	a := b.plugged("hv1")
	dp := b.sbctl("--columns=_uuid list Datapath_Binding")
	b.must("ovn-sbctl", "create", "Address_Set", "name=as", "addresses=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4")
	b.must("ovn-sbctl", "create", "Logical_Flow", "logical_datapath="+dp, "pipeline=ingress", "table_id=3", "priority=100",
		`match="ip4.src == $as"`, `actions="next;"`)
	flows := func() int {
		out, err := b.run("ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int", "table=11")
		if err != nil {
			return -1
		}
		return strings.Count(out, "nw_src=10.0.0.")
	}
	key := "external_ids:" + config.MaxFlowsKey + "="
	b.eventually("four flows", func() bool { return flows() == 4 })
	b.vsctl("set open . " + key + "3")
	b.eventually("no flow", func() bool { return flows() == 0 })
	o, r := b.compare("hv1")
	if !r.Equal() {
		t.Errorf("the observer knows another limit:\n%s", r.Report(5, o.Describe))
	}
	if len(o.Problems) != 1 || !strings.Contains(o.Problems[0], `match "ip4.src == $as" takes 4 flows on one datapath, the limit is 3`) {
		t.Errorf("problems %q", o.Problems)
	}
	if n := a.stats.rowErrors.Total(); n != 1 {
		t.Errorf("%d rows counted as not translated", n)
	}
	b.must("ovn-sbctl", "remove", "Address_Set", "as", "addresses", "10.0.0.4")
	b.eventually("three flows", func() bool { return flows() == 3 })
	b.must("ovn-sbctl", "add", "Address_Set", "as", "addresses", "10.0.0.4")
	b.eventually("no flow again", func() bool { return flows() == 0 })
	b.vsctl("remove open . external_ids " + config.MaxFlowsKey)
	b.eventually("all flows", func() bool { return flows() == 4 })
}

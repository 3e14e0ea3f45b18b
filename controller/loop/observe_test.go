package loop

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/controller/verify"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

// compare runs an observer and compares what it would want with the switch.
func (b *bed) compare(name string) (*Observed, *verify.Result) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	o, err := RunObserver(ctx, Options{
		OVSDatabase: "unix:" + b.path("db.sock"), OVSRunDir: b.dir, Identity: config.Identity{CLI: name},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	have, err := ofbundle.Read(ctx, ofbundle.Config{Target: o.Switch})
	if err != nil {
		b.t.Fatal(err)
	}
	return o, verify.Compare(o.Desired, have)
}

// TestObserver: a second process that only looks arrives at what the agent has
// installed, writes nothing, and notices what is not as it should be.
func TestObserver(t *testing.T) {
	b := newBed(t)
	a := b.plugged("hv1")
	b.sbctl("chassis-add hv2 geneve 192.168.0.2")
	dp := b.sbctl("--columns=_uuid list Datapath_Binding")
	b.must("ovn-sbctl", "create", "Logical_Flow", "logical_datapath="+dp, "pipeline=ingress", "table_id=3", "priority=100",
		`match="ip4.src == {10.0.0.1, 10.0.0.2} && tcp.dst == {80, 443}"`, `actions="next;"`)
	b.eventually("the port is up", func() bool { return b.bound("hv1", "true") })
	b.sbctl("set SB_Global . nb_cfg=1")
	b.eventually("all is installed", func() bool { return b.sbctl("--columns=nb_cfg find chassis_private name=hv1") == "1" })

	before := b.dump()
	o, r := b.compare("hv1")
	if !r.Equal() || r.Same < 10 {
		t.Errorf("%d the same\n%s", r.Same, r.Report(5, o.Describe))
	}
	if o.Chassis != "hv1" || o.Bridge != "br-int" || len(o.Problems) != 0 {
		t.Errorf("observed %+v", o)
	}
	if after := b.dump(); after != before {
		t.Errorf("an observer changed\n%s\ninto\n%s", before, after)
	}

	// What the running agent says of itself.
	ctx := t.Context()
	text, err := unixctl.Call(ctx, a.ctl, "chassis/desired")
	if err != nil {
		t.Fatal(err)
	}
	desired, err := verify.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	have, err := ofbundle.Read(ctx, ofbundle.Config{Target: o.Switch})
	if err != nil {
		t.Fatal(err)
	}
	if r := verify.Compare(desired, have); !r.Equal() || r.Same < 10 {
		t.Errorf("%d the same\n%s", r.Same, r.Report(5, nil))
	}
	if text, err = unixctl.Call(ctx, a.ctl, "chassis/status"); err != nil {
		t.Fatal(err)
	}
	var st Status
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		t.Fatal(err)
	}
	if st.Chassis != "hv1" || !st.Southbound.Settled || !st.SwitchConnected || len(st.Bindings) != 1 || st.Bindings[0].Interface != "vif1" ||
		len(st.Tunnels) != 1 || st.Tunnels[0].Chassis != "hv2" || len(st.Bundles) == 0 || !strings.Contains(st.Zones, "p1 ") {
		t.Errorf("status %s", text)
	}

	// Gone, so that the agent cannot repair what is done to the switch.
	a.cancel()
	<-a.done
	b.must("ovs-ofctl", "-O", "OpenFlow15", "del-flows", "br-int", "table=11,tcp,tp_dst=443")
	b.must("ovs-ofctl", "-O", "OpenFlow15", "add-flow", "br-int", "table=99,priority=5,actions=drop")
	b.must("ovs-ofctl", "-O", "OpenFlow15", "mod-flows", "br-int", "table=65,actions=drop")
	_, r = b.compare("hv1")
	kinds := map[verify.Kind]int{}
	for _, d := range r.Differences {
		kinds[d.Kind]++
	}
	if kinds[verify.Missing] == 0 || kinds[verify.Extra] != 1 || kinds[verify.Differs] == 0 {
		t.Errorf("differences %v\n%s", kinds, r.Report(5, o.Describe))
	}
	if text := r.Report(0, o.Describe); !strings.Contains(text, "logical flow") || !strings.Contains(text, "table=99") {
		t.Errorf("report\n%s", text)
	}
}

// TestObserverUnsettled: the error says what is missing.
func TestObserverUnsettled(t *testing.T) {
	b := newBed(t)
	b.configure("hv1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := RunObserver(ctx, Options{
		OVSDatabase: "unix:" + b.path("db.sock"), OVSRunDir: b.dir, Identity: config.Identity{CLI: "hv1"},
	})
	if !errors.Is(err, ErrUnsettled) || !strings.Contains(err.Error(), "no row of table Chassis is named hv1") ||
		!strings.Contains(err.Error(), "no bridge br-int") {
		t.Errorf("got %v", err)
	}
	if left := b.sbctl("--columns=name find chassis name=hv1"); left != "" {
		t.Errorf("an observer registered a chassis")
	}
}

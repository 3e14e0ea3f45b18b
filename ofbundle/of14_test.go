package ofbundle

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// A bridge that speaks OpenFlow 1.4 only gets the same flows, and a restart finds
// them unchanged. What 1.4 cannot carry is named.
func TestOpenFlow14(t *testing.T) {
	s := startSwitch(t)
	s.run("ovs-vsctl", "--db=unix:"+s.dir+"/db.sock", "set", "bridge", "br-int", "protocols=OpenFlow14")
	hashed := lbGroup(2)
	hashed.SelectionMethod, hashed.Fields = "hash", []openflow.Field{openflow.FieldIPv4Src}
	want := func() []*openflow.Flow {
		return append(sampleFlows(),
			flow(13, 1, 0x8000, reg(0, 1), func(b *openflow.ActionBuilder) {
				b.Meter(1)
				b.SetFieldMasked(openflow.FieldReg10, openflow.U64(1), openflow.U64(3))
				b.Move(openflow.Bits(openflow.FieldReg1, 0, 16), openflow.Bits(openflow.FieldReg2, 16, 16))
				b.Clone(func(b *openflow.ActionBuilder) {
					b.SetFieldMasked(openflow.FieldReg3, openflow.U64(1), openflow.U64(1))
					b.Resubmit(14)
				})
			}),
			flow(13, 2, 0x8001, nil, func(b *openflow.ActionBuilder) { b.GroupSymbol(hashed) }),
			flow(13, 3, 0x8002, nil, func(b *openflow.ActionBuilder) { b.Resubmit(9); b.Meter(1) }))
	}
	run := func() *agent {
		a := startAgent(t, Config{Target: s.target()})
		if f := a.connected(); f.Version != openflow.Version14 || f.GroupHash {
			t.Errorf("features %+v", f)
		}
		a.SetMeters(sampleMeters)
		a.Update(nil, want())
		a.Enable()
		a.commit()
		a.stop()
		return a
	}
	a := run()
	var refused []string
	for _, r := range a.refusals() {
		refused = append(refused, r.What+": "+r.Err.Error())
	}
	if len(refused) != 1 || !strings.Contains(strings.Join(refused, "\n"), "OpenFlow 1.4") {
		t.Errorf("refused %q", refused)
	}
	if !strings.Contains(a.logs.String(), "no selection method") {
		t.Errorf("nothing is said about the hash that is left out:\n%s", a.logs)
	}
	out := s.run("ovs-ofctl", "-O", "OpenFlow14", "--no-names", "--no-stats", "dump-flows", s.mgmt())
	if line := "cookie=0x8000, table=13, priority=1,reg0=0x1 actions=meter:1,"; !strings.Contains(out, line) {
		t.Errorf("no %q in\n%s", line, out)
	}
	if !strings.Contains(out, "table=13, priority=2 actions=group:") {
		t.Errorf("the flow of the hashed group is missing:\n%s", out)
	}
	st := run().Stats()
	if st.FlowAdds+st.FlowModifies+st.FlowDeletes+st.GroupAdds+st.GroupDeletes+st.MeterMods != 0 {
		t.Errorf("a restart sent something: %+v", st)
	}
}

package ofbundle

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Open vSwitch cannot describe a group of more than 64 KiB, nor count the
// buckets of one with more than 4093; an agent must get past both when it finds
// them on connecting.
func TestBigGroupRestart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		buckets int
	}{{"not described", 3000}, {"not counted", 4200}} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSwitch(t)
			want := append(sampleFlows(), flow(10, 51, 9, reg(0, 9), func(b *openflow.ActionBuilder) { b.GroupSymbol(lbGroup(tc.buckets)) }))
			run := func() *agent {
				a := startAgent(t, Config{Target: s.target()})
				a.connected()
				a.SetMeters(sampleMeters)
				a.Update(nil, want)
				a.Enable()
				a.commit()
				if r := a.refusals(); len(r) != 0 {
					t.Fatalf("refused %+v", r)
				}
				a.stop()
				return a
			}
			run()
			before := len(s.flows())
			st := run().Stats()
			if got := len(s.flows()); got != before || st.Installed != st.Desired {
				t.Errorf("%d flows, want %d; %+v", got, before, st)
			}
			if st.FlowAdds+st.FlowModifies > 3 {
				t.Errorf("more sent than the flows that use groups: %+v", st)
			}
			if n := strings.Count(s.ofctl("dump-flows"), "group:"); n != 3 {
				t.Errorf("%d flows use groups, want 3", n)
			}
		})
	}
}

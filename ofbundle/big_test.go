package ofbundle

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Open vSwitch describes a group of more than 64 KiB with lengths that wrap
// around, and so it does with the statistics of one with more than 4093 buckets.
// An agent must get past both when it finds them on connecting.
func TestBigGroupRestart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		buckets int
		resent  uint64 // at most
	}{
		{"a message full", 500, 0},
		{"wrapped lengths", 700, 0},
		{"wrapped often", 4000, 0},
		{"not even counted", 4200, 3},
	} {
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
			if st.FlowAdds+st.FlowModifies > tc.resent {
				t.Errorf("more sent than need be: %+v", st)
			}
			if n := strings.Count(s.ofctl("dump-flows"), "group:"); n != 3 {
				t.Errorf("%d flows use groups, want 3", n)
			}
		})
	}
}

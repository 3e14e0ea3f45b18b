package ofbundle

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// benchFlows resembles what a node of a large cluster has: long matches, most
// with one of few action lists, one in ten a conjunction's clause.
func benchFlows(n int) []*openflow.Flow {
	out := make([]*openflow.Flow, n)
	var m openflow.MatchBuilder
	var b openflow.ActionBuilder
	b.Resubmit(20)
	next := b.Actions()
	for i := range out {
		m.Reset()
		m.SetU(openflow.FieldMetadata, uint64(i%500))
		m.SetU(openflow.FieldReg14, uint64(i%7))
		m.SetU(openflow.FieldEthType, 0x0800)
		m.SetU(openflow.FieldIPv4Dst, uint64(0x0a000000+i))
		f := &openflow.Flow{Table: uint8(8 + i%40), Priority: uint16(i % 1000), Cookie: uint64(i), Match: m.Match(), Actions: next}
		f.Owner[0], f.Owner[1], f.Owner[2] = byte(i>>16), byte(i>>8), byte(i)
		if i%10 == 0 {
			f.Kind, f.Actions, f.Cookie = openflow.FlowConjunction, "", 0
			f.Symbols = openflow.SymbolList{{Kind: openflow.SymConjClause, DP: uint32(i % 500), N: 1, NClauses: 2}}.Encode()
		}
		out[i] = f
	}
	return out
}

// From nothing to 50,000 flows on a real switch, acknowledged; the switch's own
// time is in it.
func BenchmarkCommit50kFlows(b *testing.B) {
	flows := benchFlows(50_000)
	s := startSwitch(b)
	a := startAgent(b, Config{Target: s.target()})
	a.connected()
	a.Enable()
	b.ReportAllocs()
	for b.Loop() {
		a.Update(nil, flows)
		a.commit()
		b.StopTimer()
		a.Update(flows, nil)
		a.commit()
		b.StartTimer()
	}
}

// One flow changed among 50,000, on a real switch.
func BenchmarkCommitOneOf50kFlows(b *testing.B) {
	flows := benchFlows(50_000)
	s := startSwitch(b)
	a := startAgent(b, Config{Target: s.target()})
	a.connected()
	a.Enable()
	a.Update(nil, flows)
	a.commit()
	b.ReportAllocs()
	old := flows[1]
	for b.Loop() {
		changed := *old
		if changed.Actions == "" {
			changed.Actions, changed.Kind = flows[2].Actions, openflow.FlowAllow
		} else {
			changed.Actions, changed.Kind = "", openflow.FlowDrop
		}
		a.Update([]*openflow.Flow{old}, []*openflow.Flow{&changed})
		a.commit()
		old = &changed
	}
}

// The Writer's own share: claims in, plan, applied.
func BenchmarkPlan50kFlows(b *testing.B) {
	flows := benchFlows(50_000)
	b.ReportAllocs()
	for b.Loop() {
		t := newTable()
		t.load(&dump{groups: map[uint32]string{}})
		for _, f := range flows {
			t.add(f)
		}
		p := t.plan()
		for i := range p.ops {
			t.applied(&p.ops[i])
		}
	}
}

// What 50,000 flows cost beyond the flows themselves.
func TestMemoryPerFlow(t *testing.T) {
	flows := benchFlows(50_000)
	measure := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := measure()
	tb := newTable()
	tb.load(&dump{groups: map[uint32]string{}})
	for _, f := range flows {
		tb.add(f)
	}
	p := tb.plan()
	for i := range p.ops {
		tb.applied(&p.ops[i])
	}
	p = nil
	per := float64(measure()-before) / float64(len(flows))
	runtime.KeepAlive(tb)
	runtime.KeepAlive(flows)
	t.Logf("%.0f bytes a flow", per)
	// 48 for the entry and its bucket; one flow in ten is a clause, whose numbered
	// copy and conjunction cost about 250.
	if per > 110 {
		t.Errorf("%.0f bytes a flow beside the flow itself, want at most 110", per)
	}
}

// A restart that finds 50,000 flows as they should be: dump, comparison, nothing
// sent.
func BenchmarkRestart50kFlows(b *testing.B) {
	flows := benchFlows(50_000)
	s := startSwitch(b)
	a := startAgent(b, Config{Target: s.target()})
	a.connected()
	a.Enable()
	a.Update(nil, flows)
	a.commit()
	a.stop()
	b.ReportAllocs()
	for b.Loop() {
		a := startAgent(b, Config{Target: s.target()})
		a.Update(nil, flows)
		a.Enable()
		a.connected()
		a.commit()
		a.stop()
		if st := a.Stats(); st.Bundles != 0 || st.Installed != len(flows) {
			b.Fatalf("%+v", st)
		}
	}
}

// One flow committed again and again beside a table of 8,000, half of the time audited,
// at once or in parts: how long the slowest of a hundred takes.
func BenchmarkCommitDuringAudit(b *testing.B) {
	for name, whole := range map[string]int{"whole": 1 << 30, "parts": 0} {
		b.Run(name, func(b *testing.B) {
			flows := benchFlows(8_000)
			for _, f := range flows {
				f.Table = 20
			}
			s := startSwitch(b)
			a := startAgent(b, Config{Target: s.target(), Audit: time.Millisecond, Poll: time.Hour, duty: 2, whole: whole})
			a.connected()
			a.Enable()
			a.Update(nil, flows)
			a.commit()
			var took []time.Duration
			for b.Loop() {
				f := flow(30, 1, 1, nil, resubmit(31))
				time.Sleep(3 * time.Millisecond) // that audits are met at any moment
				start := time.Now()
				a.Update(nil, []*openflow.Flow{f})
				a.commit()
				took = append(took, time.Since(start))
				a.Update([]*openflow.Flow{f}, nil)
				a.commit()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
		})
	}
}

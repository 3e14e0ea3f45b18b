package ofbundle

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

var modelMeters = map[string]openflow.MeterSpec{
	"m0": {Flags: openflow.MeterKbps, Bands: []openflow.MeterBand{{Type: 1, Rate: 1}}},
	"m1": {Flags: openflow.MeterKbps, Bands: []openflow.MeterBand{{Type: 1, Rate: 2}}},
}

// drawFlow makes a flow from so few parts that claims, conjunctions, groups and
// meters are shared often.
func drawFlow(t *rapid.T) *openflow.Flow {
	owner := uint64(rapid.IntRange(1, 4).Draw(t, "owner"))
	match := rapid.IntRange(0, 3).Draw(t, "match")
	var f *openflow.Flow
	var m func(*openflow.MatchBuilder)
	if match > 0 {
		m = reg(3, uint64(match))
	}
	switch rapid.SampledFrom([]string{"allow", "allow", "drop", "group", "meter", "clause", "clause", "clauses", "conj"}).Draw(t, "kind") {
	case "allow":
		f = flow(8, 1, owner, m, resubmit(uint8(rapid.IntRange(9, 10).Draw(t, "to"))))
	case "drop":
		f = flow(8, 1, owner, m, nil)
	case "group":
		n := rapid.IntRange(1, 3).Draw(t, "group")
		f = flow(8, 1, owner, m, func(b *openflow.ActionBuilder) { b.GroupSymbol(lbGroup(n)); b.GroupSymbol(lbGroup(n%3 + 1)) })
	case "meter":
		name := rapid.SampledFrom([]string{"m0", "m1", "nobody"}).Draw(t, "meter")
		f = flow(8, 1, owner, m, func(b *openflow.ActionBuilder) { b.MeterSymbol(name); b.Resubmit(9) })
	case "clause":
		f = flow(8, 1, owner, m, func(b *openflow.ActionBuilder) { drawClause(t, b) })
	case "clauses":
		f = flow(8, 1, owner, m, func(b *openflow.ActionBuilder) { drawClause(t, b); drawClause(t, b) })
	case "conj":
		f = flow(8, 1, owner, m, resubmit(9))
		var s openflow.Symbol
		f.Match, s = openflow.ConjMatchSymbol(f.Match, uint32(rapid.IntRange(1, 2).Draw(t, "dp")), uint16(rapid.IntRange(0, 1).Draw(t, "n")))
		f.Symbols = openflow.SymbolList{s}.Encode()
	}
	return f
}

func drawClause(t *rapid.T, b *openflow.ActionBuilder) {
	b.ConjClause(uint32(rapid.IntRange(1, 2).Draw(t, "dp")), uint16(rapid.IntRange(0, 1).Draw(t, "n")),
		uint8(rapid.IntRange(0, 1).Draw(t, "clause")), 2)
}

// TestAgainstTwin applies random sequences and demands that the switch then
// holds what the present claims say, whatever the way there: plans half way,
// reconnections, a switch that forgot everything.
func TestAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb, sw, tw := newTable(), newModel(), &twin{}
		tb.load(sw.dump())
		tb.meters.setDefs(modelMeters)
		settle := func() {
			if err := sw.execute(tb, tb.plan()); err != nil {
				t.Fatal(err)
			}
			have, err := sw.have(tb, tw.claims)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tw.want(), have); d != "" {
				t.Fatal(d)
			}
			if err := tb.valid(); err != nil {
				t.Fatal(err)
			}
			n := sw.ops
			if err := sw.execute(tb, tb.plan()); err != nil || sw.ops != n {
				t.Fatalf("a second plan is not empty: %d operations, %v", sw.ops-n, err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "how many") {
					f := drawFlow(t)
					tb.add(f)
					tw.claims = append(tw.claims, f)
				}
			},
			"remove": func(t *rapid.T) {
				for range min(len(tw.claims), rapid.IntRange(1, 4).Draw(t, "how many")) {
					i := rapid.IntRange(0, len(tw.claims)-1).Draw(t, "which")
					if !tb.remove(tw.claims[i]) {
						t.Fatal("not there")
					}
					tw.claims = slices.Delete(tw.claims, i, i+1)
				}
			},
			"settle": func(*rapid.T) { settle() },
			"reconnect": func(*rapid.T) {
				tb.load(sw.dump())
			},
			"switch restarts": func(*rapid.T) {
				*sw = *newModel()
				tb.load(sw.dump())
			},
			"others meddle": func(t *rapid.T) {
				for _, id := range slices.Sorted(maps.Keys(sw.flows)) {
					if rapid.Bool().Draw(t, "delete") {
						delete(sw.flows, id)
					}
				}
				alien := flow(8, 1, 99, reg(3, 1), resubmit(77))
				sw.flows[identity(alien)] = *alien
				tb.load(sw.dump())
			},
			"agent restarts": func(t *rapid.T) {
				settle()
				// The same claims, made anew and in another order.
				claims := slices.Clone(tw.claims)
				if len(claims) > 1 {
					claims = rapid.Permutation(claims).Draw(t, "order")
				}
				tb, tw.claims = newTable(), nil
				tb.load(sw.dump())
				tb.meters.setDefs(modelMeters)
				for _, f := range claims {
					c := *f
					tb.add(&c)
					tw.claims = append(tw.claims, &c)
				}
				flows := maps.Clone(sw.flows)
				settle()
				if d := cmp.Diff(flows, sw.flows, cmp.Comparer(func(a, b openflow.Flow) bool {
					return a.Cookie == b.Cookie && a.Actions == b.Actions && a.Match == b.Match
				})); d != "" && !ambiguous(tw.claims) {
					t.Fatalf("a restart changed flows:\n%s", d)
				}
			},
			"": func(t *rapid.T) {
				if err := tb.valid(); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

// ambiguous says that some conjunction cannot be recognised by the rules of
// adopt.go: no flow matches its number, or its clauses lost against others.
func ambiguous(claims []*openflow.Flow) bool {
	matched := map[conjKey]bool{}
	used := map[conjKey]bool{}
	for _, f := range claims {
		for s := range f.Symbols.All() {
			k := conjKey{f.Owner, s.DP, s.N}
			switch s.Kind {
			case openflow.SymConjMatch:
				matched[k], used[k] = true, true
			case openflow.SymConjClause:
				used[k] = true
			}
		}
	}
	for k := range used {
		for l := range used {
			if !matched[k] || k.owner == l.owner && k != l {
				return true
			}
		}
	}
	return false
}

// Refused operations leave the switch consistent, and everything else done.
func TestRefusedAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb, sw, tw := newTable(), newModel(), &twin{}
		bad := uint64(rapid.IntRange(1, 4).Draw(t, "refused cookie"))
		sw.refuse = func(o *op) bool {
			return (o.kind == opFlowAdd || o.kind == opFlowModify) && o.flow.Cookie == bad
		}
		tw.refuse = func(f *openflow.Flow) bool { return f.Kind != openflow.FlowConjunction && f.Cookie == bad }
		tb.load(sw.dump())
		tb.meters.setDefs(modelMeters)
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 6).Draw(t, "adds") {
				f := drawFlow(t)
				tb.add(f)
				tw.claims = append(tw.claims, f)
			}
			for len(tw.claims) > 0 && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(tw.claims)-1).Draw(t, "which")
				tb.remove(tw.claims[i])
				tw.claims = slices.Delete(tw.claims, i, i+1)
			}
			if err := sw.execute(tb, tb.plan()); err != nil {
				t.Fatal(err)
			}
			have, err := sw.have(tb, tw.claims)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tw.want(), have); d != "" {
				t.Fatal(d)
			}
			if err := tb.valid(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

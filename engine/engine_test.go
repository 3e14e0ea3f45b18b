package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The toy domain: rules read named values and may have a row on a named set; a
// family of rules has a child for each member of a set.

type toyFlow struct {
	Owner  Unit
	Value  int
	Member int
}

type toyRow struct {
	Owner Unit
	Value int
}

type toyRule struct {
	names []string // values read
	set   string   // "" or the set to have a row on
}

type toy struct {
	eng    *Engine[toyFlow, toyRow, int]
	values map[string]int // absent names read as not found
	rules  map[Unit]toyRule
	sets   map[string]SetID
	member map[string]map[int]bool
	family map[Unit]string

	present map[toyFlow]int // what the differences add up to
}

const (
	toyKindRule = iota + 1
	toyKindFamily
	toyInputValue
)

func newToy(forget func(Input) bool) *toy {
	w := &toy{
		values: map[string]int{}, rules: map[Unit]toyRule{}, sets: map[string]SetID{},
		member: map[string]map[int]bool{}, family: map[Unit]string{}, present: map[toyFlow]int{},
	}
	w.eng = New(Config[toyFlow, toyRow, int]{
		Build:   w.build,
		Expand:  func(r toyRow, m int) *toyFlow { return &toyFlow{r.Owner, r.Value, m} },
		ChildN:  func(m int) uint64 { return uint64(m) },
		Workers: 2,
		Forget:  forget,
	})
	return w
}

func (w *toy) set(name string) SetID {
	if _, ok := w.sets[name]; !ok {
		w.sets[name] = w.eng.NewSet()
		w.member[name] = map[int]bool{}
	}
	return w.sets[name]
}

func (w *toy) rule(u Unit) toyRule {
	if u.Kind == toyKindFamily {
		u.N = 0
	}
	return w.rules[u]
}

func (w *toy) build(u Unit, r *Reads, out *Output[toyFlow, toyRow]) error {
	rule := w.rule(u)
	sum := 0
	for _, n := range rule.names {
		r.Read(Input{Kind: toyInputValue, S: n})
		v, ok := w.values[n]
		if !ok {
			return fmt.Errorf("no value %q", n)
		}
		sum += v
		out.Flows = append(out.Flows, &toyFlow{u, v, 0})
	}
	if rule.set != "" {
		out.Rows = append(out.Rows, Row[toyRow]{w.sets[rule.set], toyRow{u, sum}})
	}
	return nil
}

// scratch computes what must be present without any engine.
func (w *toy) scratch() map[toyFlow]int {
	want := map[toyFlow]int{}
	one := func(u Unit) {
		var out Output[toyFlow, toyRow]
		_ = w.build(u, &Reads{}, &out)
		for _, f := range out.Flows {
			want[*f]++
		}
		for _, row := range out.Rows {
			for name, id := range w.sets {
				if id == row.Set {
					for m := range w.member[name] {
						want[toyFlow{row.Row.Owner, row.Row.Value, m}]++
					}
				}
			}
		}
	}
	for u := range w.rules {
		if u.Kind == toyKindRule {
			one(u)
		}
	}
	for u, set := range w.family {
		for m := range w.member[set] {
			c := u
			c.N = uint64(m)
			one(c)
		}
	}
	return want
}

func (w *toy) run() error {
	res := w.eng.Run()
	for _, f := range res.Removed {
		if w.present[*f]--; w.present[*f] == 0 {
			delete(w.present, *f)
		}
	}
	for _, f := range res.Added {
		w.present[*f]++
		if w.present[*f] == 0 {
			delete(w.present, *f)
		}
	}
	if want := w.scratch(); !maps.Equal(w.present, want) {
		return fmt.Errorf("incremental %v\nfrom scratch %v", w.present, want)
	}
	return nil
}

var (
	toyNames = []string{"a", "b", "c", "d"}
	toySets  = []string{"s", "t"}
)

// step makes one random change and tells the engine of it.
func (w *toy) step(t *rapid.T) {
	name := rapid.SampledFrom(toyNames).Draw(t, "name")
	set := rapid.SampledFrom(toySets).Draw(t, "set")
	w.set("s")
	w.set("t")
	u := Unit{Kind: toyKindRule, ID: [16]byte{byte(rapid.IntRange(1, 5).Draw(t, "unit"))}}
	f := Unit{Kind: toyKindFamily, ID: u.ID}
	rule := func() toyRule {
		r := toyRule{names: rapid.SliceOfN(rapid.SampledFrom(toyNames), 0, 3).Draw(t, "names")}
		if rapid.Bool().Draw(t, "row") {
			r.set = set
		}
		return r
	}
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0, 1:
		w.values[name] = rapid.IntRange(1, 3).Draw(t, "value")
		w.eng.Dirty(Input{Kind: toyInputValue, S: name})
	case 2:
		delete(w.values, name)
		w.eng.Dirty(Input{Kind: toyInputValue, S: name})
	case 3, 4:
		w.rules[u] = rule()
		w.eng.AddUnit(u)
		w.eng.DirtyUnit(u)
	case 5:
		delete(w.rules, u)
		w.eng.RemoveUnit(u)
	case 6:
		w.rules[f] = rule()
		w.family[f] = set
		w.eng.AddFamily(f, w.set(set))
		w.eng.DirtyFamily(f)
	case 7:
		delete(w.family, f)
		w.eng.RemoveFamily(f)
	case 8:
		m := rapid.IntRange(1, 4).Draw(t, "member")
		w.member[set][m] = true
		w.eng.SetAdd(w.set(set), m)
	case 9:
		m := rapid.IntRange(1, 4).Draw(t, "member")
		delete(w.member[set], m)
		w.eng.SetRemove(w.set(set), m)
	}
}

func TestIncrementalEqualsScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newToy(nil)
		w.eng.leastRoom = 4
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			for range rapid.IntRange(0, 6).Draw(t, "steps") {
				w.step(t)
			}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			if err := w.eng.valid(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A read that is not recorded must show as a difference, or the test above shows
// nothing.
func TestForgottenReadIsNoticed(t *testing.T) {
	w := newToy(func(in Input) bool { return in.S == "b" })
	u := Unit{Kind: toyKindRule}
	w.values["b"] = 1
	w.rules[u] = toyRule{names: []string{"b"}}
	w.eng.AddUnit(u)
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.values["b"] = 2
	w.eng.Dirty(Input{Kind: toyInputValue, S: "b"})
	if err := w.run(); err == nil {
		t.Fatal("a forgotten read went unnoticed")
	}
}

func TestUnchangedFlowsKeepTheirPointers(t *testing.T) {
	w := newToy(nil)
	u := Unit{Kind: toyKindRule}
	w.values["a"], w.values["b"] = 1, 2
	w.rules[u] = toyRule{names: []string{"a", "b"}}
	w.eng.AddUnit(u)
	first := w.eng.Run().Added
	w.values["b"] = 3
	w.eng.Dirty(Input{Kind: toyInputValue, S: "b"})
	res := w.eng.Run()
	if len(res.Added) != 1 || len(res.Removed) != 1 || res.Removed[0] != first[1] {
		t.Fatalf("got %d removed, %d added; want the one flow that changed", len(res.Removed), len(res.Added))
	}
	if res = w.eng.Run(); res.Built != 0 {
		t.Fatalf("built %d units though nothing changed", res.Built)
	}
}

func TestPanicCostsItsUnitOnly(t *testing.T) {
	bad := Unit{Kind: 9}
	e := New(Config[toyFlow, toyRow, int]{
		Build: func(u Unit, r *Reads, out *Output[toyFlow, toyRow]) error {
			if u == bad {
				panic("bad row")
			}
			out.Flows = append(out.Flows, &toyFlow{Owner: u})
			return nil
		},
		Expand: func(toyRow, int) *toyFlow { return nil },
		ChildN: func(int) uint64 { return 0 },
	})
	e.AddUnit(bad)
	e.AddUnit(Unit{Kind: 1})
	res := e.Run()
	if len(res.Added) != 1 || len(res.Errors) != 1 || res.Errors[0].Unit != bad {
		t.Fatalf("added %v, errors %v", res.Added, res.Errors)
	}
}

// BenchmarkSetMember10k adds and removes one member of a set of 10,000 that
// 100 units have a row on, among 50,000 units that do not.
func BenchmarkSetMember10k(b *testing.B) {
	w := newToy(nil)
	id := w.set("s")
	for m := range 10_000 {
		w.eng.SetAdd(id, m)
	}
	for i := range 50_000 {
		u := Unit{Kind: toyKindRule, N: uint64(i)}
		w.rules[u] = toyRule{}
		if i < 100 {
			w.rules[u] = toyRule{set: "s"}
		}
		w.eng.AddUnit(u)
	}
	w.eng.Run()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			w.eng.SetAdd(id, 20_000)
		} else {
			w.eng.SetRemove(id, 20_000)
		}
		if res := w.eng.Run(); len(res.Added)+len(res.Removed) != 100 {
			b.Fatal("one member is one flow in each row")
		}
	}
}

func TestInputsAreForgottenWithTheirReaders(t *testing.T) {
	w := newToy(nil)
	for i := range 100 {
		u := Unit{Kind: toyKindRule}
		name := fmt.Sprint("n", i)
		w.values[name] = 1
		w.rules[u] = toyRule{names: []string{name}}
		w.eng.AddUnit(u)
		w.eng.Run()
		w.eng.RemoveUnit(u)
		w.eng.Run()
		w.eng.Dirty(Input{Kind: toyInputValue, S: name})
	}
	if n := len(w.eng.inputs); n > 1 {
		t.Fatalf("%d inputs are kept though nothing reads them: %v", n, slices.Collect(maps.Keys(w.eng.inputs)))
	}
}

// TestReadersComeAndGo: units that come and go leave nothing behind at an input that
// never changes, neither as a family's children nor by themselves.
func TestReadersComeAndGo(t *testing.T) {
	w := newToy(nil)
	w.values["n"] = 1
	id := w.set("s")
	f := Unit{Kind: toyKindFamily}
	one := Unit{Kind: toyKindRule}
	for m := range 10 {
		w.member["s"][m] = true
		w.eng.SetAdd(id, m)
	}
	for i := range 1000 {
		w.rules[f], w.rules[one], w.family[f] = toyRule{names: []string{"n"}}, toyRule{names: []string{"n"}}, "s"
		w.eng.AddFamily(f, id)
		w.eng.AddUnit(one)
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if err := w.eng.valid(); err != nil {
				t.Fatal(err)
			}
		}
		w.eng.RemoveFamily(f)
		w.eng.RemoveUnit(one)
		delete(w.rules, one)
		delete(w.family, f)
	}
	if n := len(w.eng.readers[w.eng.inputs[Input{Kind: toyInputValue, S: "n"}]].units); n > 2*leastReaders {
		t.Errorf("an input that 11 units read knows %d readers", n)
	}
}

// BenchmarkFamilyReplaced replaces a family of 250 children, as a logical flow of all
// switches whose text changes is, among as many units as a small and a large chassis
// have. All children read one input, and each one of its own.
func BenchmarkFamilyReplaced(b *testing.B) {
	for _, units := range []int{5_000, 500_000} {
		b.Run(fmt.Sprint(units), func(b *testing.B) {
			const children = 250
			own := make([]Input, children)
			for m := range own {
				own[m] = Input{Kind: 2, N: uint64(m)}
			}
			e := New(Config[toyFlow, toyRow, int]{
				Build: func(u Unit, r *Reads, out *Output[toyFlow, toyRow]) error {
					r.Read(Input{Kind: 1})
					r.Read(own[u.N])
					out.Flows = append(out.Flows, &toyFlow{u, 0, 0})
					return nil
				},
				Expand: func(toyRow, int) *toyFlow { return nil },
				ChildN: func(m int) uint64 { return uint64(m) },
			})
			s := e.NewSet()
			for m := range children {
				e.SetAdd(s, m)
			}
			name := func(i int) Unit {
				return Unit{Kind: 1, ID: [16]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}}
			}
			families := units / children
			for i := range families {
				e.AddFamily(name(i), s)
			}
			e.Run()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e.RemoveFamily(name(i))
				e.AddFamily(name(i+families), s)
				if r := e.Run(); len(r.Added) != children || len(r.Removed) != children {
					b.Fatal("a family is 250 flows")
				}
			}
		})
	}
}

package lflow

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// drawWorld fills what twinMatch names with random contents.
func drawWorld(t *rapid.T) *matchWorld {
	w := newMatchWorld()
	addresses := []string{"0.0.0.0", "0.0.0.1", "0.0.0.2/31", "0.0.0.6", "0.0.0.0/0"}
	for _, name := range []string{"a", "b", "none", "one"} {
		w.sets[name] = rapid.SliceOfNDistinct(rapid.SampledFrom(addresses), 0, 3, rapid.ID).Draw(t, name)
	}
	w.sets["six"] = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"::1", "::2", "::4/126"}), 0, 3, rapid.ID).Draw(t, "six")
	for _, name := range []string{"g", "g1", "g0"} {
		w.groups[name] = rapid.SliceOfNDistinct(rapid.SampledFrom([]uint32{1, 2, 3}), 0, 3, rapid.ID).Draw(t, name)
	}
	for i, name := range []string{"p1", "p2", "p3"} {
		if rapid.Bool().Draw(t, name) {
			w.ports[name] = uint32(i + 1)
		}
		w.resident[name] = rapid.Bool().Draw(t, name+" here")
		w.remote[uint32(i+1)] = rapid.Bool().Draw(t, name+" remote")
	}
	return w
}

// TestPlaceForgets places one Program in one world after the other: the result
// must be that of a Program just compiled, wherever it was placed before.
func TestPlaceForgets(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := twinMatch{rt}.expression(rapid.IntRange(1, 2).Draw(rt, "depth"), false)
		src := Source{Match: text, Actions: "next;", Ingress: true}
		c := Compiler{MaxFlows: 2000}
		old, err := c.Compile(src, newMatchWorld())
		if err != nil {
			if strings.Contains(err.Error(), "more than") {
				return
			}
			rt.Fatal(err)
		}
		for range 5 {
			w := drawWorld(rt)
			dp := Datapath{Key: rapid.Uint32Range(1, 3).Draw(rt, "dp"), Switch: rapid.Bool().Draw(rt, "switch")}
			want, wantErr := placeMatch(c, src, w, dp)
			reads := slices.Clone(w.reads)
			w.reads = nil
			got := new(Output)
			gotErr := old.Place(w, dp, [16]byte{1, 2, 3, 4}, got)
			if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
				rt.Fatalf("%s: error %v, fresh %v", text, gotErr, wantErr)
			}
			if wantErr != nil {
				continue
			}
			if a, b := formatOutput(got), formatOutput(want); a != b {
				rt.Fatalf("%s\n%s\nfresh:\n%s", text, a, b)
			}
			if !slices.Equal(reads, w.reads) {
				rt.Fatalf("%s: reads %v, fresh %v", text, w.reads, reads)
			}
		}
	})
}

// TestPlaceMatchConcurrently places one Program from several goroutines. It is for the
// race detector, and checks that all see the same.
func TestPlaceMatchConcurrently(t *testing.T) {
	w := twinWorld(t)
	p, err := Compile(Source{
		Match:   `is_chassis_resident("p1") && inport == @g && ip4.src == $a && ip4.dst == $one && (ip4.src == 0.0.0.1 || tcp)`,
		Actions: "next;", Ingress: true,
	}, w)
	if err != nil {
		t.Fatal(err)
	}
	results := make([]string, 8)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			mine := *w
			mine.reads = nil
			for range 20 {
				var out Output
				if err := p.Place(&mine, Datapath{Key: 7}, [16]byte{9}, &out); err != nil {
					results[i] = err.Error()
					return
				}
				results[i] = formatOutput(&out)
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		if r != results[0] || strings.Contains(r, "no flows") {
			t.Fatalf("%s\n%s", r, results[0])
		}
	}
}

// TestPlaceFields checks what a flow has besides match and actions.
func TestPlaceFields(t *testing.T) {
	w := twinWorld(t)
	owner := [16]byte{0xde, 0xad, 0xbe, 0xef, 5}
	for _, c := range []struct {
		actions string
		kind    openflow.FlowKind
	}{{"next;", openflow.FlowAllow}, {"drop;", openflow.FlowDrop}} {
		p, err := Compile(Source{Match: "ip4.src == {1.1.1.1, 2.2.2.2} && tcp.dst == {1, 2}", Actions: c.actions, Table: 3, Priority: 77}, w)
		if err != nil {
			t.Fatal(err)
		}
		var out Output
		if err := p.Place(w, Datapath{Key: 0x10203}, owner, &out); err != nil {
			t.Fatal(err)
		}
		if len(out.Flows) != 5 {
			t.Fatalf("%d flows", len(out.Flows))
		}
		for _, f := range out.Flows {
			kind := c.kind
			if _, _, ok := f.Match.Get(openflow.FieldConjID); !ok {
				kind = openflow.FlowConjunction
			}
			if f.Table != 51 || f.Priority != 77 || f.Cookie != 0xdeadbeef || f.Owner != owner || f.Kind != kind {
				t.Errorf("%+v, kind should be %d", f, kind)
			}
			if v, _, _ := f.Match.Get(openflow.FieldMetadata); v.Lo != 0x10203 {
				t.Errorf("metadata %#x", v.Lo)
			}
			if f.Kind == openflow.FlowConjunction && f.Actions != "" {
				t.Errorf("conjunction with actions %s", f.Actions)
			}
			again, err := openflow.DecodeMatch([]byte(f.Match))
			if err != nil || again != f.Match {
				t.Errorf("%x is not canonical: %x, %v", f.Match, again, err)
			}
		}
	}
}

// TestPlaceErrorAddsNothing: a set that is missing undoes the whole logical flow.
func TestPlaceErrorAddsNothing(t *testing.T) {
	w := twinWorld(t)
	p, err := Compile(Source{Match: "tcp || ip4.src == $missing", Actions: "next;"}, w)
	if err != nil {
		t.Fatal(err)
	}
	out := Output{Flows: []*openflow.Flow{{}}}
	if err := p.Place(w, Datapath{Key: 1}, [16]byte{}, &out); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("error %v", err)
	}
	if len(out.Flows) != 1 || len(out.Rows) != 0 {
		t.Errorf("%d flows, %d rows", len(out.Flows), len(out.Rows))
	}
}

// TestPlaceSharesActions: a load balancer's actions are encoded for each datapath, of
// which there are hundreds, and kept once.
func TestPlaceSharesActions(t *testing.T) {
	w := newMatchWorld()
	var backends []string
	for i := range 50 {
		backends = append(backends, fmt.Sprintf("10.0.0.%d:8080", i))
	}
	p, err := Compile(Source{Match: "ip4.dst == 1.2.3.4", Ingress: true, Table: 3,
		Actions: "ct_lb_mark(backends=" + strings.Join(backends, ",") + ");"}, w)
	if err != nil {
		t.Fatal(err)
	}
	var out Output
	place := func() {
		out.Reset()
		if err := p.Place(w, Datapath{Key: 5}, [16]byte{1}, &out); err != nil || len(out.Flows) != 1 {
			t.Fatalf("%d flows, %v", len(out.Flows), err)
		}
	}
	place()
	group := len(out.Flows[0].Symbols)
	var before, after runtime.MemStats
	const times = 100
	runtime.ReadMemStats(&before)
	for range times {
		place()
	}
	runtime.ReadMemStats(&after)
	if n := int(after.TotalAlloc-before.TotalAlloc) / times; n > group {
		t.Errorf("placing actions with a group of %d bytes once more allocates %d bytes", group, n)
	}
}

// TestPlaceActionsOfDatapath: what is shared is only what comes out the same.
func TestPlaceActionsOfDatapath(t *testing.T) {
	w := newMatchWorld()
	for _, actions := range []string{"ct_next;", "ct_lb_mark(backends=10.0.0.1:80);"} {
		src := Source{Match: "ip4", Actions: actions, Ingress: true, Table: 3}
		p, err := Compile(src, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, dp := range []Datapath{{Key: 5}, {Key: 6, Switch: true}, {Key: 7}} {
			var got, want Output
			fresh, err := Compile(src, w)
			if err == nil {
				err = errors.Join(fresh.Place(w, dp, [16]byte{1}, &want), p.Place(w, dp, [16]byte{1}, &got))
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Flows) != 1 || *got.Flows[0] != *want.Flows[0] {
				t.Errorf("%s on %+v: %v, not %v", actions, dp, got.Flows[0], want.Flows[0])
			}
		}
	}
}

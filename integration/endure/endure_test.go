package main

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
)

func TestMain(m *testing.M) { integration.Main(m) }

// TestLooks: each look finds nothing where nothing is wrong, and finds what is.
func TestLooks(t *testing.T) {
	t.Parallel()
	err := integration.Run("endure", nil, func(rt integration.T) {
		w := newWorld(rt, options{settle: 3 * time.Second}, 0)
		p := w.places[0]
		finds := func(what string, look func(*place) string, want string) {
			t.Helper()
			if got := look(p); want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s: found %q, want %q", what, got, want)
			}
		}
		southbound := func(*place) string { return w.southbound() }
		for _, look := range []func(*place) string{w.desired, w.leftover, southbound} {
			finds("at the start", look, "")
		}
		w.c.SB("set", "Port_Binding", "q2", "virtual_parent=q3")
		finds("what an agent has left in a port's row", southbound, "q3")

		p.VSCtl("set", "Open_vSwitch", ".", `external_ids:ovn-chassis-set-aside="cookie=0x7777"`)
		w.settle()
		p.OFCtl("add-flow", "br-int", "table=46,priority=7,cookie=0x7777,reg15=0x7 actions=drop")
		finds("a flow that the agent leaves alone", w.scratch, "reg15=0x7")
		finds("a flow that the agent leaves alone", w.reference, "reg15=0x7")
		finds("a flow that the agent leaves alone", w.leftover, "reg15=0x7")

		const priority = 30 // offset in a flow-mod
		p.toSwitch.Change(func(m integration.Message) {
			if inner, ok := m.Inner(); ok && inner.Type() == integration.TypeFlowMod {
				binary.BigEndian.PutUint16(inner.Data[priority:], 7)
			}
		})
		w.c.NB("acl-add sw0 to-lport 1000 'udp.dst == 99' drop")
		w.settle()
		finds("flows that reach the switch with another priority", w.desired, "missing flow")

		p.southbound.Set(integration.Faults{Hold: true})
		w.o.settle = time.Second
		w.c.NB("acl-del sw0")
		w.settle()
		t.Error("nothing is settled with a southbound connection that is silent")
	})
	if err == nil || !strings.Contains(err.Error(), "not settled (hv) after 1s") {
		t.Errorf("a southbound connection that is silent: %v", err)
	}
}

// busy is a process that takes a core for itself.
type busy struct{ began time.Time }

func (b busy) CPU() (time.Duration, error) { return time.Since(b.began), nil }

// TestGrown: growth and a busy agent are found, ups and downs are not.
func TestGrown(t *testing.T) {
	t.Parallel()
	if got, err := share(busy{time.Now()}, 10*time.Millisecond); err != nil || got < spinShare {
		t.Errorf("a busy agent takes %v of a core, %v", got, err)
	}
	series := func(grow func(i int, cp *checkpoint)) (all []checkpoint) {
		for i := range 20 {
			cp := checkpoint{goroutines: 28 + i%2, heap: int64(4+i%3) << 20, rss: int64(40+i%7) << 20}
			grow(i, &cp)
			all = append(all, cp)
		}
		return all
	}
	for _, c := range []struct {
		want string
		grow func(i int, cp *checkpoint)
	}{
		{"", func(i int, cp *checkpoint) {
			if i < 2 { // it warms up
				*cp = checkpoint{}
			}
		}},
		{"goroutines", func(i int, cp *checkpoint) { cp.goroutines += i }},
		{"heap", func(i int, cp *checkpoint) { cp.heap += int64(i) << 20 }},
		{"resident", func(i int, cp *checkpoint) { cp.rss += int64(i) << 21 }},
	} {
		if got := grown(series(c.grow)[:4]); got != "" {
			t.Errorf("after four checkpoints grown says %q", got)
		}
		if got := grown(series(c.grow)); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("grown says %q, want %q", got, c.want)
		}
	}
}

// TestFragments: those of this program can come and go, and have names of their own.
func TestFragments(t *testing.T) {
	names := map[string]bool{}
	for _, fr := range append(topology.Fragments(), topology.ParseFragments(fragments)...) {
		if names[fr.Name] || len(fr.On) == 0 || len(fr.Off) == 0 {
			t.Errorf("%s: twice, or not with lines to add and to remove", fr.Name)
		}
		names[fr.Name] = true
	}
}

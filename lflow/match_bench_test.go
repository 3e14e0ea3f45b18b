package lflow

import (
	"fmt"
	"strings"
	"testing"
)

func benchmarkWorld(b *testing.B) *benchView {
	w := newMatchWorld()
	w.define(b, "port lp1 1\nport lp2 2\nresident lp1\nresident cr-lr1\nset as1 10.0.0.1 10.0.0.2 10.0.0.3\nset one 10.0.0.1\ngroup pg1 1 2\ntemplate vip 192.0.2.1\n")
	return &benchView{w}
}

// benchView answers without noting reads.
type benchView struct{ *matchWorld }

func (w *benchView) Port(dp uint32, name string) (uint32, bool) {
	key, ok := w.ports[name]
	return key, ok
}
func (w *benchView) Resident(port string) bool       { return w.resident[port] }
func (w *benchView) LocalPort(dp, key uint32) bool   { return true }
func (w *benchView) AddressSetShape(SetKey) Shape    { return Shape{Kind: ShapeMany} }
func (w *benchView) PortGroupShape(SetKey) (s Shape) { return Shape{Kind: ShapeMany} }

// benchMatches are typical of what northd writes for an OVN-Kubernetes cluster.
var benchMatches = []struct{ name, match, actions string }{
	{"port", `outport == "lp1" && eth.dst == 0a:58:0a:f4:00:05`, "output;"},
	{"router", `ip4.dst == 10.244.0.0/16 && reg9[0..1] == 0 && eth.mcast == 0`, "ip.ttl--; reg8[0..15] = 0; next;"},
	{"arp", `inport == "lp1" && arp.op == 1 && arp.tpa == 10.0.0.1 && is_chassis_resident("cr-lr1")`, "next;"},
	{"lb", `ct.new && ip4.dst == 10.96.0.1 && reg1[16..23] == 6 && reg1[0..15] == 443`, "next;"},
	{"acl", `reg0[8] == 1 && (outport == @pg1 && ip4.src == $as1 && tcp && tcp.dst == {80, 443, 8080})`, "reg8[16] = 1; next;"},
	{"acl1", `reg0[8] == 1 && (outport == @pg1 && ip4.src == $one && tcp)`, "reg8[16] = 1; next;"},
}

// BenchmarkCompileACL compiles one logical flow.
func BenchmarkCompileACL(b *testing.B) {
	w := benchmarkWorld(b)
	for _, m := range benchMatches {
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			src := Source{Match: m.match, Actions: m.actions, Ingress: true}
			for b.Loop() {
				if _, err := Compile(src, w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPlace places one compiled logical flow on one datapath.
func BenchmarkPlace(b *testing.B) {
	w := benchmarkWorld(b)
	for _, m := range benchMatches {
		b.Run(m.name, func(b *testing.B) {
			p, err := Compile(Source{Match: m.match, Actions: m.actions, Ingress: true}, w)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var out Output
			dp := Datapath{Key: 1, Switch: true}
			for b.Loop() {
				out.Reset()
				dp.Key = dp.Key%1000 + 1
				if err := p.Place(w, dp, [16]byte{1}, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLargeList compiles a match on 5,000 addresses.
func BenchmarkLargeList(b *testing.B) {
	w := benchmarkWorld(b)
	var list []string
	for i := range 5000 {
		list = append(list, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	src := Source{Match: "ip4.src == {" + strings.Join(list, ", ") + "} && tcp.dst == {80, 443}", Actions: "next;", Ingress: true}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(src, w); err != nil {
			b.Fatal(err)
		}
	}
}

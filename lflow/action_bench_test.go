package lflow

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// usualActions are actions as ovn-northd writes them for most logical flows.
var usualActions = []string{
	`next;`,
	`output;`,
	`outport = "lp1"; output;`,
	`reg0[0] = 1; next;`,
	`ip.ttl--; reg8[0..15] = 0; reg0 = ip4.dst; reg1 = 10.0.0.254; eth.src = 00:00:00:00:ff:01; outport = "lp2"; flags.loopback = 1; next;`,
	`ct_next(dnat);`,
	`ct_commit { ct_mark.blocked = 0; ct_mark.allow_established = reg0[20]; ct_label.acl_id = reg2[16..31]; }; next;`,
	`reg4 = 10.96.0.1; reg2[0..15] = 443; ct_lb_mark(backends=10.0.0.1:6443,10.0.0.2:6443,10.0.0.3:6443);`,
	`reg8[16] = 1; reg8[7] = 0; next;`,
	`eth.dst = eth.src; eth.src = 00:00:00:00:00:01; arp.op = 2; arp.tha = arp.sha; arp.sha = 00:00:00:00:00:01; arp.tpa = arp.spa; arp.spa = 10.0.0.1; outport = inport; flags.loopback = 1; output;`,
	`reg0[5] = put_dhcp_opts(offerip = 10.0.0.4, lease_time = 3600, netmask = 255.255.255.0, router = 10.0.0.1, server_id = 10.0.0.1); next;`,
	`arp { eth.dst = ff:ff:ff:ff:ff:ff; arp.spa = reg1; arp.tpa = reg0; arp.op = 1; output; };`,
}

// BenchmarkParseActions is the cost of parsing twelve usual action lists.
func BenchmarkParseActions(b *testing.B) {
	b.ReportAllocs()
	syms := Symbols(false)
	for b.Loop() {
		for _, text := range usualActions {
			if _, _, err := parseActionList(text, Source{Ingress: true, Table: 3}, actionEnv{}, syms); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEncodeActions is the cost of encoding the same for one datapath, as
// for the lists that have to be encoded at each placement.
func BenchmarkEncodeActions(b *testing.B) {
	var lists []*actionList
	for _, text := range usualActions {
		l, _, err := parseActionList(text, Source{Ingress: true, Table: 3}, actionEnv{}, Symbols(false))
		if err != nil {
			b.Fatal(err)
		}
		lists = append(lists, l)
	}
	var builder openflow.ActionBuilder
	ctx := encodeCtx{View: actionView{}, Datapath: Datapath{Key: 5, Switch: true}}
	b.ReportAllocs()
	for b.Loop() {
		for _, l := range lists {
			builder.Reset()
			if err := l.encode(&ctx, &builder); err != nil {
				b.Fatal(err)
			}
		}
	}
}

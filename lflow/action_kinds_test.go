package lflow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// actionKinds are the kinds of action that OVN 26.03 knows, each with text that
// only it has in a logical flow. ovn-sb(5) documents most of them.
var actionKinds = []string{
	"output;", "next;", "reg0 = 5;", "reg0 = reg1;", "push(", "pop(", "<->", "ip.ttl--;",
	"ct_next", "ct_commit {", "ct_commit_to_zone(", "ct_dnat", "ct_snat",
	"ct_dnat_in_czone", "ct_snat_in_czone", "ct_lb(", "ct_lb_mark(", "ct_lb_mark_local(",
	"= select(", "ct_clear;", "ct_commit_nat", "clone {", "arp {", "icmp4 {", "icmp4_error {",
	"icmp6 {", "igmp;", "tcp_reset {", "nd_na {", "nd_na_router {", "get_arp(", "put_arp(",
	"= lookup_arp(", "= lookup_arp_ip(", "get_nd(", "put_nd(", "= lookup_nd(", "= lookup_nd_ip(",
	"= put_dhcp_opts(", "= put_dhcpv6_opts(", "= dhcp_relay_req_chk(", "= dhcp_relay_resp_chk(",
	"set_queue(", "= dns_lookup(", "log(", "= put_nd_ra_opts(", "nd_ns {", "set_meter(",
	"icmp4.frag_mtu =", "icmp6.frag_mtu =", "= check_pkt_larger(", "trigger_event(", "bind_vport(",
	"handle_svc_check(", "fwd_group(", "handle_dhcpv6_reply;", "icmp6_error {", "reject {",
	"= chk_lb_hairpin(", "= chk_lb_hairpin_reply(", "ct_snat_to_vip;", "handle_bfd_msg(",
	"sctp_abort {", "put_fdb(", "= get_fdb(", "= get_remote_fdb(", "= lookup_fdb(",
	"= check_in_port_sec(", "= check_out_port_sec(", "commit_ecmp_nh(", "= chk_ecmp_nh_mac(",
	"= chk_ecmp_nh(", "commit_lb_aff(", "= chk_lb_aff(", "sample(", "mac_cache_use;",
	"= ct_nw_dst(", "= ct_ip6_dst(", "= ct_tp_dst(", "= ct_proto(", "flood_remote;",
	"= ct_state_save(", "mirror(",
}

// eachGolden calls f for each logical flow of testdata/actions that compiles.
func eachGolden(t testing.TB, f func(c actionCase, p *Program)) {
	t.Helper()
	files, err := filepath.Glob("testdata/actions/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "\n\n") {
			i := strings.Index(part, "encode")
			j := strings.Index(part, "\n----\n")
			if i < 0 || j < 0 || strings.Contains(part, "\nerror: ") {
				continue
			}
			head, input, _ := strings.Cut(part[i:j], "\n")
			d := &datadriven.TestData{Pos: file, Input: input}
			for arg := range strings.FieldsSeq(head[len("encode"):]) {
				key, value, _ := strings.Cut(arg, "=")
				d.CmdArgs = append(d.CmdArgs, datadriven.CmdArg{Key: key, Vals: []string{value}})
			}
			c := newActionCase(t, d)
			p, err := Compile(c.src, c.env)
			if err != nil {
				t.Fatalf("%s: %s: %v", file, input, err)
			}
			f(c, p)
		}
	}
}

// TestActionKinds makes sure that each kind of action has goldens that compile.
func TestActionKinds(t *testing.T) {
	if n := len(actionKinds); n != 83 { // 82, of which one has two names
		t.Errorf("%d kinds", n)
	}
	seen := map[string]bool{}
	eachGolden(t, func(c actionCase, _ *Program) {
		for _, kind := range actionKinds {
			if strings.Contains(c.src.Actions, kind) {
				seen[kind] = true
			}
		}
	})
	for _, kind := range actionKinds {
		if !seen[kind] {
			t.Errorf("%q is in no golden", kind)
		}
	}
}

// otherView gives ports other keys and places than actionView.
type otherView struct{ actionView }

func (otherView) Port(dp uint32, name string) (uint32, bool) {
	key, ok := actionView{}.Port(dp, name)
	return key + 100, ok
}
func (otherView) LocalPortByName(p string) bool        { return !actionView{}.LocalPortByName(p) }
func (otherView) TunnelOfport(p string) (uint32, bool) { return 5, true }

// TestActionNeeds checks that actions say what their encoding depends on: what
// is not declared must not change it.
func TestActionNeeds(t *testing.T) {
	type place struct {
		need need
		view View
		dp   Datapath
		own  [16]byte
	}
	places := []place{
		{0, actionView{}, Datapath{Key: 5, Switch: true}, [16]byte{1}},
		{needPorts, otherView{}, Datapath{Key: 5, Switch: true}, [16]byte{1}},
		{needOwner, actionView{}, Datapath{Key: 5, Switch: true}, [16]byte{2}},
		{needDatapath | needPorts, actionView{}, Datapath{Key: 6}, [16]byte{1}},
		{needDatapath | needPorts, actionView{}, Datapath{Key: 7, SNATZoneCommon: true}, [16]byte{1}},
	}
	differed := need(0)
	eachGolden(t, func(c actionCase, p *Program) {
		var first string
		for i, at := range places {
			ctx := encodeCtx{View: at.view, Datapath: at.dp, Owner: at.own, Meter: c.src.Meter}
			var b openflow.ActionBuilder
			if err := p.actions.encode(&ctx, &b); err != nil {
				t.Fatalf("%s: %v", c.src.Actions, err)
			}
			got := fmt.Sprintf("%x %x", b.Actions(), b.Symbols())
			switch {
			case i == 0:
				first = got
			case got != first && p.actions.need&at.need == 0:
				t.Errorf("%s: place %d changes the encoding, needs are %b", c.src.Actions, i, p.actions.need)
			case got != first:
				differed |= at.need & p.actions.need
			}
		}
	})
	if differed != needPorts|needDatapath|needOwner {
		t.Errorf("only needs %b made a difference", differed)
	}
}

// TestActionsWithoutMeters: a switch without meters is not told of any.
func TestActionsWithoutMeters(t *testing.T) {
	src := Source{Match: "1", Actions: `log(verdict=drop, meter="m"); igmp; icmp4 { igmp; };`, Ingress: true, Meter: "n"}
	for _, off := range []bool{false, true} {
		p, err := Compile(src, actionEnv{map[EnvFlag]bool{FlagMeters: off}})
		if err != nil {
			t.Fatal(err)
		}
		var out Output
		if err := p.Place(actionView{}, Datapath{Key: 5}, [16]byte{}, &out); err != nil {
			t.Fatal(err)
		}
		want := 4
		if off {
			want = 0
		}
		if n := len(out.Flows[0].Symbols.List()); n != want {
			t.Errorf("meters off %v: %d meters, want %d", off, n, want)
		}
	}
}

// TestActionTooLong: what does not fit an OpenFlow action is an error of that
// logical flow.
func TestActionTooLong(t *testing.T) {
	deep := strings.Repeat("clone { ", maxActionDepth) + strings.Repeat("}; ", maxActionDepth)
	tests := []struct{ actions, want string }{
		{"clone { " + strings.Repeat("next; ", 5000) + "};", "longer"},
		{"icmp4 { " + strings.Repeat("next; ", 5000) + "};", "longer"},
		{"ct_commit { " + strings.Repeat("ct_mark = reg0; ", 3000) + "};", "longer"},
		{"reg0[0] = put_dhcp_opts(offerip=1.1.1.1, domain_name=\"" + strings.Repeat("x", 256) + "\");", "255"},
		{"reg0[0] = put_dhcp_opts(offerip=1.1.1.1, dns_server={" + strings.Repeat("1.1.1.1, ", 64) + "});", "255"},
		{"reg0[0] = put_dhcpv6_opts(fqdn=\"" + strings.Repeat("x.", 40000) + "\");", "65535"},
		{deep, "deep"},
	}
	for _, test := range tests {
		p, err := Compile(Source{Match: "1", Actions: test.actions, Ingress: true}, actionEnv{})
		if err == nil {
			err = p.Place(actionView{}, Datapath{Key: 5}, [16]byte{}, &Output{})
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40s…: error %v, want one with %q", test.actions, err, test.want)
		}
	}
}

// TestPlaceConcurrently places each golden from several goroutines: a Program is
// shared, and so is what it has encoded.
func TestPlaceConcurrently(t *testing.T) {
	eachGolden(t, func(c actionCase, p *Program) {
		var outs [4]Output
		var wg sync.WaitGroup
		for i := range outs {
			wg.Go(func() {
				if err := p.Place(actionView{}, c.dp, c.owner, &outs[i]); err != nil {
					t.Errorf("%s: %v", c.src.Actions, err)
				}
			})
		}
		wg.Wait()
		for i := range outs {
			for j, f := range outs[i].Flows {
				if *f != *outs[0].Flows[j] {
					t.Errorf("%s: %s and %s", c.src.Actions, f, outs[0].Flows[j])
				}
			}
		}
	})
}

package lflow

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// actionEnv is the chassis on which the goldens of testdata/actions_* were
// taken: Open vSwitch 3.7.1 with its userspace datapath, OVN 26.03.1, and the
// DHCP options that ovn-northd writes.
type actionEnv struct{ off map[EnvFlag]bool }

func (e actionEnv) Template(string) (string, bool) { return "", false }
func (e actionEnv) Collector(id uint32) bool       { return id == 100 || id == 1000 }
func (e actionEnv) Flag(f EnvFlag) bool            { return !e.off[f] }

func (e actionEnv) DHCPOption(name string) (DHCPOption, bool) {
	o, ok := dhcpv4Options[name]
	return o, ok
}

func (e actionEnv) DHCPv6Option(name string) (DHCPOption, bool) {
	o, ok := dhcpv6Options[name]
	return o, ok
}

var dhcpv4Options = map[string]DHCPOption{
	"offerip": {0, "ipv4"}, "netmask": {1, "ipv4"}, "router": {3, "ipv4"}, "dns_server": {6, "ipv4"},
	"log_server": {7, "ipv4"}, "lpr_server": {9, "ipv4"}, "hostname": {12, "str"},
	"domain_name": {15, "str"}, "swap_server": {16, "ipv4"}, "ip_forward_enable": {19, "bool"},
	"policy_filter": {21, "ipv4"}, "default_ttl": {23, "uint8"}, "mtu": {26, "uint16"},
	"broadcast_address": {28, "ipv4"}, "router_discovery": {31, "bool"},
	"router_solicitation": {32, "ipv4"}, "arp_cache_timeout": {35, "uint32"},
	"ethernet_encap": {36, "bool"}, "tcp_ttl": {37, "uint8"}, "tcp_keepalive_interval": {38, "uint32"},
	"nis_server": {41, "ipv4"}, "ntp_server": {42, "ipv4"}, "netbios_name_server": {44, "ipv4"},
	"netbios_node_type": {46, "uint8"}, "lease_time": {51, "uint32"}, "server_id": {54, "ipv4"},
	"T1": {58, "uint32"}, "T2": {59, "uint32"}, "tftp_server": {66, "host_id"},
	"bootfile_name": {67, "str"}, "domain_search_list": {119, "domains"},
	"classless_static_route": {121, "static_routes"}, "tftp_server_address": {150, "ipv4"},
	"path_prefix": {210, "str"}, "ms_classless_static_route": {249, "static_routes"},
	"wpad": {252, "str"}, "next_server": {253, "ipv4"}, "bootfile_name_alt": {254, "str"},
}

var dhcpv6Options = map[string]DHCPOption{
	"server_id": {2, "mac"}, "ia_addr": {5, "ipv6"}, "dns_server": {23, "ipv6"},
	"domain_search": {24, "str"}, "fqdn": {39, "domain"}, "bootfile_name": {59, "str"},
	"bootfile_name_alt": {254, "str"},
}

// actionView is the topology of the goldens: switch sw0 (key 5) with ports bound
// here and lp3 elsewhere, routers lr0 (6) and lr1 (7).
type actionView struct{}

var actionPorts = map[uint32]map[string]uint32{
	5: {"lp1": 11, "lp2": 12, "lp3": 13, "lp4": 14, "lp8": 8, "lp9": 9, "_MC_flood": 32768},
	6: {"lr0-sw0": 21},
}

func (actionView) Port(dp uint32, name string) (uint32, bool) {
	key, ok := actionPorts[dp][name]
	return key, ok
}
func (actionView) Resident(port string) bool  { return port == "lp1" }
func (actionView) LocalPort(_, _ uint32) bool { return true }
func (actionView) LocalPortByName(p string) bool {
	return p == "lp1" || p == "lp2" || p == "lp4"
}
func (actionView) TunnelOfport(p string) (uint32, bool) {
	return 4, p == "lp9"
}
func (actionView) AddressSetShape(SetKey) Shape      { return Shape{Kind: ShapeNone} }
func (actionView) AddressSetMembers(SetKey) []Member { return nil }
func (actionView) PortGroupShape(SetKey) Shape       { return Shape{Kind: ShapeNone} }
func (actionView) PortGroupMembers(SetKey) []Member  { return nil }

// actionCase is one logical flow of the goldens.
type actionCase struct {
	src   Source
	env   actionEnv
	dp    Datapath
	owner [16]byte
}

func newActionCase(t testing.TB, d *datadriven.TestData) actionCase {
	c := actionCase{
		src: Source{Match: "1", Actions: d.Input, Ingress: true, Table: 10, Priority: 1000},
		env: actionEnv{map[EnvFlag]bool{}},
		dp:  Datapath{Key: 5, Switch: true},
	}
	for _, arg := range d.CmdArgs {
		value := ""
		if len(arg.Vals) > 0 {
			value = arg.Vals[0]
		}
		switch arg.Key {
		case "dp":
			switch value {
			case "lr0":
				c.dp = Datapath{Key: 6}
			case "lr1":
				c.dp = Datapath{Key: 7, SNATZoneCommon: true}
			}
		case "egress":
			c.src.Ingress = false
		case "table":
			n, err := strconv.ParseUint(value, 10, 8)
			if err != nil {
				t.Fatal(d.Pos, err)
			}
			c.src.Table = uint8(n)
		case "meter":
			c.src.Meter = value
		case "given":
			c.src.Match = strings.ReplaceAll(value, ".", " && ")
		case "uuid":
			b, err := hex.DecodeString(value)
			if err != nil || len(b) != 4 {
				t.Fatal(d.Pos, "uuid takes eight digits")
			}
			copy(c.owner[:], b)
		case "implicit-output":
			c.env.off[FlagExplicitARPNSOutput] = true
		case "old-registers":
			c.env.off[FlagRegisterConsolidation] = true
		case "no-zero-snat":
			c.env.off[FlagCtZeroSNAT] = true
		case "no-l4-sym":
			c.env.off[FlagHashL4Sym] = true
		case "no-meters":
			c.env.off[FlagMeters] = true
		case "alone": // said to the reference: a switch without other groups
		default:
			t.Fatal(d.Pos, "unknown argument", arg.Key)
		}
	}
	c.owner[6], c.owner[8] = 0x40, 0x80
	return c
}

// TestActions compares what logical actions become with what the C agent of OVN
// 26.03 installs for them. The outputs were taken from that agent's switch with
// ovs-ofctl -O OpenFlow15 dump-flows and dump-groups, with groups and meters
// numbered from 1 in the order they come; the metadata match is left out. Texts
// of errors are our own. Run with -rewrite only to change those: a changed
// encoding has to come from the reference.
func TestActions(t *testing.T) {
	datadriven.Walk(t, "testdata/actions", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c := newActionCase(t, d)
			p, err := Compile(c.src, c.env)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			var out Output
			if err := p.Place(actionView{}, c.dp, c.owner, &out); err != nil {
				return "error: " + err.Error() + "\n"
			}
			return formatFlows(t, &c, out.Flows)
		})
	})
}

// formatFlows writes the matches of flows that share their actions, and these.
func formatFlows(t testing.TB, c *actionCase, flows []*openflow.Flow) string {
	var b strings.Builder
	var matches []string
	for _, f := range flows {
		if f.Actions != flows[0].Actions || f.Symbols != flows[0].Symbols {
			t.Fatalf("flows of one logical flow differ: %s, %s", f, flows[0])
		}
		var parts []string
		for part := range strings.SplitSeq(f.Match.String(), ",") {
			if part != "" && !strings.HasPrefix(part, "metadata=") {
				parts = append(parts, part)
			}
		}
		if m := strings.Join(parts, ","); m != "" {
			matches = append(matches, "match="+m+"\n")
		}
	}
	slices.Sort(matches)
	for _, m := range matches {
		b.WriteString(m)
	}
	if len(flows) == 0 {
		return "no flow\n"
	}
	actions, notes := resolveSymbols(t, c, flows[0].Actions, flows[0].Symbols)
	text := actions.String()
	if text == "" {
		text = "drop"
	}
	fmt.Fprintf(&b, "actions=%s\n%s", text, notes)
	// What was encoded is what decoding gives back.
	again, err := openflow.DecodeActions([]byte(actions))
	if err != nil {
		t.Errorf("%s: %v", text, err)
	} else if again != actions {
		t.Errorf("%s is not canonical:\n%x\n%x", text, actions, again)
	}
	return b.String()
}

// resolveSymbols numbers groups and meters from 1, as the reference did.
func resolveSymbols(t testing.TB, c *actionCase, a openflow.Actions, s openflow.Symbols) (openflow.Actions, string) {
	list := s.List()
	slices.SortFunc(list, func(x, y openflow.Symbol) int { return int(x.Offset) - int(y.Offset) })
	var groups, meters []string
	if c.src.Meter != "" {
		meters = append(meters, c.src.Meter)
	}
	number := func(known *[]string, content string) uint32 {
		i := slices.Index(*known, content)
		if i < 0 {
			i = len(*known)
			*known = append(*known, content)
		}
		return uint32(i + 1)
	}
	used := map[string]bool{}
	for _, sym := range list {
		switch sym.Kind {
		case openflow.SymGroup:
			a = a.PatchU32(sym.Offset, number(&groups, sym.Content))
		case openflow.SymMeter:
			a = a.PatchU32(sym.Offset, number(&meters, sym.Content))
		}
		used[sym.Content] = true
	}
	var b strings.Builder
	for i, g := range groups {
		spec, err := openflow.DecodeGroup([]byte(g))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "group %d: %s\n", i+1, formatGroup(spec))
	}
	for i, m := range meters {
		if used[m] {
			fmt.Fprintf(&b, "meter %d: %s\n", i+1, m)
		}
	}
	return a, b.String()
}

// formatGroup writes a select group like ovs-ofctl dump-groups.
func formatGroup(g *openflow.GroupSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "type=select,selection_method=%s", g.SelectionMethod)
	if g.SelectionParam != 0 {
		fmt.Fprintf(&b, ",selection_method_param=%d", g.SelectionParam)
	}
	if len(g.Fields) > 0 {
		names := make([]string, len(g.Fields))
		for i, f := range g.Fields {
			names[i] = f.Name()
		}
		fmt.Fprintf(&b, ",fields(%s)", strings.Join(names, ","))
	}
	for _, k := range g.Buckets {
		fmt.Fprintf(&b, ",bucket=bucket_id:%d", k.ID)
		if k.Weight != 1 {
			fmt.Fprintf(&b, ",weight:%d", k.Weight)
		}
		if k.WatchPort != 0 {
			fmt.Fprintf(&b, ",watch_port:%d", k.WatchPort)
		}
		fmt.Fprintf(&b, ",actions=%s", k.Actions)
	}
	return b.String()
}

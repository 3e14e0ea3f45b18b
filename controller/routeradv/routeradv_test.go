package routeradv

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func options(more ...string) ovsdb.Map {
	m := ovsdb.NewMap("ipv6_ra_send_periodic", "true", "ipv6_ra_address_mode", "slaac", "ipv6_ra_src_eth", "02:00:00:00:00:0a",
		"ipv6_ra_src_addr", "fe80::1", "peer", "sw-lr")
	for i := 0; i < len(more); i += 2 {
		m = m.With(more[i], more[i+1])
	}
	return m
}

func TestParse(t *testing.T) {
	a, err := parse(options("ipv6_ra_prefixes", "fd01::/64 fd02::/60", "ipv6_ra_mtu", "1442", "ipv6_ra_prf", "LOW",
		"ipv6_ra_rdnss", "fd01::53", "ipv6_ra_dnssl", "ovn.org,a.b", "ipv6_ra_route_info", "HIGH-fd03::/48,MEDIUM-::/0,x,LOW-fd04::/48"))
	if err != nil {
		t.Fatal(err)
	}
	if a.MinInterval != 200*time.Second || a.MaxInterval != 600*time.Second || a.MTU != 1442 || a.Preference != pinctrl.LowPreference ||
		!a.Autonomous || a.Managed || a.Other || a.From != netip.MustParseAddr("fe80::1") || len(a.Prefixes) != 2 ||
		a.RDNSS != netip.MustParseAddr("fd01::53") || !slices.Equal(a.DNSSL, []string{"ovn.org", "a.b"}) ||
		len(a.Routes) != 2 || a.Routes[0].Preference != pinctrl.HighPreference || a.Routes[1].Prefix.Bits() != 0 {
		t.Errorf("read %+v", a)
	}
	for _, bad := range [][2]string{
		{"ipv6_ra_address_mode", "x"}, {"ipv6_ra_src_eth", "x"}, {"ipv6_ra_src_addr", "10.0.0.1"},
		{"ipv6_ra_prefixes", "10.0.0.0/8"}, {"ipv6_ra_rdnss", "x"},
	} {
		if _, err := parse(options(bad[0], bad[1])); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if a, err = parse(options("ipv6_ra_max_interval", "4", "ipv6_ra_address_mode", "dhcpv6_stateful")); err != nil ||
		a.MinInterval != 3*time.Second || !a.Managed || a.Autonomous {
		t.Errorf("read %+v, %v", a, err)
	}
}

func TestRun(t *testing.T) {
	sb, d := replica.NewSB(sbdb.NewDB()), New(slog.New(slog.DiscardHandler))
	sw, lr := ovsdb.UUID{1}, ovsdb.UUID{2}
	local := true
	run := func(changed []ovsdb.UUID, change func(*sbdb.Update)) map[string]*pinctrl.RouterAdvertisement {
		u := &sbdb.Update{}
		change(u)
		return d.Run(Inputs{SB: sb, IsLocal: func(id ovsdb.UUID) bool { return local && id == sw }, Changes: sb.DB.Apply(u), Changed: changed})
	}
	port := func(o ovsdb.Map, typ string) func(*sbdb.Update) {
		return func(u *sbdb.Update) {
			u.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{3}, Datapath: lr, LogicalPort: "lr-sw", Type: typ, Options: o})
		}
	}
	nothing := func(*sbdb.Update) {}
	if got := run(nil, port(options(), "patch")); len(got) != 0 {
		t.Errorf("without its peer: %v", got)
	}
	got := run(nil, func(u *sbdb.Update) {
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: sw, TunnelKey: 7})
		u.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{4}, Datapath: sw, LogicalPort: "sw-lr", TunnelKey: 5, Type: "patch", Options: ovsdb.NewMap("peer", "lr-sw")})
	})
	a := got["lr-sw"]
	if a == nil || (a.In != pinctrl.PortKey{Datapath: 7, Port: 5}) || a.Override {
		t.Fatalf("advertised %v", got)
	}
	if got := run(nil, port(options(), "l3gateway")); got["lr-sw"] == nil || !got["lr-sw"].Override {
		t.Errorf("as a gateway: %v", got)
	}
	local = false
	if got := run([]ovsdb.UUID{sw}, nothing); len(got) != 1 || got["lr-sw"] != nil {
		t.Errorf("with the switch gone: %v", got)
	}
	local = true
	if got := run([]ovsdb.UUID{sw}, nothing); got["lr-sw"] == nil {
		t.Errorf("with the switch back: %v", got)
	}
	if got := run(nil, port(ovsdb.NewMap("peer", "sw-lr"), "patch")); len(got) != 1 || got["lr-sw"] != nil || len(d.ports) != 0 {
		t.Errorf("switched off: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("600", "fd01::/64", "ovn.org", "HIGH-fd03::/48")
	f.Fuzz(func(t *testing.T, interval, prefixes, domains, routes string) {
		_, _ = parse(options("ipv6_ra_max_interval", interval, "ipv6_ra_prefixes", prefixes, "ipv6_ra_dnssl", domains, "ipv6_ra_route_info", routes))
	})
}

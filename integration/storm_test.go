package integration_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// stormNetwork is two switches on a router, with DHCP, DNS, snooping and ports that
// refuse.
const stormNetwork = `
set Logical_Switch sw0 other_config:subnet=10.0.0.0/24 other_config:mcast_snoop=true
--id=@d4 create DHCP_Options cidr=10.0.0.0/24 options:server_id=10.0.0.254 options:server_mac="\"00:00:00:00:ff:01\"" options:lease_time=3600 options:router=10.0.0.254 -- set Logical_Switch_Port p1 dhcpv4_options=@d4 -- set Logical_Switch_Port p2 dhcpv4_options=@d4
--id=@n create DNS records:vm2.ovn.org=10.0.1.2 -- set Logical_Switch sw0 dns_records=@n
acl-add sw0 from-lport 1000 'inport == "p1" && tcp.dst == 0..32767' reject
`

// TestPacketStorm: while one port floods the agent, another gets its addresses, the
// agent's memory stays bounded, nobody loses a connection, and the counters say
// what happened. integration/soak does the same for longer and to the letter.
func TestPacketStorm(t *testing.T) {
	t.Parallel()
	const metrics = "127.0.0.1:9476"
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	hv1 := c.AddBareChassis("hv1")
	var extra []string
	if !c.Reference() {
		extra = []string{"--metrics=" + metrics}
	}
	agent := hv1.StartAgent(extra...)
	c.NB(routed + port(0, 1) + port(0, 2) + stormNetwork)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	integration.WaitFor(t, 10*time.Second, "DHCP at rest", func() error {
		return atLeast(len(g2.RequestOffers(20*time.Millisecond, 10*time.Millisecond).Took), 1)
	})
	router, _ := net.ParseMAC("00:00:00:00:ff:01")
	before, err := agent.RSS()
	if err != nil {
		t.Fatal(err)
	}
	storm := g1.Storm(integration.StormSpec{Router: router, RouterIP: netip.MustParseAddr("10.0.0.254"),
		Unresolved: netip.MustParsePrefix("10.0.1.0/24"), Seed: 1})
	offers := g2.RequestOffers(2*time.Second, 10*time.Millisecond)
	storm.Stop()
	t.Logf("%d packets sent, %v", storm.Sent(), offers)
	// Exact figures are for a machine that does nothing else: integration/soak.
	if p := offers.Percentile(50); p > time.Second {
		t.Errorf("DHCP of another port: %v", offers)
	}
	after, err := agent.RSS()
	if err != nil {
		t.Fatal(err)
	}
	const room = 64 << 20
	if after > before+room {
		t.Errorf("the agent's memory grew from %d to %d MB", before>>20, after>>20)
	}
	if c.Reference() {
		return
	}
	m, err := agent.Scrape(metrics)
	if err != nil {
		t.Fatal(err)
	}
	total := func(prefix string) (n float64) {
		for name, v := range m {
			if strings.HasPrefix(name, "ovn_controller_"+prefix) {
				n += v
			}
		}
		return n
	}
	for name, least := range map[string]float64{
		"packet_in_received_total": 500, `packet_in_received_total{action="put_dhcp_opts"}`: 10,
		`packet_in_answered_total{action="put_dhcp_opts"}`: float64(len(offers.Took)), "packet_in_dropped_total": 1,
		"packet_in_connected": 1, `database_connected{database="southbound"}`: 1, `flows{state="installed"}`: 100,
		"bundles_total": 1, "rounds_total": 1, "units_built_total": 1, "packet_in_queue_seconds_count": 500,
		"switch_packet_in_dropped_total": 0, "loop_responding": 1,
	} {
		if got := total(name); got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
	for name, want := range map[string]float64{"packet_in_panics_total": 0, "switch_connects_total": 1} {
		if got := total(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if _, ok := m[`ovn_controller_switch_packet_in_dropped_total{where="connection"}`]; !ok {
		t.Error("the switch's drops are not told")
	}
	show, err := agent.Ctl("packet-in/show")
	if err != nil || !strings.Contains(show, "dropped ") || !strings.Contains(show, "put_dhcp_opts") {
		t.Errorf("packet-in/show: %v\n%s", err, show)
	}
	if agent.Logged("panic") {
		t.Error("a handler panicked")
	}
}

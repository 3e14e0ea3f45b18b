package integration_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// arpAnswer is an ARP answer from one host to another, or to everybody.
func arpAnswer(from, to, spa, tpa string) []byte {
	src, _ := net.ParseMAC(from)
	dst, _ := net.ParseMAC(to)
	b := append(append([]byte{}, dst...), src...)
	b = append(b, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2)
	a, t := netip.MustParseAddr(spa).As4(), netip.MustParseAddr(tpa).As4()
	b = append(append(b, src...), a[:]...)
	return append(append(b, dst...), t[:]...)
}

const everybody = "ff:ff:ff:ff:ff:ff"

// asksFor matches ARP requests and neighbour solicitations for an address.
func asksFor(addr string) func([]byte) bool {
	ip := netip.MustParseAddr(addr)
	return func(b []byte) bool {
		switch {
		case ip.Is4() && len(b) >= 42 && b[12] == 8 && b[13] == 6 && b[21] == 1:
			return netip.AddrFrom4([4]byte(b[38:42])) == ip
		case ip.Is6() && len(b) >= 78 && b[12] == 0x86 && b[13] == 0xdd && b[20] == 58 && b[54] == 135:
			return netip.AddrFrom16([16]byte(b[62:78])) == ip
		}
		return false
	}
}

// binding is a column of the MAC_Binding of an address, "" if there is none.
func binding(c *integration.Cluster, column, ip string) string {
	return c.SB("--bare", "--columns="+column, "find", "MAC_Binding", "ip="+quoted(ip))
}

func learned(t *testing.T, c *integration.Cluster, ip string) {
	t.Helper()
	integration.WaitFor(t, 5*time.Second, "MAC_Binding of "+ip, func() error {
		if binding(c, "_uuid", ip) == "" {
			return errors.New("none")
		}
		return nil
	})
}

// unknown is the northbound script for guest n of a subnet whose addresses the
// network has to learn.
func unknown(subnet, n int) string {
	return fmt.Sprintf("lsp-add sw%d p%d\nlsp-set-addresses p%[2]d unknown\n", subnet, n)
}

// TestRequestsLimited: 400 packets in four seconds to an address that nobody has
// are a request a second, not one for each packet.
func TestRequestsLimited(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + unknown(1, 2))
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	seen := g2.Capture()
	loops := []*integration.PingLoop{g1.PingLoop("10.0.1.99", 10*time.Millisecond), g1.PingLoop("fd00:1::99", 10*time.Millisecond)}
	time.Sleep(4 * time.Second) // the rate is what is tested
	for _, l := range loops {
		loss := l.Stop()
		n := map[int]int{0: seen.Count(asksFor("10.0.1.99")), 1: seen.Count(asksFor("fd00:1::99"))}
		t.Logf("%v: %d ARP requests, %d solicitations", loss, n[0], n[1])
		for i, n := range n {
			switch {
			case c.Reference():
			case n < 3 || n > 6:
				t.Errorf("family %d: %d requests in four seconds", i, n)
			}
		}
	}
}

// TestAgeing: with a threshold of two seconds, neighbours and addresses on switches
// that are in use keep their rows, one that is only sent to is asked for, and those
// that are not in use go.
func TestAgeing(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + unknown(1, 2) + unknown(1, 3) + unknown(1, 4) + unknown(1, 5) + `
set Logical_Router lr0 options:mac_binding_age_threshold="10.9.0.0/16:0;2"
set Logical_Switch sw1 other_config:fdb_age_threshold=2
`)
	g1, used := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	idle := hv2.AddGuest(guest(1, 3))
	silent := guest(1, 4) // has no way back
	silent.Gateways = nil
	sink := hv2.AddGuest(silent)
	c.WaitUp("p1", "p2", "p3", "p4")
	c.WaitHV()
	for _, ch := range c.Chassis {
		_, _ = ch.Agent.Ctl("vlog/set", "mac_cache:file:dbg")
	}
	reach(g1, used)
	asked := sink.Capture()
	g1.PingLoop(sink.IP(4), 20*time.Millisecond)
	g1.PingLoop(used.IP(4), 20*time.Millisecond)
	g1.Reaches(idle.IP(4))
	for _, ip := range []string{used.IP(4), used.IP(6), idle.IP(4), sink.IP(4)} {
		learned(t, c, ip)
	}
	row, sinkRow := binding(c, "_uuid", used.IP(4)), binding(c, "_uuid", sink.IP(4))
	first, _ := strconv.Atoi(binding(c, "timestamp", used.IP(4)))
	fdb := func(n int) string {
		return c.SB("--bare", "--columns=_uuid", "find", "FDB", "mac="+quoted(guest(1, n).MAC))
	}
	usedFDB := fdb(2)
	if usedFDB == "" {
		t.Error("no FDB for the used address")
	}
	// The C agent takes twice the threshold.
	integration.WaitFor(t, 12*time.Second, "end of unused rows", func() error {
		if got := binding(c, "_uuid", idle.IP(4)) + binding(c, "_uuid", used.IP(6)) + fdb(3); got != "" {
			return fmt.Errorf("still there: %s", got)
		}
		return nil
	})
	if now := binding(c, "_uuid", used.IP(4)); now != row {
		t.Errorf("the row of the used neighbour is %q, was %q", now, row)
	}
	if now, _ := strconv.Atoi(binding(c, "timestamp", used.IP(4))); now <= first {
		t.Errorf("its timestamp is %d, was %d", now, first)
	}
	if now := fdb(2); now != usedFDB {
		t.Errorf("the row of the used address is %q, was %q", now, usedFDB)
	}
	if now := binding(c, "_uuid", sink.IP(4)); now != sinkRow {
		t.Errorf("the row of the neighbour that is only sent to is %q, was %q", now, sinkRow)
	}
	n := asked.Count(asksFor(sink.IP(4)))
	if n < 2 || n > 16 && !c.Reference() {
		t.Errorf("the neighbour that is only sent to was asked for %d times", n)
	}
	t.Logf("asked for %d times", n)
}

// TestTracking: with ovn-mac-binding-tracking on, a router learns from answers that
// it asked for, on whatever chassis they come in, and from requests, but not from
// answers that nobody asked for.
func TestTracking(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	hv1.AddPhysical("physnet1")
	host := c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01",
		IPs: []string{"192.0.2.100/24", "2001:db8::100/64"}, Gateways: []string{"192.0.2.1", "2001:db8::1"}})
	c.NB(routed + "ls-add ext\n" + attached("lr0", "ext", "00:00:00:00:ff:04", "192.0.2.1/24 2001:db8::1/64") + `
lrp-set-gateway-chassis lr0-ext hv1
lsp-add ext ln0
lsp-set-type ln0 localnet
lsp-set-addresses ln0 unknown
lsp-set-options ln0 network_name=physnet1
` + port(0, 1) + unknown(1, 2) + port(0, 3))
	for _, ch := range c.Chassis {
		ch.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-mac-binding-tracking=true")
	}
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	g3 := hv2.AddGuest(guest(0, 3))
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()

	mac := guest(1, 2).MAC
	for range 3 {
		g2.Send(arpAnswer(mac, everybody, "10.0.1.77", "10.0.1.77"))
		g2.Send(arpAnswer(mac, "00:00:00:00:ff:02", "10.0.1.78", "10.0.1.254"))
	}
	g2.Send(garp(mac, "10.0.1.79"))
	learned(t, c, "10.0.1.79") // it came after the others
	// hv1 asks, the answer comes in on hv2: by the switch, by both protocols.
	reach(g1, g2)
	// hv2 asks, the answer comes in at the gateway on hv1.
	g3.Reaches(host.IP(4))
	g3.Reaches(host.IP(6))
	for _, ip := range []string{g2.IP(4), g2.IP(6), host.IP(4), host.IP(6)} {
		learned(t, c, ip)
	}
	for _, ip := range []string{"10.0.1.77", "10.0.1.78"} {
		if got := binding(c, "mac", ip); (got != "") != c.Reference() {
			t.Errorf("%s, that nobody asked for: %q", ip, got)
		}
	}
}

// TestTablesBounded: a host that claims thousands of addresses does not grow the
// tables past their limits, and does not keep others from being learned.
func TestTablesBounded(t *testing.T) {
	const limit = 100
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + strings.ReplaceAll(attached("lr0", "sw2", "00:00:00:00:ff:03", "10.64.0.254/16"), "lsp-add sw2", "lsp-add sw1") + port(0, 1) + unknown(1, 2) + unknown(1, 3))
	for _, ch := range c.Chassis {
		for _, table := range []string{"mac-binding", "fdb"} {
			ch.VSCtl("set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:ovn-chassis-%s-limit-per-datapath=%d", table, limit))
		}
	}
	g1, liar := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	honest := hv1.AddGuest(guest(1, 3))
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	rows := func(table string) int {
		return len(strings.Fields(c.SB("--bare", "--columns=_uuid", "list", table)))
	}
	most := map[string]int{}
	var claims [][]byte
	for i := range 3000 {
		mac := fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&255)
		claims = append(claims, garp(mac, fmt.Sprintf("10.64.%d.%d", 100+i/250, 1+i%250)))
	}
	for chunk := range slices.Chunk(claims, 300) {
		liar.Send(chunk...)
		for _, table := range []string{"MAC_Binding", "FDB"} {
			most[table] = max(most[table], rows(table))
		}
	}
	// The honest are learned all the same.
	g1.Reaches(honest.IP(4))
	for table, n := range most {
		n = max(n, rows(table))
		t.Logf("%s: %d rows at most", table, n)
		if !c.Reference() && n > limit+5 {
			t.Errorf("%s has %d rows, the limit is %d", table, n, limit)
		}
		if n < limit/2 {
			t.Errorf("%s has %d rows: nothing was learned", table, n)
		}
	}
	if !c.Reference() {
		out, err := hv2.Agent.Ctl("coverage/show")
		if err != nil || !strings.Contains(out, "mac_binding_evicted") || !strings.Contains(out, "fdb_evicted") {
			t.Errorf("not counted: %v\n%s", err, out)
		}
		logged(t, c, hv2, "at its limit", "MAC_Binding")
	}
}

// TestLearnedWithoutSouthbound: what is learned while the southbound database is
// away works at once, and is written when it is back.
func TestLearnedWithoutSouthbound(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + unknown(1, 2))
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	if c.Reference() {
		return // writes what it learns at once or never
	}
	c.StopSouthbound()
	reach(g1, g2)
	for family := range map[int]bool{4: true, 6: true} {
		l := g1.PingLoop(g2.IP(family), 10*time.Millisecond)
		integration.WaitFor(t, 5*time.Second, "replies", func() error { return atLeast(l.Received(), 50) })
		if loss := l.Stop(); loss.Lost > 5 {
			t.Errorf("IPv%d without the database: %v", family, loss)
		}
	}
	c.StartSouthbound()
	learned(t, c, g2.IP(4))
	learned(t, c, g2.IP(6))
}

package integration_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// garp is a gratuitous ARP request, rarp a RARP request.
func garp(mac, ip string) []byte {
	hw, _ := net.ParseMAC(mac)
	a := netip.MustParseAddr(ip).AsSlice()
	b := append(bytes.Repeat([]byte{0xff}, 6), hw...)
	b = append(append(b, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1), hw...)
	b = append(append(b, a...), make([]byte, 6)...)
	return append(b, a...)
}

func rarp(mac string) []byte {
	hw, _ := net.ParseMAC(mac)
	b := append(bytes.Repeat([]byte{0xff}, 6), hw...)
	b = append(append(b, 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3), hw...)
	b = append(append(b, make([]byte, 4)...), hw...)
	return append(b, make([]byte, 4)...)
}

// like matches packets that begin with p.
func like(p []byte) func([]byte) bool {
	return func(got []byte) bool { return bytes.HasPrefix(got, p) }
}

const localnet = `
lsp-add sw0 ln0
lsp-set-type ln0 localnet
lsp-set-addresses ln0 unknown
lsp-set-options ln0 network_name=physnet1
`

// TestAnnouncements: hosts on the physical network hear of the addresses that come
// to a chassis: of a guest, of a guest without IPv4, of NAT and of a gateway port,
// the last again when it moves. A router on the same switch needs not to ask.
func TestAnnouncements(t *testing.T) {
	// Not start: a fresh agent to compare with has no BFD, and so no gateway.
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	hv1, hv2 := c.AddChassis("hv1"), c.AddChassis("hv2")
	hv1.AddPhysical("physnet1")
	hv2.AddPhysical("physnet1")
	host := c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01", IPs: []string{"10.0.0.100/24"}})
	heard := host.Capture()
	seen := host.Start(t.TempDir(), "tcpdump", "-n", "-l", "--immediate-mode", "-i", "eth0", "arp or rarp")
	integration.WaitFor(t, 10*time.Second, "tcpdump", func() error {
		if !seen.Logged("listening on eth0") {
			return errors.New(seen.Tail(3))
		}
		return nil
	})
	c.NB("ls-add sw0\nls-add sw1\nlr-add lr0\n" +
		attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24 fd00:0::fe/64") +
		attached("lr0", "sw1", "00:00:00:00:ff:02", "10.0.1.254/24 fd00:1::fe/64") + localnet + `
lrp-set-gateway-chassis lr0-sw0 hv1 20
lrp-set-gateway-chassis lr0-sw0 hv2 10
lsp-set-options sw0-lr0 router-port=lr0-sw0 nat-addresses=router
lr-nat-add lr0 snat 10.0.0.200 10.0.1.0/24
lsp-add sw0 p9
lsp-set-addresses p9 "00:00:00:00:01:09 fd00::9"
` + port(0, 1))
	hv1.AddGuest(guest(0, 1))
	nine := guest(0, 9)
	nine.IPs, nine.Gateways = []string{"fd00:0::9/64"}, nil
	hv1.AddGuest(nine)
	c.WaitUp("p1", "p9")
	c.WaitHV()
	for what, p := range map[string][]byte{
		"address of a guest":           garp("00:00:00:00:01:01", "10.0.0.1"),
		"address of a guest with IPv6": rarp("00:00:00:00:01:09"),
		"address of the gateway port":  garp("00:00:00:00:ff:01", "10.0.0.254"),
		"address of NAT":               garp("00:00:00:00:ff:01", "10.0.0.200"),
	} {
		heard.WaitFor(10*time.Second, 2, what+" "+hex.EncodeToString(p), like(p))
	}
	for _, line := range []string{"ARP, Request who-has 10.0.0.1 tell 10.0.0.1, ", "ARP, Reverse Request who-is 00:00:00:00:01:09 tell 00:00:00:00:01:09, ",
		"ARP, Request who-has 10.0.0.254 tell 10.0.0.254, ", "ARP, Request who-has 10.0.0.200 tell 10.0.0.200, "} {
		integration.WaitFor(t, 10*time.Second, "line of tcpdump with "+line, func() error {
			if !seen.Logged(line) {
				return errors.New(seen.Tail(10))
			}
			return nil
		})
	}
	integration.WaitFor(t, 10*time.Second, "MAC_Binding of the guest", func() error {
		got := c.SB("--bare", "--columns=mac", "find", "MAC_Binding", "logical_port=lr0-sw0", "ip=10.0.0.1")
		if got != "00:00:00:00:01:01" {
			return fmt.Errorf("it has %q", got)
		}
		return nil
	})

	// The gateway moves: the new chassis begins at once.
	before := heard.Count(like(garp("00:00:00:00:ff:01", "10.0.0.200")))
	c.NB("lrp-set-gateway-chassis lr0-sw0 hv2 30")
	heard.WaitFor(10*time.Second, before+2, "address of NAT after the gateway moved", like(garp("00:00:00:00:ff:01", "10.0.0.200")))
	if !c.Reference() {
		announcedAtOnce(t, c, heard)
	}
}

// TestAnnouncedWhenAcknowledged: an address is not announced as soon as the flows for
// it are on their way, but when the agent knows that they are in the switch, or a second
// later. Here the switch's word for it is lost.
func TestAnnouncedWhenAcknowledged(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{})
	if c.Reference() {
		return // it always waits for a second
	}
	hv1 := c.AddBareChassis("hv1")
	proxy := hv1.ProxySwitch()
	hv1.AddPhysical("physnet1")
	hv1.StartAgent()
	host := c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01", IPs: []string{"10.0.0.100/24"}})
	heard := host.Capture()
	c.NB("ls-add sw0\nls-add sw1\nlr-add lr0\n" +
		attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24") +
		attached("lr0", "sw1", "00:00:00:00:ff:02", "10.0.1.254/24") + localnet + `
lrp-set-gateway-chassis lr0-sw0 hv1 20
lsp-set-options sw0-lr0 router-port=lr0-sw0 nat-addresses=router
lr-nat-add lr0 snat 10.0.0.200 10.0.1.0/24
`)
	heard.WaitFor(20*time.Second, 1, "address of NAT", like(garp("00:00:00:00:ff:01", "10.0.0.200")))
	c.WaitHV()
	const tries, early = 5, 950 * time.Millisecond // a busy machine may take that long for an address
	for n := range tries {
		var commits atomic.Int64
		proxy.Set(integration.Faults{Drop: func(m integration.Message) bool {
			if m.ToSwitch && m.Commits() {
				commits.Add(1)
			}
			return !m.ToSwitch && m.Type() == integration.TypeBundleControl && commits.Load() > 0
		}})
		ip := fmt.Sprintf("10.0.0.%d", 210+n)
		announced := like(garp("00:00:00:00:ff:01", ip))
		begin := time.Now()
		c.NB("lr-nat-add", "lr0", "dnat_and_snat", ip, "10.0.1.9")
		sent := early
		for time.Since(begin) < early {
			if heard.Count(announced) > 0 {
				t.Fatalf("announced after %v, before the switch's word for the flows", time.Since(begin))
			}
			if sent == early && commits.Load() > 0 {
				sent = time.Since(begin)
			}
			time.Sleep(5 * time.Millisecond)
		}
		proxy.Set(integration.Faults{})
		proxy.Cut()
		heard.WaitFor(10*time.Second, 1, "address of NAT", announced)
		if sent < early/2 {
			break
		}
	}
	c.WaitHV()
}

// announcedAtOnce: an address is announced when its flows are in the switch, and not
// a second after. One of several does on the busiest machine.
func announcedAtOnce(t *testing.T, c *integration.Cluster, heard *integration.Capture) {
	const tries, bound = 5, 900 * time.Millisecond
	for i := range tries {
		ip := fmt.Sprintf("10.0.0.%d", 210+i)
		begin := time.Now()
		c.NB("lr-nat-add", "lr0", "dnat_and_snat", ip, "10.0.1.9")
		for time.Since(begin) < bound {
			if heard.Count(like(garp("00:00:00:00:ff:01", ip))) > 0 {
				t.Logf("announced after %v", time.Since(begin))
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	t.Errorf("none of %d addresses was announced within %v", tries, bound)
}

// TestVirtualPort: a virtual address belongs to the guest that announced it last, by
// arping, and packets from behind the router go there.
func TestVirtualPort(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(1, 3) + `
lsp-add sw0 vip
lsp-set-addresses vip "00:00:00:00:01:aa 10.0.0.50"
lsp-set-type vip virtual
lsp-set-options vip virtual-ip=10.0.0.50 virtual-parents=p1,p2
`)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	g3 := hv1.AddGuest(guest(1, 3))
	for _, g := range []*integration.Guest{g1, g2} {
		g.Serve("tcp", ":80")
	}
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	busybox := func(g *integration.Guest, args ...string) {
		t.Helper()
		if _, err := g.Run(5*time.Second, "busybox", args...); err != nil {
			t.Fatal(err)
		}
	}
	var owner *integration.Guest
	for i, to := range []struct {
		g       *integration.Guest
		chassis string
	}{{g1, "hv1"}, {g2, "hv2"}, {g1, "hv1"}} {
		if owner != nil {
			busybox(owner, "ip", "addr", "del", "10.0.0.50/32", "dev", "eth0")
		}
		owner = to.g
		busybox(owner, "ip", "addr", "add", "10.0.0.50/32", "dev", "eth0")
		begin := time.Now()
		announced := 0
		integration.WaitFor(t, 20*time.Second, fmt.Sprintf("claim %d, by %s", i, to.g.Name), func() error {
			// A guest that takes over announces it more than once. Each claim puts
			// the next one off by a second, and each announcement meanwhile by one
			// more.
			if n := int(time.Since(begin)/(2500*time.Millisecond)) + 1; n > announced {
				announced = n
				busybox(owner, "arping", "-q", "-U", "-c", "1", "-w", "1", "-I", "eth0", "10.0.0.50")
			}
			parent := c.SB("--bare", "--columns=virtual_parent", "find", "Port_Binding", "logical_port=vip")
			chassis := c.SB("--bare", "--columns=chassis", "find", "Port_Binding", "logical_port=vip")
			want := c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name="+to.chassis)
			if parent != to.g.LPort || chassis != want {
				return fmt.Errorf("it is on %q behind %q", chassis, parent)
			}
			return nil
		})
		c.WaitHV()
		if a := g3.Gets("tcp", "10.0.0.50:80"); a.Server != owner.Name {
			t.Errorf("%s answers, want %s", a.Server, owner.Name)
		}
	}
}

// TestActivation: a guest that moves is blocked on its new chassis until it says
// by RARP that it lives there.
func TestActivation(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + "lsp-set-options p1 requested-chassis=hv1,hv2 activation-strategy=rarp\n")
	hv1.AddGuest(guest(0, 1))
	moved := guest(0, 1)
	moved.Name = "moved"
	target := hv2.AddGuest(moved)
	g2 := hv2.AddGuest(guest(0, 2))
	heard := g2.Capture()
	c.WaitUp("p1", "p2")
	c.WaitHV()
	hello := func() []byte {
		b := []byte{0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 1, 0x88, 0xb5}
		return append(b, "hello from the new place, padded to sixty bytes"...)
	}
	target.Send(hello())
	time.Sleep(300 * time.Millisecond) // nothing is to happen
	if heard.Count(like(hello())) != 0 {
		t.Error("a packet passed before activation")
	}
	target.Send(rarp("00:00:00:00:01:01"))
	integration.WaitFor(t, 10*time.Second, "activation", func() error {
		options := c.SB("--bare", "--columns=options", "find", "Port_Binding", "logical_port=p1")
		if !strings.Contains(options, "additional-chassis-activated=hv2") {
			return fmt.Errorf("options are %s", options)
		}
		return nil
	})
	integration.WaitFor(t, 10*time.Second, "traffic from the new place", func() error {
		target.Send(hello())
		if heard.Count(like(hello())) == 0 {
			return fmt.Errorf("nothing came")
		}
		return nil
	})
}

// TestRouterAdvertisements: guests hear their router without asking.
func TestRouterAdvertisements(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + `
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:address_mode=slaac ipv6_ra_configs:send_periodic=true
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:max_interval=4 ipv6_ra_configs:min_interval=3 ipv6_ra_configs:mtu=1350
`)
	heard := hv1.AddGuest(guest(0, 1)).Capture()
	c.WaitUp("p1")
	c.WaitHV()
	all := []byte{0x33, 0x33, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 1, 0x86, 0xdd}
	heard.WaitFor(15*time.Second, 2, "router advertisements", func(b []byte) bool {
		return like(all)(b) && len(b) > 54 && b[20] == 58 && b[54] == 134 && bytes.Contains(b, []byte{5, 1, 0, 0, 0, 0, 5, 0x46})
	})
}

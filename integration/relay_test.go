package integration_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// serveDHCP is a DHCP server in a guest that offers everyone 10.0.0.77, as long as
// the test runs.
func serveDHCP(t *testing.T, g *integration.Guest, id [4]byte) {
	t.Helper()
	var conn *net.UDPConn
	err := g.Do(func() (err error) {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 67})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, _, err := conn.ReadFromUDP(b)
			if err != nil {
				return
			}
			const options = 240
			if n < options || b[0] != 1 {
				continue
			}
			reply := byte(2) // offer
			for o := b[options:n]; len(o) > 2 && o[0] != 255; {
				if o[0] == 0 {
					o = o[1:]
					continue
				}
				if o[0] == 53 && o[2] == 3 {
					reply = 5 // acknowledge a request
				}
				o = o[min(len(o), 2+int(o[1])):]
			}
			m := append([]byte(nil), b[:options]...)
			m[0] = 2
			copy(m[16:], []byte{10, 0, 0, 77})
			m = append(m, 53, 1, reply, 54, 4, id[0], id[1], id[2], id[3], 1, 4, 255, 255, 255, 0,
				3, 4, 10, 0, 0, 254, 51, 4, 0, 0, 0, 99, 255)
			_, _ = conn.WriteToUDP(m, &net.UDPAddr{IP: net.IP(m[24:28]), Port: 67})
		}
	}()
}

// TestDHCPRelay: a router relays between clients and a server on another network.
func TestDHCPRelay(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + `
set Logical_Switch sw0 other_config:dhcp_relay_port=sw0-lr0
--id=@r create DHCP_Relay name=r servers=10.0.1.2 -- set Logical_Router_Port lr0-sw0 dhcp_relay=@r
`)
	spec := guest(0, 1)
	spec.IPs, spec.Gateways = nil, nil
	client, server := hv1.AddGuest(spec), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	serveDHCP(t, server, [4]byte{10, 0, 1, 2})
	path, lease := script(t, `
[ "$1" = bound ] && env > LEASE
exit 0
`)
	out, err := client.Run(30*time.Second, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", path, "-t", "6", "-T", "2")
	if err != nil {
		t.Fatal(err, out)
	}
	got, err := os.ReadFile(lease)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the lease", string(got), "ip=10.0.0.77\n", "router=10.0.0.254\n", "lease=99\n", "serverid=10.0.1.2\n")
	logged(t, c, hv1, "DHCP_RELAY_REQ_CHK:: MSG_TYPE:DISCOVER MAC:00:00:00:00:01:01")
}

package integration_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// queries asks for vm2.ovn.org n times, spread over that time, and counts the
// answers.
func queries(t *testing.T, g *integration.Guest, n int, over time.Duration) (answered int) {
	t.Helper()
	var conn net.Conn
	if err := g.Do(func() (err error) {
		conn, err = net.Dial("udp4", "10.0.0.254:53")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	counted := make(chan int)
	go func() {
		ids := map[uint16]bool{}
		for b := make([]byte, 512); ; {
			n, err := conn.Read(b)
			if err != nil {
				counted <- len(ids)
				return
			}
			if n > 12 && b[2]&0x80 != 0 && b[7] > 0 {
				ids[binary.BigEndian.Uint16(b)] = true
			}
		}
	}()
	question := append(make([]byte, 12), "\x03vm2\x03ovn\x03org\x00\x00\x01\x00\x01"...)
	question[2], question[5] = 1, 1 // recursion desired, one question
	for i := range n {
		binary.BigEndian.PutUint16(question, uint16(i))
		if _, err := conn.Write(question); err != nil {
			t.Fatal(err)
		}
		time.Sleep(over / time.Duration(n))
	}
	_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	return <-counted
}

// TestControlPlaneProtection: the switch drops what goes over the meter of a
// protocol, before it comes to the agent; other protocols of the same port, and the
// same one of another switch, are answered as before.
func TestControlPlaneProtection(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(1, 3) + `
set Logical_Switch sw0 other_config:subnet=10.0.0.0/24
--id=@d4 create DHCP_Options cidr=10.0.0.0/24 options:server_id=10.0.0.254 options:server_mac="\"00:00:00:00:ff:01\"" options:lease_time=3600 options:router=10.0.0.254 -- set Logical_Switch_Port p1 dhcpv4_options=@d4
--id=@n create DNS records:vm2.ovn.org=10.0.1.2 -- set Logical_Switch sw0 dns_records=@n -- set Logical_Switch sw1 dns_records=@n
meter-add few drop 10 pktps 10
meter-add many drop 500 pktps
copp-add protection dns few
copp-add protection dhcpv4-opts many
`)
	g1, g3 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(1, 3))
	c.WaitUp("p1", "p3")
	c.WaitHV()
	const n, over = 200, time.Second
	if got := queries(t, g1, n, over); got < n*9/10 {
		t.Errorf("without a meter %d queries of %d are answered", got, n)
	}
	c.NB("ls-copp-add protection sw0")
	c.WaitHV()
	// 10 a second, for the time that the queries take on a slow machine, and a burst.
	const most = n / 2
	metered := make(chan int)
	go func() { metered <- queries(t, g1, n, over) }()
	if o := g1.RequestOffers(over, 20*time.Millisecond); len(o.Took) < 10 || o.Lost > 2 {
		t.Errorf("DHCP of the port that floods: %v", o)
	}
	got := <-metered
	t.Logf("%d queries of %d are answered", got, n)
	if got == 0 || got > most {
		t.Errorf("with a meter %d queries of %d are answered, want 1 to %d", got, n, most)
	}
	if got := queries(t, g3, n, over); got < n*9/10 {
		t.Errorf("of the other switch %d queries of %d are answered", got, n)
	}
	// It was the switch that dropped them.
	dropped := 0
	for _, m := range regexp.MustCompile(`(?m)^\s*0:\s*packet_count:(\d+)`).FindAllStringSubmatch(hv1.OFCtl("meter-stats", "br-int"), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		dropped += n
	}
	if dropped < n-got {
		t.Errorf("meters dropped %d packets, %d were not answered", dropped, n-got)
	}
	c.NB("clear Logical_Switch sw0 copp")
	c.WaitHV()
	if got := queries(t, g1, n, over); got < n*9/10 {
		t.Errorf("after the meter is gone %d queries of %d are answered", got, n)
	}
}

// TestLogMeter: of the connections that an ACL refuses, those over the meter of its
// log are refused too, but not in the log.
func TestLogMeter(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + `
meter-add lines drop 1 pktps 2
--log --name=metered --severity=info --meter=lines acl-add sw0 from-lport 1000 'inport == "p1" && tcp.dst == 81' reject
--log --name=free --severity=info acl-add sw0 from-lport 1000 'inport == "p1" && tcp.dst == 82' reject
`)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	const n = 50
	begin := time.Now()
	for range n {
		for _, port := range []string{"81", "82"} {
			if _, err := g1.Request("tcp", "10.0.1.2:"+port, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatalf("port %s: %v, want a refusal", port, err)
			}
		}
	}
	lines := func(name string) int {
		text, err := os.ReadFile(hv1.Agent.Log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), `name="`+name+`", verdict=reject, severity=info, direction=from-lport: tcp,`)
	}
	integration.WaitFor(t, 5*time.Second, "the log of ACLs", func() error { return atLeast(lines("free"), n/2) })
	// One a second, what the meter has saved up, and the second that has begun.
	most := int(time.Since(begin).Seconds()) + 4
	if got := lines("metered"); got == 0 || got > most {
		t.Errorf("%d lines of %d connections over the meter, want 1 to %d", got, n, most)
	}
}

// TestEmptyLoadBalancer: the first packet of a connection that no backend can take
// is an event for whoever starts backends.
func TestEmptyLoadBalancer(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + `
set NB_Global . options:controller_event=true
lb-add lb4 172.20.0.1:80 "" tcp
lb-add lb6 [fd20::1]:80 "" tcp
set Load_Balancer lb4 options:event=true
set Load_Balancer lb6 options:event=true
ls-lb-add sw0 lb4
ls-lb-add sw0 lb6
`)
	g1 := hv1.AddGuest(guest(0, 1))
	c.WaitUp("p1")
	c.WaitHV()
	chassis := c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name=hv1")
	for _, vip := range []string{"172.20.0.1:80", "[fd20::1]:80"} {
		lb := map[bool]string{true: "lb6", false: "lb4"}[vip[0] == '[']
		integration.WaitFor(t, 15*time.Second, "event of "+vip, func() error {
			if a, err := g1.Request("tcp", vip, 100*time.Millisecond); err == nil {
				t.Errorf("%s answers for %s", a.Server, vip)
			}
			rows := c.SB("--bare", "--columns=event_type,chassis,event_info", "list", "Controller_Event")
			id := c.NB("--bare", "--columns=_uuid", "find", "Load_Balancer", "name="+lb)
			for _, row := range strings.Split(rows, "\n\n") {
				if strings.Contains(row, "load_balancer="+id) && strings.Contains(row, "empty_lb_backends") &&
					strings.Contains(row, chassis) && strings.Contains(row, "protocol=tcp") && strings.Contains(row, "vip="+vip) {
					return nil
				}
			}
			return fmt.Errorf("rows are %q", rows)
		})
	}
	if n := len(strings.Fields(c.SB("--bare", "--columns=_uuid", "list", "Controller_Event"))); n != 2 {
		t.Errorf("%d events", n)
	}
}

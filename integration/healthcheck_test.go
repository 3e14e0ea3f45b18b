package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// monitored is the northbound script of a load balancer with a health check that
// looks every second, for backends p1 and p2 of switch sw0.
func monitored(name, vip, proto, backend1, backend2, from string) string {
	port := backend1[strings.LastIndex(backend1, ":"):]
	address := func(s string) string { return s[:strings.LastIndex(s, ":")] }
	return fmt.Sprintf(`
lb-add %[1]s %[2]s %[3]s,%[4]s %[5]s
set Load_Balancer %[1]s ip_port_mappings:"\"%[6]s\""="\"p1:%[8]s\"" ip_port_mappings:"\"%[7]s\""="\"p2:%[8]s\""
--id=@%[1]s create Load_Balancer_Health_Check vip="\"%[2]s\"" options:interval=1 options:timeout=1 options:success_count=1 options:failure_count=1 -- add Load_Balancer %[1]s health_check @%[1]s
ls-lb-add sw0 %[1]s
`, name, vip, backend1, backend2, proto, address(backend1), address(backend2), from, port)
}

// TestHealthChecks: a backend whose server dies is found offline by the chassis that
// has it, northd takes it out, and clients get the other one; until it is back.
func TestHealthChecks(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(0, 3) +
		monitored("lb4", "172.20.0.1:80", "tcp", "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.253") +
		monitored("lb6", "[fd20::1]:80", "tcp", "[fd00::1]:8080", "[fd00::2]:8080", "[fd00::fd]") +
		monitored("lbu", "172.20.0.2:53", "udp", "10.0.0.1:5353", "10.0.0.2:5353", "10.0.0.253") +
		monitored("lbu6", "[fd20::2]:53", "udp", "[fd00::1]:5353", "[fd00::2]:5353", "[fd00::fd]"))
	g1, g2, client := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2)), hv1.AddGuest(guest(0, 3))
	serve := func(g *integration.Guest) (stops []func()) {
		for _, s := range [][2]string{{"tcp", ":8080"}, {"udp", g.IP(4) + ":5353"}, {"udp", "[" + g.IP(6) + "]:5353"}} {
			stops = append(stops, g.Serve(s[0], s[1]))
		}
		return stops
	}
	serve(g1)
	stop := serve(g2)
	c.WaitUp("p1", "p2", "p3")
	c.NB("lsp-hc-add p3 icmp 10.0.0.253 10.0.0.3\nlsp-hc-add p3 icmp fd00::fd fd00::3")
	c.WaitHV()
	becomes := func(lport, want string, rows int) {
		t.Helper()
		integration.WaitFor(t, 20*time.Second, lport+" "+want, func() error {
			got := strings.Fields(c.SB("--bare", "--columns=status", "find", "Service_Monitor", "logical_port="+lport))
			if strings.Join(got, " ") != strings.TrimSpace(strings.Repeat(want+" ", rows)) {
				return fmt.Errorf("Service_Monitor says %v", got)
			}
			return nil
		})
		c.WaitHV()
	}
	vips := map[string]string{"172.20.0.1:80": "tcp", "[fd20::1]:80": "tcp", "172.20.0.2:53": "udp", "[fd20::2]:53": "udp"}
	becomes("p1", "online", 4)
	becomes("p2", "online", 4)
	becomes("p3", "online", 2)
	for vip, proto := range vips {
		both(t, client, proto, vip)
	}
	for _, s := range stop {
		s()
	}
	becomes("p2", "offline", 4)
	becomes("p1", "online", 4)
	for vip, proto := range vips {
		for range 10 {
			if a := client.Gets(proto, vip); a.Server != g1.Name {
				t.Errorf("%s answers for %s", a.Server, vip)
			}
		}
	}
	serve(g2)
	becomes("p2", "online", 4)
	for vip, proto := range vips {
		both(t, client, proto, vip)
	}
}

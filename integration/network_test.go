package integration_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// start starts a cluster with two chassis, hv1 and hv2, in parallel with other
// tests.
func start(t *testing.T, opt integration.Options) (c *integration.Cluster, hv1, hv2 *integration.Chassis) {
	t.Helper()
	t.Parallel()
	c = integration.NewCluster(t, opt)
	hv1, hv2 = c.AddChassis("hv1"), c.AddChassis("hv2")
	return c, hv1, hv2
}

// guest describes guest number n of subnet s: port pN, 10.0.S.N, fd00:S::N,
// behind the router's .254 and ::fe.
func guest(subnet, n int) integration.GuestSpec {
	return integration.GuestSpec{
		Name: fmt.Sprintf("g%d", n), LPort: fmt.Sprintf("p%d", n),
		MAC: fmt.Sprintf("00:00:00:00:%02x:%02x", subnet+1, n),
		IPs: []string{fmt.Sprintf("10.0.%d.%d/24", subnet, n), fmt.Sprintf("fd00:%x::%x/64", subnet, n)},
		Gateways: []string{fmt.Sprintf("10.0.%d.254", subnet),
			fmt.Sprintf("fd00:%x::fe", subnet)},
	}
}

// port is the northbound script for guest n of a subnet, on switch swS.
func port(subnet, n int) string {
	g := guest(subnet, n)
	return fmt.Sprintf("lsp-add sw%d %s\nlsp-set-addresses %[2]s \"%[3]s 10.0.%[1]d.%[4]d fd00:%[1]x::%[4]x\"\n",
		subnet, g.LPort, g.MAC, n)
}

// attached is the northbound script that joins switch sw to router lr by a router
// port with the given MAC and networks.
func attached(lr, sw, mac, networks string) string {
	return fmt.Sprintf(`
lrp-add %[1]s %[1]s-%[2]s %[3]s %[4]s
lsp-add %[2]s %[2]s-%[1]s
lsp-set-type %[2]s-%[1]s router
lsp-set-addresses %[2]s-%[1]s router
lsp-set-options %[2]s-%[1]s router-port=%[1]s-%[2]s
`, lr, sw, mac, networks)
}

// routed is two switches, sw0 and sw1, on a router.
var routed = "ls-add sw0\nls-add sw1\nlr-add lr0\n" +
	attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24 fd00:0::fe/64") +
	attached("lr0", "sw1", "00:00:00:00:ff:02", "10.0.1.254/24 fd00:1::fe/64")

// reach checks that from reaches to by both protocols.
func reach(from, to *integration.Guest) {
	from.Reaches(to.IP(4))
	from.Reaches(to.IP(6))
}

// cut waits until to is out of reach by both protocols.
func cut(from, to *integration.Guest) {
	from.Blocked(to.IP(4))
	from.Blocked(to.IP(6))
}

// steady runs traffic from one guest to another while fn changes something, and
// fails when more packets than allowed are lost.
func steady(t *testing.T, from, to *integration.Guest, allowed int, fn func()) {
	t.Helper()
	loops := map[int]*integration.PingLoop{4: nil, 6: nil}
	for family := range loops {
		l := from.PingLoop(to.IP(family), 10*time.Millisecond)
		integration.WaitFor(t, 10*time.Second, "first replies", func() error { return atLeast(l.Received(), 3) })
		loops[family] = l
	}
	fn()
	for family, l := range loops {
		before := l.Received()
		integration.WaitFor(t, 10*time.Second, "more replies", func() error { return atLeast(l.Received(), before+10) })
		if loss := l.Stop(); loss.Lost > allowed {
			t.Errorf("IPv%d from %v to %v: %v\n%s%s", family, from, to, loss, from.Datapath(), to.Datapath())
		}
	}
}

func atLeast(n, want int) error {
	if n < want {
		return fmt.Errorf("%d, want %d", n, want)
	}
	return nil
}

// logged waits for a line in an agent's log that holds all parts. The reference
// has other words.
func logged(t *testing.T, c *integration.Cluster, ch *integration.Chassis, parts ...string) {
	t.Helper()
	if c.Reference() {
		return
	}
	integration.WaitFor(t, 10*time.Second, "log line with "+strings.Join(parts, ", "), func() error {
		if !ch.Agent.Logged(parts...) {
			return os.ErrNotExist
		}
		return nil
	})
}

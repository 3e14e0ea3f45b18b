package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestListCommands: what both agents answer when asked for lists.
func TestListCommands(t *testing.T) {
	p := newPair(t, nil)
	p.step("ports", false, func(c *integration.Cluster, ch *integration.Chassis) {
		c.NB(routed + "lsp-add sw0 p1\nlsp-add sw1 p2\nlsp-set-addresses p1 00:00:00:00:01:01\n" +
			"acl-add sw0 to-lport 1000 \"ip4.src == {10.0.0.1, 10.0.0.2} && tcp.dst == {80, 443}\" drop\n" +
			"acl-add sw0 to-lport 1001 \"ip4\" allow-related\n")
		ch.AddDummy("p1", 1)
		ch.AddDummy("p2", 2)
		c.WaitUp("p1", "p2")
	})
	ask := func(c *integration.Cluster, command string) string {
		out, err := c.Chassis[0].Agent.Ctl(command)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(out)
	}
	// The reference lists in the order of its hash tables, and numbers differ.
	shape := func(command, reply string) string {
		lines := strings.Split(reply, "\n")
		for i, line := range lines {
			switch command {
			case "debug/dump-lflow-conj-ids":
				// UUIDs differ.
				if _, count, ok := strings.Cut(line, " n: "); ok {
					lines[i] = "n: " + count
				}
			case "ct-zone-list":
				lines[i], _, _ = strings.Cut(line, " ")
			}
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	for _, command := range []string{
		"connection-status", "ct-zone-list", "meter-table-list", "group-table-list", "debug/dump-lflow-conj-ids",
		"debug/dump-local-bindings", "debug/dump-local-datapaths", "debug/dump-related-ports", "debug/dump-peer-ports",
		"debug/dump-local-template-vars", "debug/dump-mac-bindings", "debug/status",
		"evpn/remote-vtep-list", "evpn/vtep-binding-list", "evpn/vtep-multicast-group-list", "evpn/vtep-fdb-list", "evpn/vtep-arp-list",
	} {
		theirs, ours := ask(p.theirs, command), ask(p.ours, command)
		if shape(command, theirs) != shape(command, ours) {
			t.Errorf("%s: the reference answers\n%s\nours\n%s", command, theirs, ours)
		}
	}
}

// TestBridgeProbe: with ovn-bridge-remote-probe-interval a silent switch is asked
// for a sign of life.
func TestBridgeProbe(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Dummy: true, Agent: integration.Ours})
	hv1 := c.AddBareChassis("hv1")
	proxy := hv1.ProxySwitch()
	hv1.StartAgent()
	c.WaitHV()
	proxy.Messages()
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-bridge-remote-probe-interval=1000")
	const echoRequest, echoes = 2, 2
	n := 0
	integration.WaitFor(t, 15*time.Second, "echo requests", func() error {
		for _, m := range proxy.Messages() {
			if m.Type() == echoRequest {
				n++
			}
		}
		if n < echoes {
			return fmt.Errorf("%d of them", n)
		}
		return nil
	})
}

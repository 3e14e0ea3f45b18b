package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestConnectionsFlushed: connections to a backend that is gone are forgotten if
// the load balancer says so, and those that a deleted ACL let persist; others are
// not.
func TestConnectionsFlushed(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + `
lb-add forgets 172.16.0.100:53 10.0.0.2:53 udp
set Load_Balancer forgets options:ct_flush=true
lb-add keeps 172.16.0.101:53 10.0.0.2:53 udp
ls-lb-add sw0 forgets
ls-lb-add sw0 keeps
acl-add sw0 from-lport 1000 "udp.dst == 7" allow-related
`)
	acl := c.NB("--bare", "--columns=_uuid", "find", "ACL", "priority=1000")
	c.NB("set", "ACL", acl, "options:persist-established=true")
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	g2.Serve("udp", ":53")
	g2.Serve("udp", ":7")
	for _, to := range []string{"172.16.0.100:53", "172.16.0.101:53", "10.0.0.2:7"} {
		g1.Gets("udp", to)
	}
	tracked := func(parts ...string) bool {
		for line := range strings.Lines(hv1.AppCtl("dpctl/dump-conntrack", "-m")) {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(line, p)
			}
			if all {
				return true
			}
		}
		return false
	}
	// The id of the ACL is in bits 80 and up of the label.
	const forgotten, kept, allowed = "dst=172.16.0.100,", "dst=172.16.0.101,", "labels=0x100000000000000000000"
	for _, what := range []string{forgotten, kept, allowed} {
		if !tracked(what) {
			t.Fatalf("no connection %s:\n%s", what, hv1.AppCtl("dpctl/dump-conntrack", "-m"))
		}
	}
	gone := func(what string) {
		t.Helper()
		integration.WaitFor(t, 10*time.Second, "connection "+what+" forgotten", func() error {
			if tracked(what) {
				return fmt.Errorf("still there:\n%s", hv1.AppCtl("dpctl/dump-conntrack", "-m"))
			}
			return nil
		})
	}
	c.NB("lb-del forgets\nlb-del keeps")
	gone(forgotten)
	if !tracked(kept) {
		t.Error("a connection was forgotten though nobody asked for it")
	}
	c.NB("acl-del sw0")
	gone(allowed)
	if !tracked(kept) {
		t.Error("the ACL's flush took more than its own")
	}
}

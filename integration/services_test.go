package integration_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// script writes what a DHCP client has got into a file of the directory and
// gives the interface its addresses.
func script(t *testing.T, body string) (path, lease string) {
	dir := t.TempDir()
	path, lease = filepath.Join(dir, "script"), filepath.Join(dir, "lease")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.ReplaceAll(body, "LEASE", lease)), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, lease
}

func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s lacks %q:\n%s", what, p, text)
		}
	}
}

// TestServices: real clients of DHCP, DHCPv6 and DNS get what the northbound
// database says.
func TestServices(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + `
set Logical_Switch sw0 other_config:subnet=10.0.0.0/24
--id=@d4 create DHCP_Options cidr=10.0.0.0/24 options:server_id=10.0.0.254 options:server_mac="\"00:00:00:00:ff:01\"" options:lease_time=3600 options:router=10.0.0.254 options:dns_server="{10.0.0.254,8.8.8.8}" options:domain_name="\"\\\"ovn.org\\\"\"" options:mtu=1300 options:classless_static_route="{30.0.0.0/24,10.0.0.10,0.0.0.0/0,10.0.0.254}" options:hostname="\"\\\"vm1\\\"\"" options:bootfile_name="\"\\\"boot.img\\\"\"" options:wpad="\"\\\"http://10.0.0.254/w\\\"\"" options:tftp_server="\"\\\"boot.ovn.org\\\"\"" options:domain_search_list="\"\\\"ovn.org,a.ovn.org\\\"\"" options:ntp_server=10.0.0.7 options:default_ttl=77 options:ip_forward_enable=1 options:T1=1200 -- set Logical_Switch_Port p1 dhcpv4_options=@d4
--id=@d6 create DHCP_Options cidr="\"fd00:0::/64\"" options:server_id="\"00:00:00:00:ff:01\"" options:dns_server="\"fd00::53\"" options:domain_search="\"\\\"ovn.org,example.org\\\"\"" -- set Logical_Switch_Port p1 dhcpv6_options=@d6
--id=@n create DNS records:vm2.ovn.org="\"10.0.1.2 fd00:1::2\"" records:4only.ovn.org=10.0.1.4 records:2.1.0.10.in-addr.arpa=vm2.ovn.org options:ovn-owned=true -- set Logical_Switch sw0 dns_records=@n
`)
	spec := guest(0, 1)
	spec.IPs, spec.Gateways = nil, nil
	g1, g2 := hv1.AddGuest(spec), hv1.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()

	path, lease := script(t, `
[ "$1" = bound ] || exit 0
env > LEASE
busybox ip addr add $ip/$mask dev $interface
busybox ip route add default via 10.0.0.254
`)
	if out, err := g1.Run(20*time.Second, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", path, "-t", "5", "-T", "1",
		"-O", "mtu", "-O", "staticroutes", "-O", "hostname", "-O", "bootfile", "-O", "wpad", "-O", "tftp", "-O", "search", "-O", "ntpsrv",
		"-O", "ipttl", "-O", "19", "-O", "58"); err != nil {
		t.Fatal(err, out)
	}
	got, err := os.ReadFile(lease)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, "the lease", string(got), "ip=10.0.0.1\n", "mask=24\n", "router=10.0.0.254\n", "lease=3600\n", "serverid=10.0.0.254\n",
		"dns=10.0.0.254 8.8.8.8\n", "domain=ovn.org\n", "mtu=1300\n", "staticroutes=30.0.0.0/24 10.0.0.10 0.0.0.0/0 10.0.0.254\n",
		"hostname=vm1\n", "bootfile=boot.img\n", "wpad=http://10.0.0.254/w\n", "tftp=boot.ovn.org\n", "search=ovn.org a.ovn.org\n", "ntpsrv=10.0.0.7\n",
		"ipttl=77\n", "opt19=01\n", "opt58=000004b0\n")
	g1.Reaches(g2.IP(4))
	logged(t, c, hv1, "DHCPOFFER 00:00:00:00:01:01 10.0.0.1")
	logged(t, c, hv1, "DHCPACK 00:00:00:00:01:01 10.0.0.1")

	path6, lease6 := script(t, `
[ "$reason" = BOUND6 ] && env > LEASE && kill $PPID
exit 0
`)
	dir := filepath.Dir(path6)
	// It needs its link-local address, which nobody else may have.
	integration.WaitFor(t, 10*time.Second, "link-local address", func() error {
		if out, err := g1.Run(5*time.Second, "busybox", "ip", "-6", "addr"); err != nil || strings.Contains(out, "tentative") {
			return fmt.Errorf("%s %w", out, err)
		}
		return nil
	})
	_, err = g1.Run(20*time.Second, "dhclient", "-6", "-1", "-d", "-sf", path6, "-lf", filepath.Join(dir, "leases"), "-pf", filepath.Join(dir, "pid"), "eth0")
	if got, e := os.ReadFile(lease6); e != nil {
		t.Errorf("no DHCPv6 lease: %v", err)
	} else {
		contains(t, "the DHCPv6 lease", string(got), "new_ip6_address=fd00::1\n", "new_dhcp6_name_servers=fd00::53\n")
	}

	// Without an address: the other configuration only.
	pathS, leaseS := script(t, `
[ "$reason" = RENEW6 ] && env > LEASE && kill $PPID
exit 0
`)
	dir = filepath.Dir(pathS)
	_, err = g1.Run(20*time.Second, "dhclient", "-6", "-S", "-1", "-d", "-sf", pathS, "-lf", filepath.Join(dir, "leases"), "-pf", filepath.Join(dir, "pid"), "eth0")
	if got, e := os.ReadFile(leaseS); e != nil {
		t.Errorf("no DHCPv6 configuration: %v", err)
	} else {
		contains(t, "the DHCPv6 configuration", string(got), "new_dhcp6_name_servers=fd00::53\n")
		if !c.Reference() { // whose search list dhclient drops
			contains(t, "the DHCPv6 configuration", string(got), "new_dhcp6_domain_search=ovn.org. example.org.\n")
		}
	}

	dig := func(args ...string) string {
		out, err := g1.Run(15*time.Second, "dig", append([]string{"@10.0.0.254", "+tries=2", "+time=3"}, args...)...)
		if err != nil {
			t.Error(err)
		}
		return out
	}
	contains(t, "the answer", dig("VM2.ovn.ORG", "A"), "status: NOERROR", "\t10.0.1.2\n", "3600")
	contains(t, "the answer", dig("vm2.ovn.org", "AAAA"), "status: NOERROR", "\tfd00:1::2\n")
	contains(t, "the answer", dig("+notcp", "vm2.ovn.org", "ANY"), "\t10.0.1.2\n", "\tfd00:1::2\n")
	contains(t, "the answer", dig("-x", "10.0.1.2"), "vm2.ovn.org.")
	contains(t, "the refusal", dig("4only.ovn.org", "AAAA"), "status: REFUSED")
}

// TestRenewal: a client renews its lease and gives it back.
func TestRenewal(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + `
set Logical_Switch sw0 other_config:subnet=10.0.0.0/24
--id=@d4 create DHCP_Options cidr=10.0.0.0/24 options:server_id=10.0.0.254 options:server_mac="\"00:00:00:00:ff:01\"" options:lease_time=3600 options:router=10.0.0.254 -- set Logical_Switch_Port p1 dhcpv4_options=@d4
`)
	spec := guest(0, 1)
	spec.IPs, spec.Gateways = nil, nil
	g1 := hv1.AddGuest(spec)
	c.WaitUp("p1")
	c.WaitHV()
	path, events := script(t, `
[ "$1" = bound ] && busybox ip addr add $ip/$mask dev $interface
echo "$1 $ip $lease" >> LEASE
`)
	client := g1.Start(t.TempDir(), "busybox", "udhcpc", "-i", "eth0", "-f", "-s", path, "-t", "5", "-T", "1")
	saw := func(want string) {
		t.Helper()
		integration.WaitFor(t, 10*time.Second, want, func() error {
			got, err := os.ReadFile(events)
			if err != nil || !strings.Contains(string(got), want) {
				return fmt.Errorf("events %q, %w; %s", got, err, client.Tail(5))
			}
			return nil
		})
	}
	saw("bound 10.0.0.1 3600\n")
	if err := client.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	saw("renew 10.0.0.1 3600\n")
	if err := client.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	const released = "DHCPRELEASE 00:00:00:00:01:01 10.0.0.1"
	integration.WaitFor(t, 10*time.Second, released, func() error {
		if !hv1.Agent.Logged(released) {
			return errors.New(client.Tail(5))
		}
		return nil
	})
}

// TestErrorsAndResets: who sends what cannot be delivered is told at once.
func TestErrorsAndResets(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + port(0, 3) + `
--log --name=web --severity=notice acl-add sw1 to-lport 1000 'outport == "p2" && tcp.dst == 81' reject
acl-add sw1 to-lport 1000 'outport == "p2" && udp.dst == 81' reject
acl-add sw0 from-lport 1000 'inport == "p1" && tcp.dst == 82' reject
`)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	refused := func(proto, addr string) {
		t.Helper()
		begin := time.Now()
		_, err := g1.Request(proto, addr, 5*time.Second)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s %s: %v, want a refusal", proto, addr, err)
		}
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("%s %s: refused after %v", proto, addr, d)
		}
	}
	for _, a := range []string{"10.0.1.2", "[fd00:1::2]"} {
		refused("tcp", a+":81")
		refused("udp", a+":81")
		refused("tcp", a+":82")
	}
	for _, a := range []string{"10.0.0.254", "[fd00::fe]"} {
		refused("tcp", a+":99")
		refused("udp", a+":99")
	}
	integration.WaitFor(t, 5*time.Second, "the log of ACLs", func() error {
		for _, want := range []string{"tcp,", "tcp6,"} {
			if !hv2.Agent.Logged("|acl_log(ovn_pinctrl", `|INFO|name="web", verdict=reject, severity=notice, direction=to-lport: `+want, "tp_dst=81") &&
				!hv1.Agent.Logged("|acl_log(ovn_pinctrl", `|INFO|name="web", verdict=reject, severity=notice, direction=to-lport: `+want, "tp_dst=81") {
				return fmt.Errorf("no line about %s", want)
			}
		}
		return nil
	})
	for dst, hops := range map[string][]string{"10.0.1.2": {" 10.0.0.254 ", " 10.0.1.2 "}, "fd00:1::2": {" fd00::fe ", " fd00:1::2 "}} {
		out, err := g1.Run(30*time.Second, "traceroute", "-n", "-q", "1", "-w", "2", dst)
		if err != nil {
			t.Error(err)
		}
		contains(t, "the route", out, hops...)
	}
}

// TestSLAAC: a guest's kernel gets its address, MTU and default route from the
// router's answer to its solicitation.
func TestSLAAC(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + `
lsp-set-addresses p1 "00:00:00:00:01:01 fd00::200:ff:fe00:101"
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:address_mode=slaac ipv6_ra_configs:mtu=1340 ipv6_ra_configs:router_preference=HIGH
`)
	spec := guest(0, 1)
	spec.IPs, spec.Gateways = nil, nil
	g1 := hv1.AddGuest(spec)
	c.WaitUp("p1")
	c.WaitHV()
	busybox := func(args ...string) string {
		t.Helper()
		out, err := g1.Run(5*time.Second, "busybox", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	// The kernel solicits routers when the link comes up.
	busybox("ip", "link", "set", "eth0", "down")
	busybox("sysctl", "-w", "net.ipv6.conf.eth0.accept_ra=2", "net.ipv6.conf.eth0.autoconf=1")
	busybox("ip", "link", "set", "eth0", "up")
	integration.WaitFor(t, 20*time.Second, "address", func() error {
		if out := busybox("ip", "-6", "addr"); !strings.Contains(out, "fd00::200:ff:fe00:101/64") {
			return errors.New(out)
		}
		return nil
	})
	contains(t, "the routes", busybox("ip", "-6", "route"), "default via fe80::200:ff:fe00:ff01 dev eth0")
	if mtu := strings.TrimSpace(busybox("cat", "/proc/sys/net/ipv6/conf/eth0/mtu")); mtu != "1340" {
		t.Errorf("the MTU is %s, want 1340", mtu)
	}
}

// TestRouterDiscovery: rdisc6 is told what is configured, solicited and, if a
// router advertises by itself, unasked.
func TestRouterDiscovery(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + `
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:address_mode=dhcpv6_stateless ipv6_ra_configs:mtu=1340
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:router_preference=LOW ipv6_ra_configs:route_info=HIGH-fd11::/48,LOW-fd12::/96
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:rdnss="\"fd00::53\"" ipv6_ra_configs:dnssl="ovn.org,example.org"
set Logical_Router_Port lr0-sw1 ipv6_ra_configs:address_mode=dhcpv6_stateful ipv6_ra_configs:mtu=1380
set Logical_Router_Port lr0-sw1 ipv6_ra_configs:send_periodic=true ipv6_ra_configs:max_interval=4 ipv6_ra_configs:min_interval=3
set Logical_Router_Port lr0-sw1 ipv6_ra_configs:rdnss="\"fd00:1::53\""
`)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(1, 2))
	for _, g := range []*integration.Guest{g1, g2} {
		// The kernel's solicitations are not what is looked at.
		if _, err := g.Run(5*time.Second, "busybox", "sysctl", "-w", "net.ipv6.conf.eth0.accept_ra=0"); err != nil {
			t.Fatal(err)
		}
	}
	c.WaitUp("p1", "p2")
	c.WaitHV()
	rdisc6 := func(g *integration.Guest, wait time.Duration, args ...string) string {
		t.Helper()
		out, err := g.Run(wait+15*time.Second, "rdisc6", append(args, "-n", "-w", fmt.Sprint(wait.Milliseconds()), "eth0")...)
		if err != nil {
			t.Error(err)
		}
		return strings.Join(strings.Fields(out), " ")
	}
	contains(t, "what rdisc6 says", rdisc6(g1, 5*time.Second, "-1"), " from fe80::200:ff:fe00:ff01",
		"Stateful address conf. : No Stateful other conf. : Yes", "Router preference : low", "Prefix : fd00::/64", "On-link : Yes Autonomous address conf.: Yes",
		"MTU : 1340 bytes (valid)", "Source link-layer address: 00:00:00:00:FF:01", "Route : fd11::/48 Route preference : high",
		"Route : fd12::/96 Route preference : low", "Recursive DNS server : fd00::53", "DNS search list : ovn.org example.org")
	// One solicitation, as it is answered: what else comes while it waits was not
	// asked for.
	all := rdisc6(g2, 5*time.Second, "-r", "1")
	contains(t, "what rdisc6 says", all, " from fe80::200:ff:fe00:ff02", "Stateful address conf. : Yes Stateful other conf. : No", "Router preference : medium",
		"Autonomous address conf.: No", "MTU : 1380 bytes (valid)", "Recursive DNS server : fd00:1::53")
	if n := strings.Count(all, "Prefix : fd00:1::/64"); n < 2 {
		t.Errorf("%d advertisements in five seconds, want that which was asked for and one that was not:\n%s", n, all)
	}
}

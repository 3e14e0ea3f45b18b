// Command demo shows the agent at work: two chassis, a router with two switches,
// IPv4 and IPv6, an ACL and a load balancer, with real OVS, real OVN and real
// packets, and an account of it that a person can read.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

const picture = `
                     lr0  10.0.0.254  10.0.1.254
                          fd00:0::fe  fd00:1::fe
                    ┌──────────┴──────────┐
                   sw0                   sw1
              ┌─────┴─────┐         ┌─────┴─────┐
            web1        web2     client       guest
          10.0.0.1    10.0.0.2  10.0.1.3     10.0.1.4
          fd00::1     fd00::2   fd00:1::3    fd00:1::4
           on hv1      on hv2    on hv1       on hv2

  tunnel          hv1 172.31.0.11 ══ Geneve ══ hv2 172.31.0.12
  load balancer   172.20.0.1:80 and [fd20::1]:80 ─► web1:8080, web2:8080
  ACL             port group servers = {web1, web2}, address set trusted:
                  let in what comes from $trusted, drop the rest
`

const network = `
ls-add sw0
ls-add sw1
lr-add lr0
lrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.254/24 fd00:0::fe/64
lrp-add lr0 lr0-sw1 00:00:00:00:ff:02 10.0.1.254/24 fd00:1::fe/64
lsp-add sw0 sw0-lr0
lsp-set-type sw0-lr0 router
lsp-set-addresses sw0-lr0 router
lsp-set-options sw0-lr0 router-port=lr0-sw0
lsp-add sw1 sw1-lr0
lsp-set-type sw1-lr0 router
lsp-set-addresses sw1-lr0 router
lsp-set-options sw1-lr0 router-port=lr0-sw1
lsp-add sw0 web1
lsp-set-addresses web1 "00:00:00:00:01:01 10.0.0.1 fd00::1"
lsp-add sw0 web2
lsp-set-addresses web2 "00:00:00:00:01:02 10.0.0.2 fd00::2"
lsp-add sw1 client
lsp-set-addresses client "00:00:00:00:01:03 10.0.1.3 fd00:1::3"
lsp-add sw1 guest
lsp-set-addresses guest "00:00:00:00:01:04 10.0.1.4 fd00:1::4"
lb-add web 172.20.0.1:80 10.0.0.1:8080,10.0.0.2:8080 tcp
lb-add web6 [fd20::1]:80 [fd00::1]:8080,[fd00::2]:8080 tcp
ls-lb-add sw0 web
ls-lb-add sw0 web6
ls-lb-add sw1 web
ls-lb-add sw1 web6
`

const rules = `
pg-add servers web1 web2
create Address_Set name=trusted addresses="10.0.0.1,10.0.0.2,10.0.1.3"
acl-add servers to-lport 1000 'outport == @servers && ip4.src == $trusted' allow-related
acl-add servers to-lport 900 'outport == @servers && ip4' drop
`

func main() {
	reference := flag.Bool("reference", false, "run the stack's own ovn-controller instead of ours")
	flag.Parse()
	kind := integration.Default
	if *reference {
		kind = integration.Reference
	}
	began := time.Now()
	err := integration.Run("demo", os.Stderr, func(t integration.T) { demo(t, kind) })
	integration.Sweep()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
	fmt.Printf("\nAll as it should be, in %.1f s.\n", time.Since(began).Seconds())
}

func demo(t integration.T, kind integration.AgentKind) {
	d := &account{T: t}
	fmt.Print(picture)

	d.heading("Starting")
	c := integration.NewCluster(t, integration.Options{Agent: kind})
	d.line("northbound and southbound databases, ovn-northd")
	var chassis []*integration.Chassis
	var proxies []*integration.SwitchProxy
	for _, name := range []string{"hv1", "hv2"} {
		ch := c.AddBareChassis(name)
		// Between agent and switch, to count what passes.
		proxies = append(proxies, ch.ProxySwitch())
		ch.StartAgent()
		chassis = append(chassis, ch)
		d.line("%s: ovsdb-server, ovs-vswitchd, ovn-controller (%s), tunnel address %s", name, ch.Agent.Kind, ch.Encap)
	}
	hv1, hv2 := chassis[0], chassis[1]
	c.NB(network)
	guest := func(ch *integration.Chassis, name string, n, subnet int) *integration.Guest {
		return ch.AddGuest(integration.GuestSpec{Name: name, LPort: name,
			MAC:      fmt.Sprintf("00:00:00:00:01:%02x", n),
			IPs:      []string{fmt.Sprintf("10.0.%d.%d/24", subnet, n), fmt.Sprintf("fd00:%x::%x/64", subnet, n)},
			Gateways: []string{fmt.Sprintf("10.0.%d.254", subnet), fmt.Sprintf("fd00:%x::fe", subnet)}})
	}
	web1, web2 := guest(hv1, "web1", 1, 0), guest(hv2, "web2", 2, 0)
	client, other := guest(hv1, "client", 3, 1), guest(hv2, "guest", 4, 1)
	c.WaitUp("web1", "web2", "client", "guest")
	c.WaitHV()
	d.line("four guests attached, their ports up")

	d.heading("Port bindings (southbound)")
	d.bindings(c)

	d.heading("Pings")
	for _, p := range []struct {
		from, to *integration.Guest
		what     string
	}{
		{web1, web2, "one switch, across the tunnel"},
		{client, web1, "through the router, one chassis"},
		{client, web2, "through the router, across the tunnel"},
		{other, web1, "through the router, across the tunnel"},
	} {
		d.ping(p.from, p.to, 4, p.what)
		d.ping(p.from, p.to, 6, p.what)
	}

	d.heading("Load balancer")
	for _, g := range []*integration.Guest{web1, web2} {
		g.Serve("tcp", ":8080")
	}
	d.balance(client, "172.20.0.1:80")
	d.balance(other, "[fd20::1]:80")
	d.balance(web1, "172.20.0.1:80")

	d.heading("ACL")
	loop := client.PingLoop(web2.IP(4), 10*time.Millisecond)
	c.NB(rules)
	c.WaitHV()
	client.Reaches(web1.IP(4))
	d.line("client → web1  answered: client is in $trusted")
	other.Blocked(web1.IP(4))
	d.line("guest  → web1  dropped:  guest is not")
	c.NB("add", "Address_Set", "trusted", "addresses", "10.0.1.4")
	c.WaitHV()
	other.Reaches(web1.IP(4))
	d.line("guest  → web1  answered: added to $trusted, nothing else touched")
	loss := loop.Stop()
	d.line("client → web2  meanwhile, a packet every 10 ms: %v", loss)
	if loss.Lost > 0 {
		t.Errorf("packets lost while rules changed: %v", loss)
	}

	d.heading("Flows per stage")
	d.stages(c, hv1, hv2)

	d.heading("Bundles")
	for i, ch := range chassis {
		d.bundles(ch, proxies[i])
	}
}

// account prints.
type account struct{ integration.T }

func (d *account) heading(s string) { fmt.Printf("\n%s\n", s) }

func (d *account) line(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }

func (d *account) bindings(c *integration.Cluster) {
	names := map[string]string{"": "-"}
	for line := range strings.Lines(c.SB("--format=csv", "--no-headings", "--columns=_uuid,name", "list", "Chassis")) {
		uuid, name, _ := strings.Cut(strings.TrimSpace(line), ",")
		names[uuid] = name
	}
	out := c.SB("--format=csv", "--no-headings", "--columns=logical_port,type,tunnel_key,chassis,up", "list", "Port_Binding")
	lines := strings.Split(out, "\n")
	slices.Sort(lines)
	d.line("%-10s %-8s %4s %8s %6s", "port", "type", "key", "chassis", "up")
	for _, line := range lines {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) != 5 {
			continue
		}
		typ := strings.Trim(f[1], `"`)
		if typ == "" {
			typ = "vif"
		}
		chassis, ok := names[f[3]]
		if !ok {
			chassis = "-"
		}
		d.line("%-10s %-8s %4s %8s %6s", f[0], typ, f[2], chassis, f[4])
	}
}

func (d *account) ping(from, to *integration.Guest, family int, what string) {
	from.Reaches(to.IP(family))
	began := time.Now()
	if err := from.Ping(to.IP(family), time.Second); err != nil {
		d.Fatalf("%v", err)
	}
	d.line("%-6s → %-5s %-9s %6.2f ms  %s", from.Name, to.Name, to.IP(family),
		float64(time.Since(began).Microseconds())/1000, what)
}

func (d *account) balance(client *integration.Guest, vip string) {
	const requests = 40
	count := map[string]int{}
	for range requests {
		count[client.Gets("tcp", vip).Server]++
	}
	d.line("%-6s asks %-13s %d times: web1 answers %d, web2 %d", client.Name, vip, requests, count["web1"], count["web2"])
	if count["web1"] == 0 || count["web2"] == 0 {
		d.Errorf("%s: one backend got nothing: %v", vip, count)
	}
}

// physical names the tables outside the logical pipeline.
var physical = map[int]string{
	pipeline.TablePhyToLog:              "physical to logical",
	pipeline.TableOutputLargePktDetect:  "output: large packets found",
	pipeline.TableOutputLargePktProcess: "output: large packets answered",
	pipeline.TableRemoteOutput:          "output: to other chassis",
	pipeline.TableRemoteVtepOutput:      "output: to VTEPs",
	pipeline.TableLocalOutput:           "output: on this chassis",
	pipeline.TableCheckLoopback:         "output: loopback check",
	pipeline.TableSaveInport:            "input port saved",
	pipeline.TableLogToPhy:              "logical to physical",
	pipeline.TableMACBinding:            "neighbours: by address",
	pipeline.TableMACLookup:             "neighbours: known already",
	pipeline.TableChkLBHairpin:          "load balancer hairpin",
	pipeline.TableChkLBHairpinReply:     "load balancer hairpin replies",
	pipeline.TableCtSNATHairpin:         "load balancer hairpin SNAT",
	pipeline.TableGetFDB:                "learned MAC addresses",
	pipeline.TableLookupFDB:             "learned MAC addresses: known already",
	pipeline.TableChkInPortSec:          "port security, in",
	pipeline.TableChkInPortSecND:        "port security, in: ARP and ND",
	pipeline.TableChkOutPortSec:         "port security, out",
	pipeline.TableMACCacheUse:           "neighbours: in use",
	pipeline.TableCtZoneLookup:          "conntrack zones of ports",
}

func (d *account) stages(c *integration.Cluster, hv1, hv2 *integration.Chassis) {
	names := map[int][]string{}
	out := c.SB("--format=csv", "--no-headings", "--columns=pipeline,table_id,external_ids", "list", "Logical_Flow")
	for line := range strings.Lines(out) {
		side, rest, _ := strings.Cut(line, ",")
		var table int
		if _, err := fmt.Sscanf(rest, "%d,", &table); err != nil {
			continue
		}
		table += pipeline.TableIngress
		if side == "egress" {
			table += pipeline.TableEgress - pipeline.TableIngress
		}
		_, name, ok := strings.Cut(rest, "stage-name=")
		if end := strings.IndexAny(name, "},\""); ok && end >= 0 && !slices.Contains(names[table], name[:end]) {
			names[table] = append(names[table], name[:end])
		}
	}
	count := func(ch *integration.Chassis) map[int]int {
		m := map[int]int{}
		for _, line := range ch.DumpFlows() {
			table := 0
			if _, rest, ok := strings.Cut(line, "table="); ok {
				if _, err := fmt.Sscanf(rest, "%d", &table); err != nil {
					d.Fatalf("table of %q: %v", line, err)
				}
			}
			m[table]++
		}
		return m
	}
	one, two := count(hv1), count(hv2)
	d.line("%5s %6s %6s  %s", "table", "hv1", "hv2", "logical stages")
	sum1, sum2 := 0, 0
	for table := range 256 {
		if one[table]+two[table] == 0 {
			continue
		}
		sum1, sum2 = sum1+one[table], sum2+two[table]
		slices.Sort(names[table])
		stages := physical[table]
		if len(names[table]) > 0 {
			stages = strings.Join(names[table], ", ")
		}
		d.line("%5d %6d %6d  %s", table, one[table], two[table], stages)
	}
	d.line("%5s %6d %6d", "all", sum1, sum2)
}

func (d *account) bundles(ch *integration.Chassis, proxy *integration.SwitchProxy) {
	commits, inside, outside := 0, 0, 0
	for _, m := range proxy.Messages() {
		if m.Commits() {
			commits++
		}
		if m.Type() == integration.TypeFlowMod || m.Type() == integration.TypeGroupMod {
			outside++
		}
		if inner, ok := m.Inner(); ok && (inner.Type() == integration.TypeFlowMod || inner.Type() == integration.TypeGroupMod) {
			inside++
		}
	}
	d.line("%s: %d committed, with %d flow and group changes; %d changes outside a bundle", ch.Name, commits, inside, outside)
}

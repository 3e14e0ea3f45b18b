// Command hitless counts the pings that are lost while the agent, the southbound
// database and the switch are troubled on purpose, for our agent and for the C
// agent, one after the other in clusters of the same make: three southbound servers,
// northd, two chassis, a router between the guests that ping each other through a
// tunnel.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

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
lsp-add sw0 p1
lsp-set-addresses p1 "00:00:00:00:01:01 10.0.0.1 fd00::1"
lsp-add sw1 p2
lsp-set-addresses p2 "00:00:00:00:01:02 10.0.1.2 fd00:1::2"
pg-add all p1 p2
create Address_Set name=src addresses="10.0.0.1,10.0.0.9"
acl-add all from-lport 1000 'inport == @all && ip4.src == $src' allow-related
acl-add all from-lport 900 'inport == @all && tcp.dst == 99' drop
lb-add lb4 172.20.0.1:80 10.0.0.1:8080,10.0.1.2:8080 tcp
ls-lb-add sw0 lb4
ls-lb-add sw1 lb4
`

// bed is a cluster under traffic.
type bed struct {
	integration.T
	c        *integration.Cluster
	hv1, hv2 *integration.Chassis
	g1, g2   *integration.Guest
}

// trouble is what happens while the guests ping each other.
type trouble struct {
	name string
	do   func(*bed)
}

var troubles = []trouble{
	{"agent killed (-9) and started", func(b *bed) {
		b.hv1.Agent.Kill()
		b.hv1.StartAgent()
		b.c.WaitHV()
	}},
	{"agent upgraded", func(b *bed) {
		b.hv1.Agent.Exit(true)
		if b.hv1.Agent.Kind == integration.Ours {
			b.hv1.StartAgentAt(integration.BuildOther(b, "ovn-controller"))
		} else {
			b.hv1.StartAgent()
		}
		b.c.WaitHV()
	}},
	{"southbound database away for 10 s", func(b *bed) {
		for _, m := range b.c.Members() {
			m.Kill()
		}
		time.Sleep(10 * time.Second)
		for _, m := range b.c.Members() {
			m.Start()
		}
		b.c.Leader()
		b.c.WaitHV()
	}},
	{"southbound leader killed", func(b *bed) {
		old := b.c.Leader()
		old.Kill()
		b.c.Leader()
		b.c.WaitHV()
		old.Start()
	}},
	{"flows and groups changed by others", func(b *bed) {
		for i := range 10 {
			b.hv1.OFCtl("del-groups", "br-int")
			b.hv1.OFCtl("del-flows", "br-int", "tcp,nw_dst=172.20.0.1")
			b.hv1.OFCtl("add-flow", "br-int", fmt.Sprintf("table=8,priority=1,cookie=0x%x,reg0=0x77,actions=drop", 0x7000+i))
			time.Sleep(300 * time.Millisecond)
		}
	}},
}

// outcome is what one trouble cost one agent.
type outcome struct {
	loss [2]integration.Loss // IPv4, IPv6
	took time.Duration
}

func (o outcome) String() string {
	lost, sent, gap := 0, 0, 0
	for _, l := range o.loss {
		lost, sent, gap = lost+l.Lost, sent+l.Sent, max(gap, l.LongestGap)
	}
	if lost == 0 {
		return fmt.Sprintf("0 of %d", sent)
	}
	return fmt.Sprintf("%d of %d (%d in a row)", lost, sent, gap)
}

func main() {
	pings := flag.Int("pings", 3000, "pings of each of IPv4 and IPv6 during each trouble, one each 10 ms")
	agents := flag.String("agents", "ours,reference", "which agents, of ours and reference")
	flag.Parse()
	kinds := map[string]integration.AgentKind{"ours": integration.Ours, "reference": integration.Reference}
	names := strings.Split(*agents, ",")
	got := map[string][]outcome{}
	failed := false
	for _, name := range names {
		kind, ok := kinds[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "hitless: unknown agent %q\n", name)
			os.Exit(2)
		}
		err := integration.Run("hitless", os.Stderr, func(t integration.T) {
			b := newBed(t, kind)
			for _, x := range troubles {
				o := b.during(x, *pings)
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", name, x.name, o)
				got[name] = append(got[name], o)
			}
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, "hitless:", err)
			failed = true
		}
	}
	integration.Sweep()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprint(w, "| pings lost while\t|")
	for _, name := range names {
		fmt.Fprintf(w, " %s\t|", name)
	}
	fmt.Fprint(w, "\n| ---\t|", strings.Repeat(" ---\t|", len(names)), "\n")
	for i, x := range troubles {
		fmt.Fprintf(w, "| %s\t|", x.name)
		for _, name := range names {
			if i < len(got[name]) {
				fmt.Fprintf(w, " %v\t|", got[name][i])
				failed = failed || name == "ours" && got[name][i].loss[0].Lost+got[name][i].loss[1].Lost > 0
			} else {
				fmt.Fprint(w, " not measured\t|")
			}
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if failed {
		os.Exit(1)
	}
}

func newBed(t integration.T, kind integration.AgentKind) *bed {
	b := &bed{T: t, c: integration.NewCluster(t, integration.Options{Agent: kind, Members: 3, NoVerify: true})}
	b.hv1, b.hv2 = b.c.AddChassis("hv1"), b.c.AddChassis("hv2")
	b.c.NB(network)
	guest := func(ch *integration.Chassis, n, subnet int) *integration.Guest {
		return ch.AddGuest(integration.GuestSpec{Name: fmt.Sprintf("g%d", n), LPort: fmt.Sprintf("p%d", n),
			MAC:      fmt.Sprintf("00:00:00:00:01:%02x", n),
			IPs:      []string{fmt.Sprintf("10.0.%d.%d/24", subnet, n), fmt.Sprintf("fd00:%x::%x/64", subnet, n)},
			Gateways: []string{fmt.Sprintf("10.0.%d.254", subnet), fmt.Sprintf("fd00:%x::fe", subnet)}})
	}
	b.g1, b.g2 = guest(b.hv1, 1, 0), guest(b.hv2, 2, 1)
	b.c.WaitUp("p1", "p2")
	b.c.WaitHV()
	return b
}

// during pings while x happens, as often as is asked and until it is over.
func (b *bed) during(x trouble, pings int) outcome {
	const interval = 10 * time.Millisecond
	var loops [2]*integration.PingLoop
	for i, family := range []int{4, 6} {
		b.g1.Reaches(b.g2.IP(family))
		loops[i] = b.g1.PingLoop(b.g2.IP(family), interval)
	}
	begin := time.Now()
	time.Sleep(time.Second)
	var o outcome
	start := time.Now()
	x.do(b)
	o.took = time.Since(start)
	time.Sleep(max(time.Second, time.Duration(pings)*interval-time.Since(begin)))
	for i, l := range loops {
		o.loss[i] = l.Stop()
	}
	return o
}

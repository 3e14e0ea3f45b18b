// Command soak keeps hostile packets coming to the agent, as many as the switch
// delivers, and watches what must hold meanwhile: the agent's memory is bounded, no
// connection to the switch or a database is lost, no handler panics, and a port that
// behaves gets its DHCP offers in time.
//
// More than the switch can take costs it the time for what it delivers: on two cores
// it passes on 9,000 packets a second when twice 10,000 come, 5,000 when as many come
// as can be sent.
//
//	hostile guests ──► ovs-vswitchd ──packet-in──► agent
//	a guest with DHCP ──┘   (userspace datapath)     └─► southbound database
package main

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

type options struct {
	duration, report time.Duration
	ports, rate      int
	room             int64 // bytes
	p99              time.Duration
}

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "how long")
	flag.DurationVar(&o.report, "report", 30*time.Second, "time between two lines of figures")
	flag.IntVar(&o.ports, "ports", 2, "hostile ports")
	flag.IntVar(&o.rate, "rate", 10000, "packets that each of them sends a second, 0 for as many as it can")
	mb := flag.Int64("room", 96, "MB that the agent's memory may grow by after the first minute")
	flag.DurationVar(&o.p99, "p99", 50*time.Millisecond, "99 % of the DHCP requests of another port must be answered within")
	flag.Parse()
	o.room = *mb << 20
	err := integration.Run("soak", os.Stdout, func(t integration.T) { soak(t, o) })
	integration.Sweep()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

const metrics = "127.0.0.1:9476"

// network is a switch with DHCP, DNS, snooping and refused connections on a router
// behind which nobody lives.
func network(ports int) string {
	var b strings.Builder
	b.WriteString(`
ls-add sw0
ls-add sw1
lr-add lr0
lrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.254/24 fd00::fe/64
lrp-add lr0 lr0-sw1 00:00:00:00:ff:02 10.1.0.254/16 fd00:1::fe/64
set Logical_Router_Port lr0-sw0 ipv6_ra_configs:address_mode=slaac
`)
	for _, s := range []string{"sw0", "sw1"} {
		fmt.Fprintf(&b, "lsp-add %[1]s %[1]s-lr0\nlsp-set-type %[1]s-lr0 router\nlsp-set-addresses %[1]s-lr0 router\nlsp-set-options %[1]s-lr0 router-port=lr0-%[1]s\n", s)
	}
	b.WriteString(`
set Logical_Switch sw0 other_config:mcast_snoop=true
--id=@n create DNS records:vm2.ovn.org=10.0.1.2 -- set Logical_Switch sw0 dns_records=@n
`)
	dhcp := `--id=@d create DHCP_Options cidr=10.0.0.0/24 options:server_id=10.0.0.254 options:server_mac="\"00:00:00:00:ff:01\"" options:lease_time=3600 options:router=10.0.0.254`
	for n := range ports + 1 {
		fmt.Fprintf(&b, "lsp-add sw0 p%[1]d\nlsp-set-addresses p%[1]d \"00:00:00:00:01:%02[1]x 10.0.0.%[1]d fd00::%[1]x\"\n", n+1)
		dhcp += fmt.Sprintf(" -- set Logical_Switch_Port p%d dhcpv4_options=@d", n+1)
		fmt.Fprintf(&b, "acl-add sw0 from-lport 1000 'inport == \"p%d\" && tcp.dst == 0..32767' reject\n", n+1)
	}
	return b.String() + dhcp + "\n"
}

func soak(t integration.T, o options) {
	c := integration.NewCluster(t, integration.Options{NoVerify: true})
	ch := c.AddBareChassis("hv1")
	agent := ch.StartAgent("--metrics=" + metrics)
	c.NB(network(o.ports))
	var guests []*integration.Guest
	var lports []string
	for n := range o.ports + 1 {
		lport := fmt.Sprintf("p%d", n+1)
		guests = append(guests, ch.AddGuest(integration.GuestSpec{Name: fmt.Sprintf("g%d", n+1), LPort: lport,
			MAC: fmt.Sprintf("00:00:00:00:01:%02x", n+1), IPs: []string{fmt.Sprintf("10.0.0.%d/24", n+1)}}))
		lports = append(lports, lport)
	}
	c.WaitUp(lports...)
	c.WaitHV()
	polite := guests[o.ports]
	integration.WaitFor(t, 20*time.Second, "DHCP at rest", func() error {
		if len(polite.RequestOffers(20*time.Millisecond, 10*time.Millisecond).Took) == 0 {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	rest := polite.RequestOffers(3*time.Second, 10*time.Millisecond)
	t.Logf("at rest: %v", rest)

	router, _ := net.ParseMAC("00:00:00:00:ff:01")
	var storms []*integration.Storm
	for n, g := range guests[:o.ports] {
		storms = append(storms, g.Storm(integration.StormSpec{Router: router, RouterIP: netip.MustParseAddr("10.0.0.254"),
			Unresolved: netip.MustParsePrefix("10.1.0.0/16"), Seed: uint64(n), Rate: o.rate}))
	}
	var offers integration.Offers
	var wg sync.WaitGroup
	wg.Go(func() { offers = polite.RequestOffers(o.duration, 10*time.Millisecond) })
	w := watcher{t: t, agent: agent, storms: storms, room: o.room, began: time.Now()}
	for end := time.Now().Add(o.duration); time.Now().Before(end); {
		time.Sleep(min(o.report, time.Until(end)))
		w.look()
	}
	wg.Wait()
	for _, s := range storms {
		s.Stop()
	}
	t.Logf("DHCP of a port that behaves: %v", offers)
	if p := offers.Percentile(99); p > o.p99 {
		t.Errorf("99 %% of the DHCP requests were answered within %v, not %v", p, o.p99)
	}
	if agent.Logged("panic") {
		t.Errorf("a handler panicked:\n%s", agent.Tail(60))
	}
	if m, err := agent.Scrape(metrics); err == nil {
		const wait = "ovn_controller_packet_in_queue_seconds"
		t.Logf("of %.0f packet-ins %.0f waited longer than 50 ms in the agent", m[wait+"_count"],
			m[wait+"_count"]-m[wait+`_bucket{le="0.05"}`])
	}
	if out, err := agent.Ctl("packet-in/show"); err == nil {
		t.Logf("\n%s", out)
	}
}

// watcher looks at the figures now and then.
type watcher struct {
	t      integration.T
	agent  *integration.Agent
	storms []*integration.Storm
	room   int64
	began  time.Time

	settled  int64 // memory after the first minute
	received float64
	at       time.Time
}

func (w *watcher) look() {
	m, err := w.agent.Scrape(metrics)
	if err != nil {
		w.t.Errorf("metrics: %v", err)
		return
	}
	sum := func(prefix string) (n float64) {
		for name, v := range m {
			if strings.HasPrefix(name, "ovn_controller_"+prefix) {
				n += v
			}
		}
		return n
	}
	rss, err := w.agent.RSS()
	if err != nil {
		w.t.Errorf("%v", err)
		return
	}
	var sent uint64
	for _, s := range w.storms {
		sent += s.Sent()
	}
	now, received := time.Now(), sum("packet_in_received_total")
	since := now.Sub(w.at).Seconds()
	if w.at.IsZero() {
		since = now.Sub(w.began).Seconds()
	}
	w.t.Logf("%4.0f s: %d sent, %.0f packet-ins a second, %.0f dropped by the agent, %.0f by the switch, %.1f MB in the queue, %.0f flows, %d MB",
		now.Sub(w.began).Seconds(), sent, (received-w.received)/since, sum("packet_in_dropped_total"), sum("switch_packet_in_dropped_total"),
		sum("packet_in_queue_bytes")/(1<<20), sum(`flows{state="installed"}`), rss>>20)
	w.received, w.at = received, now
	if w.settled == 0 && now.Sub(w.began) > time.Minute {
		w.settled = rss
	}
	if w.settled > 0 && rss > w.settled+w.room {
		w.t.Errorf("the agent's memory grew from %d to %d MB", w.settled>>20, rss>>20)
	}
	for name, want := range map[string]float64{
		"packet_in_panics_total": 0, "switch_connects_total": 1, "packet_in_connected": 1, "database_connected": 2,
	} {
		if got := sum(name); got != want {
			w.t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

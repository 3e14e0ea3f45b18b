package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// interval is between two packets of the guest.
const interval = 10 * time.Millisecond

// world is a guest on one chassis, two gateways, and a host on the physical network.
type world struct {
	t       integration.T
	c       *integration.Cluster
	gw      [2]*integration.Chassis // best first
	client  *integration.Chassis
	guest   *integration.Guest
	host    *integration.Guest // on the physical network
	outside string
	// ping sends from one to the other while something happens.
	ping func() *integration.PingLoop
	bfd  time.Duration // between two of its packets, 0 is Open vSwitch's choice
}

// network is a router between the guest's switch and the physical network, whose
// port there is on gw1 or else on gw2.
const network = `
ls-add sw0
lsp-add sw0 client
lsp-set-addresses client "00:00:00:00:01:01 10.0.0.1"
ls-add ext
lsp-add ext ln0
lsp-set-type ln0 localnet
lsp-set-addresses ln0 unknown
lsp-set-options ln0 network_name=physnet1
lr-add lr0
lrp-add lr0 lr0-sw0 00:00:00:00:ff:01 10.0.0.254/24
lsp-add sw0 sw0-lr0
lsp-set-type sw0-lr0 router
lsp-set-addresses sw0-lr0 router
lsp-set-options sw0-lr0 router-port=lr0-sw0
lrp-add lr0 lr0-ext 00:00:00:00:ff:02 192.0.2.1/24
lsp-add ext ext-lr0
lsp-set-type ext-lr0 router
lsp-set-addresses ext-lr0 router
lsp-set-options ext-lr0 router-port=lr0-ext nat-addresses=router
lr-nat-add lr0 snat 192.0.2.1 10.0.0.0/24
lrp-set-gateway-chassis lr0-ext gw1 20
lrp-set-gateway-chassis lr0-ext gw2 10
`

// reachable is an address by which hosts outside reach the guest.
const reachable = "192.0.2.50"

// redirect is the port that belongs to the active gateway.
const redirect = "cr-lr0-ext"

// newWorld starts it. Gateways are found dead when mult BFD packets at an interval
// did not come; an interval of 0 leaves that to Open vSwitch.
func newWorld(t integration.T, opt integration.Options, bfd time.Duration, mult int) *world {
	c := integration.NewCluster(t, opt)
	w := &world{t: t, c: c, bfd: bfd}
	w.gw[0], w.gw[1], w.client = c.AddChassis("gw1"), c.AddChassis("gw2"), c.AddChassis("hv1")
	for _, gw := range w.gw {
		gw.AddPhysical("physnet1")
	}
	if bfd > 0 {
		c.NB(fmt.Sprintf("set NB_Global . options:bfd-min-rx=%d options:bfd-min-tx=%[1]d options:bfd-mult=%d", bfd.Milliseconds(), mult))
	}
	c.NB(network)
	w.host = c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01", IPs: []string{"192.0.2.100/24"}})
	w.outside = w.host.IP(4)
	w.ping = func() *integration.PingLoop { return w.guest.PingLoop(w.outside, interval) }
	w.guest = w.client.AddGuest(integration.GuestSpec{Name: "client", LPort: "client", MAC: "00:00:00:00:01:01",
		IPs: []string{"10.0.0.1/24"}, Gateways: []string{"10.0.0.254"}})
	c.WaitUp("client")
	w.settled()
	return w
}

// fromOutside has the host outside ping the guest, instead of the other way round:
// nothing but announcements tells the physical network where the address went.
func (w *world) fromOutside() {
	w.c.NB("lr-nat-add", "lr0", "dnat_and_snat", reachable, "10.0.0.1")
	w.c.WaitHV()
	w.host.Reaches(reachable)
	w.ping = func() *integration.PingLoop { return w.host.PingLoop(reachable, interval) }
}

// settled waits until the better gateway is active, and all hear each other.
func (w *world) settled() {
	w.t.Helper()
	for _, ch := range append(w.gw[:], w.client) {
		w.hears(ch, 2)
	}
	w.active(w.gw[0])
	w.c.WaitHV()
	w.guest.Reaches(w.outside)
}

// hears waits until BFD is up on a number of a chassis' tunnels, at its final pace.
func (w *world) hears(ch *integration.Chassis, n int) {
	w.t.Helper()
	integration.WaitFor(w.t, 20*time.Second, fmt.Sprintf("%d tunnels of %s up", n, ch.Name), func() error {
		up := strings.Fields(ch.VSCtl("--bare", "--columns=name", "find", "Interface", "bfd_status:state=up"))
		if len(up) != n {
			return fmt.Errorf("up are %v", up)
		}
		// A session begins with a packet a second, and is found dead accordingly.
		for line := range strings.Lines(ch.AppCtl("bfd/show")) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": Approx ")
			if every, err := time.ParseDuration(value); err == nil && w.bfd > 0 && every != w.bfd {
				return fmt.Errorf("%s is %v", name, every)
			}
		}
		return nil
	})
}

// active waits until a gateway has the port.
func (w *world) active(gw *integration.Chassis) {
	w.t.Helper()
	w.c.SB("wait-until", "Port_Binding", redirect, "chassis="+w.uuid(gw))
}

func (w *world) uuid(ch *integration.Chassis) string {
	return w.c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name="+ch.Name)
}

// owner is the chassis that has the port, "" for none.
func (w *world) owner() string {
	return w.c.SB("--bare", "--columns=chassis", "find", "Port_Binding", "logical_port="+redirect)
}

// event is what happens to the better gateway.
type event struct {
	name, about string
	run         func(w *world)
	// active is the index of the gateway that is to be active then.
	active int
}

var events = []event{
	{"failure", "ovs-vswitchd of the active gateway is killed", func(w *world) { w.gw[0].KillSwitch() }, 1},
	{"return", "it is started again, and its gateway is active again", func(w *world) {
		// As ovs-ctl does: OVN 26.03.1 leaves the switch told to wait for flows, and
		// does not tell it to go on when it comes back.
		w.gw[0].VSCtl("--no-wait", "remove", "Open_vSwitch", ".", "other_config", "flow-restore-wait")
		w.gw[0].StartSwitch()
		w.gw[0].RestoreUnderlay()
	}, 0},
}

// outcome is what an event cost, and how long it took until the southbound database
// names the other gateway.
type outcome struct {
	integration.Loss
	taken time.Duration
}

// measure lets an event happen while pings are sent, and waits until traffic flows by
// way of the gateway that is to be active.
func (w *world) measure(e event) outcome {
	l := w.ping()
	more := func() {
		before := l.Received()
		integration.WaitFor(w.t, time.Minute, "replies", func() error {
			if l.Received() < before+50 {
				return errors.New("none")
			}
			return nil
		})
	}
	more()
	begin := time.Now()
	e.run(w)
	w.active(w.gw[e.active])
	o := outcome{taken: time.Since(begin)}
	more()
	if e.active == 0 {
		// What the guest's chassis and both gateways do about it may come later.
		w.settled()
		more()
	}
	o.Loss = l.Stop()
	return o
}

// printLogs prints the end of what each chassis' programs logged.
func (w *world) printLogs(to io.Writer, title string) {
	fmt.Fprintf(to, "== %s\n", title)
	for _, ch := range append(w.gw[:], w.client) {
		fmt.Fprintf(to, "%s %s\n%s %s\n", ch.Name, ch.Agent.Tail(40), ch.Name, ch.Switch().Tail(12))
	}
}

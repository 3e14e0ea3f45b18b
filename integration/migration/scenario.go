package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// interval is between two packets of the one who pings.
var interval = 10 * time.Millisecond

// world is three chassis: a guest moves between the first two, and is pinged from
// the third.
type world struct {
	t        integration.T
	c        *integration.Cluster
	hv       [2]*integration.Chassis
	guest    *integration.Migrant
	pinger   *integration.Guest
	pingable string
}

const lport = "mig"

// newWorld starts it. The guest's switch is on a router with that many others.
func newWorld(t integration.T, opt integration.Options, switches int) *world {
	c := integration.NewCluster(t, opt)
	w := &world{t: t, c: c}
	w.hv[0], w.hv[1] = c.AddChassis("hv1"), c.AddChassis("hv2")
	hv3 := c.AddChassis("hv3")
	c.NB(network(switches))
	w.guest = c.AddMigrant(integration.GuestSpec{Name: "guest", LPort: lport, MAC: "00:00:00:00:01:01",
		IPs: []string{"10.0.0.1/24", "fd00::1/64"}}, w.hv[0], w.hv[1])
	w.pinger = hv3.AddGuest(integration.GuestSpec{Name: "pinger", LPort: "pinger", MAC: "00:00:00:00:01:02",
		IPs: []string{"10.0.0.2/24", "fd00::2/64"}})
	w.guest.Plug(w.hv[0])
	c.WaitUp(lport, "pinger")
	c.WaitHV()
	w.pingable = w.guest.IP(4)
	w.pinger.Reaches(w.pingable)
	return w
}

func network(switches int) string {
	var b strings.Builder
	b.WriteString(`ls-add sw0
lsp-add sw0 mig
lsp-set-addresses mig "00:00:00:00:01:01 10.0.0.1 fd00::1"
lsp-set-port-security mig "00:00:00:00:01:01 10.0.0.1 fd00::1"
lsp-add sw0 pinger
lsp-set-addresses pinger "00:00:00:00:01:02 10.0.0.2 fd00::2"
lr-add lr0
acl-add sw0 to-lport 1000 'outport == "mig" && ip4.src == 10.0.0.0/24' allow-related
acl-add sw0 to-lport 1000 'outport == "mig" && ip6' allow-related
acl-add sw0 to-lport 900 'outport == "mig" && ip' drop
`)
	for i := range switches {
		fmt.Fprintf(&b, "ls-add other%d\n", i)
	}
	for i := -1; i < switches; i++ {
		sw := "sw0"
		if i >= 0 {
			sw = fmt.Sprintf("other%d", i)
		}
		fmt.Fprintf(&b, `lrp-add lr0 lr0-%[1]s 00:00:00:01:%02[2]x:%02[3]x 10.%[4]d.%[3]d.254/24
lsp-add %[1]s %[1]s-lr0
lsp-set-type %[1]s-lr0 router
lsp-set-addresses %[1]s-lr0 router
lsp-set-options %[1]s-lr0 router-port=lr0-%[1]s
`, sw, (i+1)>>8, (i+1)&0xff, (i+1)>>8)
		if i < 0 {
			continue
		}
		for p := range 10 {
			fmt.Fprintf(&b, "lsp-add %[1]s %[1]s-%[2]d\nlsp-set-addresses %[1]s-%[2]d \"00:00:01:%02[3]x:%02[4]x:%02[2]x 10.%[3]d.%[4]d.%[2]d\"\n",
				sw, p+1, (i+1)>>8, (i+1)&0xff)
			fmt.Fprintf(&b, "acl-add %[1]s to-lport 1000 'outport == \"%[1]s-%[2]d\" && ip4.src == 10.0.0.0/8 && tcp.dst == %[3]d' allow-related\n",
				sw, p+1, 1000+p)
		}
	}
	return b.String()
}

// request sets options:requested-chassis of the port, and its activation strategy.
func (w *world) request(strategy string, chassis ...*integration.Chassis) {
	var names []string
	for _, ch := range chassis {
		names = append(names, ch.Name)
	}
	where := []any{[]any{"name", "==", lport}}
	ops := []any{map[string]any{"op": "mutate", "table": "Logical_Switch_Port", "where": where, "mutations": []any{
		[]any{"options", "delete", []any{"set", []string{"requested-chassis", "activation-strategy"}}}}}}
	pairs := [][]string{}
	if len(names) > 0 {
		pairs = append(pairs, []string{"requested-chassis", strings.Join(names, ",")})
	}
	if strategy != "" {
		pairs = append(pairs, []string{"activation-strategy", strategy})
	}
	if len(pairs) > 0 {
		ops = append(ops, map[string]any{"op": "mutate", "table": "Logical_Switch_Port", "where": where, "mutations": []any{
			[]any{"options", "insert", []any{"map", pairs}}}})
	}
	w.c.TransactNB(ops...)
}

// binding waits until columns of the guest's Port_Binding have what is wanted, as
// ovn-sbctl prints it.
func (w *world) binding(what string, want func(chassis, additional, options string) bool) {
	w.t.Helper()
	integration.WaitFor(w.t, 20*time.Second, what, func() error {
		out := w.c.SB("--format=csv", "--data=bare", "--no-headings", "--columns=chassis,additional_chassis,up,options", "find", "Port_Binding", "logical_port="+lport)
		f := strings.SplitN(out, ",", 4)
		if len(f) != 4 || f[2] != "true" || !want(f[0], f[1], f[3]) {
			return errors.New(out)
		}
		return nil
	})
}

func (w *world) uuid(ch *integration.Chassis) string {
	return w.c.SB("--bare", "--columns=_uuid", "find", "Chassis", "name="+ch.Name)
}

// settled waits until the guest is at the chassis alone, for everybody.
func (w *world) settled(ch *integration.Chassis) {
	id := w.uuid(ch)
	w.binding("guest at "+ch.Name, func(chassis, additional, _ string) bool { return chassis == id && additional == "" })
	w.c.WaitHV()
	w.pinger.Reaches(w.pingable)
}

// move is one way to move the guest.
type move struct {
	name, about string
	run         func(w *world, from, to *integration.Chassis)
}

var moves = []move{
	{"plain", "iface-id removed at the source, added at the destination", func(w *world, from, to *integration.Chassis) {
		w.guest.Unplug(from)
		w.guest.Plug(to)
		w.guest.Run(to)
		w.settled(to)
	}},
	{"requested", "iface-id at both, requested-chassis changes", func(w *world, from, to *integration.Chassis) {
		w.guest.Plug(to)
		time.Sleep(pause)
		w.request("", to)
		w.guest.Run(to)
		w.settled(to)
		w.guest.Unplug(from)
	}},
	multichassis("rarp"), multichassis("garp"), multichassis("na"),
}

// pause is what orchestration takes between two of its steps.
const pause = 300 * time.Millisecond

func multichassis(packet string) move {
	return move{"multichassis " + packet, "requested-chassis names both, activation-strategy=" + packet,
		func(w *world, from, to *integration.Chassis) {
			w.request(packet, from, to)
			w.guest.Plug(to)
			id := w.uuid(to)
			w.binding("additional chassis "+to.Name, func(_, additional, _ string) bool { return additional == id })
			w.c.WaitHV()
			w.guest.Run(to)
			w.guest.Announce(packet)
			w.binding("activation at "+to.Name, func(_, _, options string) bool {
				return strings.Contains(options, "additional-chassis-activated="+to.Name)
			})
			time.Sleep(pause)
			w.request(packet, to)
			w.settled(to)
			w.guest.Unplug(from)
			time.Sleep(pause)
		}}
}

// prepare brings the port to where a move begins.
func (w *world) prepare(m move, at *integration.Chassis) {
	if m.name == "plain" {
		w.request("")
	} else {
		w.request("", at)
	}
	w.c.Sync()
	w.settled(at)
	if !w.c.Reference() {
		return
	}
	// The reference keeps the flows of networks it no longer needs until it next
	// starts over: as a destination it is to be one that had not the guest before.
	for _, ch := range w.hv {
		if out, err := ch.Agent.Ctl("inc-engine/recompute"); err != nil {
			w.t.Fatalf("%s: %v %s", ch.Name, err, out)
		}
	}
	w.c.WaitHV()
}

// lose moves the guest and returns how many packets were lost meanwhile.
func (w *world) lose(m move, from, to *integration.Chassis) integration.Loss {
	w.prepare(m, from)
	l := w.pinger.PingLoop(w.pingable, interval)
	more := func() {
		before := l.Received()
		integration.WaitFor(w.t, 10*time.Second, "replies", func() error {
			if l.Received() < before+20 {
				return errors.New("none")
			}
			return nil
		})
	}
	more()
	m.run(w, from, to)
	more()
	return l.Stop()
}

// changes returns what happened to the flows of a chassis while fn ran.
func changes(ch *integration.Chassis, fn func()) []string {
	events := ch.Monitor()
	fn()
	const mark = "table=252"
	ch.OFCtl("add-flow", "br-int", mark+",actions=drop")
	defer ch.OFCtl("del-flows", "br-int", mark)
	return events.WaitFor(mark)
}

func atLeast(n, want int) error {
	if n < want {
		return fmt.Errorf("%d, want %d", n, want)
	}
	return nil
}

package servicemonitor

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// world is a duty, its replica, and what it has told the packet-in loop.
type world struct {
	*testing.T
	sb      *replica.SB
	duty    *Duty
	chassis ovsdb.UUID
	probed  map[pinctrl.ServiceKey]pinctrl.Service
}

func (w *world) Probe(changes map[pinctrl.ServiceKey]*pinctrl.Service) {
	for k, s := range changes {
		if s == nil {
			delete(w.probed, k)
		} else {
			w.probed[k] = *s
		}
	}
}

var (
	us, them = ovsdb.UUID{5}, ovsdb.UUID{6}
	dp       = &sbdb.DatapathBinding{UUID: ovsdb.UUID{1}, TunnelKey: 7}
	port     = &sbdb.PortBinding{UUID: ovsdb.UUID{2}, Datapath: dp.UUID, TunnelKey: 3, LogicalPort: "p1", Chassis: us, Up: ovsdb.Some(true),
		MAC: []string{"unknown", "02:00:00:00:00:0b 10.0.0.9", "02:00:00:00:00:0a 10.0.0.1 fd00::1"}}
	in  = &sbdb.PortBinding{UUID: ovsdb.UUID{3}, Datapath: dp.UUID, TunnelKey: 4, LogicalPort: "nf-in", Chassis: us}
	row = sbdb.ServiceMonitor{UUID: ovsdb.UUID{8}, LogicalPort: "p1", IP: "10.0.0.1", Port: 80, SrcIP: "10.0.0.254", SrcMAC: "02:00:00:00:00:fe"}
)

func newWorld(t *testing.T) *world {
	w := &world{T: t, sb: replica.NewSB(sbdb.NewDB()), chassis: us, probed: map[pinctrl.ServiceKey]pinctrl.Service{}}
	w.duty = New(w.sb.DB, slog.New(slog.DiscardHandler))
	w.run(func(u *sbdb.Update) { u.PutDatapathBinding(dp); u.PutPortBinding(port); u.PutPortBinding(in) })
	return w
}

// run is a round without a transaction, then one with, which it returns.
func (w *world) run(change func(*sbdb.Update)) string {
	u := &sbdb.Update{}
	change(u)
	i := Inputs{SB: w.sb, Chassis: w.chassis, Changes: w.sb.Apply(u)}
	w.duty.Run(i, w, nil)
	tx := ovsdb.NewTxn("")
	i.Changes = nil
	w.duty.Run(i, w, tx)
	if tx.Len() == 0 {
		return ""
	}
	return tx.String()
}

func nothing(*sbdb.Update) {}

func (w *world) services() string {
	var out []string
	for k, s := range w.probed {
		out = append(out, fmt.Sprintf("%v %v:%d/%d from %v %v to %v out %d every %v within %v %d %d",
			k.At, k.IP, k.Port, k.Protocol, s.FromMAC, s.From, s.MAC, s.Out, s.Interval, s.Timeout, s.Success, s.Failure))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (w *world) expect(what, got, want string) {
	w.Helper()
	if got != want {
		w.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

func put(change func(*sbdb.ServiceMonitor)) func(*sbdb.Update) {
	return func(u *sbdb.Update) {
		r := row
		change(&r)
		u.PutServiceMonitor(&r)
	}
}

func unchanged(*sbdb.ServiceMonitor) {}

const plain = "{7 3} 10.0.0.1:80/0 from 02:00:00:00:00:fe 10.0.0.254 to 02:00:00:00:00:0a out 3 every 5s within 3s 1 1"

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sbdb.ServiceMonitor)
		want   string
	}{
		{"defaults", unchanged, plain},
		{"options", func(r *sbdb.ServiceMonitor) {
			r.Options = ovsdb.NewMap("interval", "0", "timeout", "20", "success_count", "3", "failure_count", "x")
		}, "{7 3} 10.0.0.1:80/0 from 02:00:00:00:00:fe 10.0.0.254 to 02:00:00:00:00:0a out 3 every 1s within 20s 3 1"},
		{"UDP over IPv6", func(r *sbdb.ServiceMonitor) {
			r.IP, r.SrcIP, r.Protocol = "fd00::1", "fd00::fe", ovsdb.Some("udp")
		}, "{7 3} fd00::1:80/1 from 02:00:00:00:00:fe fd00::fe to 02:00:00:00:00:0a out 3 every 5s within 3s 1 1"},
		{"a switch port by ICMP", func(r *sbdb.ServiceMonitor) {
			r.Type, r.Protocol = ovsdb.Some("logical-switch-port"), ovsdb.Some("icmp")
		}, "{7 3} 10.0.0.1:0/2 from 02:00:00:00:00:fe 10.0.0.254 to 02:00:00:00:00:0a out 3 every 5s within 3s 1 1"},
		{"a network function", func(r *sbdb.ServiceMonitor) {
			r.Type, r.Protocol, r.MAC = ovsdb.Some("network-function"), ovsdb.Some("icmp"), "02:00:00:00:00:0c"
			r.LogicalInputPort = "nf-in"
		}, "{7 3} 10.0.0.1:0/2 from 02:00:00:00:00:fe 10.0.0.254 to 02:00:00:00:00:0c out 4 every 5s within 3s 1 1"},
		{"a network function without the input port", func(r *sbdb.ServiceMonitor) {
			r.Type, r.Protocol, r.MAC = ovsdb.Some("network-function"), ovsdb.Some("icmp"), "02:00:00:00:00:0c"
		}, ""},
		{"a load balancer by ICMP", func(r *sbdb.ServiceMonitor) { r.Protocol = ovsdb.Some("icmp") }, ""},
		{"a network function by TCP", func(r *sbdb.ServiceMonitor) { r.Type = ovsdb.Some("network-function") }, ""},
		{"remote", func(r *sbdb.ServiceMonitor) { r.Remote = true }, ""},
		{"families mixed", func(r *sbdb.ServiceMonitor) { r.SrcIP = "fd00::fe" }, ""},
		{"no source", func(r *sbdb.ServiceMonitor) { r.SrcIP = "" }, ""},
		{"no source MAC", func(r *sbdb.ServiceMonitor) { r.SrcMAC = "" }, ""},
		{"an address the port does not have", func(r *sbdb.ServiceMonitor) { r.IP = "10.0.0.77" }, ""},
		{"no such port", func(r *sbdb.ServiceMonitor) { r.LogicalPort = "p2" }, ""},
	} {
		w := newWorld(t)
		w.run(put(c.change))
		w.expect(c.name, w.services(), c.want)
		// From another row, and back to nothing.
		w.run(put(unchanged))
		w.expect(c.name+", then defaults", w.services(), plain)
		w.run(put(c.change))
		w.expect(c.name+" again", w.services(), c.want)
		w.run(func(u *sbdb.Update) { u.DeleteServiceMonitor(row.UUID) })
		w.expect(c.name+", deleted", w.services(), "")
	}
}

// Only the chassis that has the port probes, while the port is up.
func TestWhere(t *testing.T) {
	w := newWorld(t)
	w.run(put(unchanged))
	for _, c := range []struct {
		name   string
		change func(*sbdb.PortBinding)
		want   string
	}{
		{"elsewhere", func(p *sbdb.PortBinding) { p.Chassis = them }, ""},
		{"here", func(*sbdb.PortBinding) {}, plain},
		{"down", func(p *sbdb.PortBinding) { p.Up = ovsdb.Some(false) }, ""},
		{"from before there was up", func(p *sbdb.PortBinding) { p.Up = ovsdb.Optional[bool]{} }, plain},
		{"without addresses", func(p *sbdb.PortBinding) { p.MAC = []string{"02:00:00:00:00:0d"} }, strings.ReplaceAll(plain, "00:0a", "00:0d")},
		{"another key", func(p *sbdb.PortBinding) { p.TunnelKey = 9 }, strings.ReplaceAll(strings.ReplaceAll(plain, "{7 3}", "{7 9}"), "out 3", "out 9")},
	} {
		w.run(func(u *sbdb.Update) {
			p := *port
			c.change(&p)
			u.PutPortBinding(&p)
		})
		w.expect(c.name, w.services(), c.want)
	}
	w.run(func(u *sbdb.Update) { u.PutPortBinding(port) })
	w.run(func(u *sbdb.Update) { u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp.UUID, TunnelKey: 8}) })
	w.expect("the datapath's key", w.services(), strings.ReplaceAll(plain, "{7", "{8"))
	w.chassis = them
	w.run(nothing)
	w.expect("another chassis", w.services(), "")
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.run(put(unchanged))
	key := pinctrl.ServiceKey{At: pinctrl.PortKey{Datapath: 7, Port: 3}, IP: mustAddress(t, "10.0.0.1"), Port: 80}
	other := key
	other.Port++
	woken := 0
	w.duty.Wake = func() { woken++ }
	w.duty.Put(key, false)
	w.duty.Put(key, true)
	w.duty.Put(other, true) // not asked for any more
	if woken != 3 {
		t.Errorf("woken %d times", woken)
	}
	says := func(tx, status string) {
		t.Helper()
		if status == "" && tx != "" || status != "" && (!strings.Contains(tx, status) || !strings.Contains(tx, row.UUID.String())) {
			t.Errorf("written: %s, want %q", tx, status)
		}
		if strings.Count(tx, "update") > 1 || strings.Contains(tx, "chassis") {
			t.Errorf("more is written than the role may: %s", tx)
		}
	}
	status := func(s string) func(*sbdb.Update) {
		return put(func(r *sbdb.ServiceMonitor) { r.Status = ovsdb.Some(s) })
	}
	says(w.run(nothing), "online")
	says(w.run(nothing), "online") // it came to nothing
	says(w.run(status("online")), "")
	says(w.run(status("error")), "online")
	says(w.run(status("online")), "")
	w.duty.Put(key, false)
	says(w.run(nothing), "offline")
	says(w.run(status("offline")), "")
	// The port moves away and comes back: nothing is known.
	w.run(func(u *sbdb.Update) {
		p := *port
		p.Chassis = them
		u.PutPortBinding(&p)
	})
	says(w.run(status("online")), "")
	says(w.run(func(u *sbdb.Update) { u.PutPortBinding(port) }), "")
	w.duty.Put(key, false)
	says(w.run(nothing), "offline")
}

// Two rows for one service: both have its status, and one may go.
func TestTwoRows(t *testing.T) {
	w := newWorld(t)
	second := row
	second.UUID, second.Protocol, second.Options = ovsdb.UUID{9}, ovsdb.Some("tcp"), ovsdb.NewMap("interval", "9")
	w.run(func(u *sbdb.Update) { u.PutServiceMonitor(&second) })
	w.run(put(unchanged))
	w.expect("both", w.services(), plain)
	w.duty.Put(pinctrl.ServiceKey{At: pinctrl.PortKey{Datapath: 7, Port: 3}, IP: mustAddress(t, "10.0.0.1"), Port: 80}, true)
	if tx := w.run(nothing); strings.Count(tx, "online") != 2 {
		t.Errorf("written: %s", tx)
	}
	w.run(func(u *sbdb.Update) { u.DeleteServiceMonitor(row.UUID) })
	w.expect("the second", w.services(), strings.ReplaceAll(plain, "every 5s", "every 9s"))
}

func mustAddress(t *testing.T, s string) netip.Addr {
	t.Helper()
	ip, err := address(s)
	if err != nil {
		t.Fatal(err)
	}
	return ip
}

package bfd

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// world is a duty, its replica, and the sessions of the packet-in loop.
type world struct {
	*testing.T
	sb      *replica.SB
	duty    *Duty
	chassis ovsdb.UUID
	run     map[pinctrl.BFDKey]pinctrl.BFDSession
	states  map[pinctrl.BFDKey]pinctrl.BFDState
	sets    int
}

func (w *world) SetBFD(changes map[pinctrl.BFDKey]*pinctrl.BFDSession) {
	w.sets++
	for k, s := range changes {
		if s == nil {
			delete(w.run, k)
		} else {
			w.run[k] = *s
		}
	}
}

func (w *world) BFDStates() map[pinctrl.BFDKey]pinctrl.BFDState { return w.states }

var (
	us, them = ovsdb.UUID{5}, ovsdb.UUID{6}
	dp       = &sbdb.DatapathBinding{UUID: ovsdb.UUID{1}, TunnelKey: 7}
	port     = sbdb.PortBinding{UUID: ovsdb.UUID{2}, Datapath: dp.UUID, TunnelKey: 3, LogicalPort: "lrp", Type: "l3gateway", Chassis: us,
		Options: ovsdb.NewMap("peer", "lsp"), MAC: []string{"02:00:00:00:00:0a 10.0.0.1/24 fd00::1/64"}}
	peer = sbdb.PortBinding{UUID: ovsdb.UUID{3}, LogicalPort: "lsp", TunnelKey: 1}
	row  = sbdb.BFD{UUID: ovsdb.UUID{8}, LogicalPort: "lrp", DstIP: "10.0.0.2", SrcPort: 49152, Disc: 77, MinTx: 100, MinRx: 200, DetectMult: 5, Status: "down"}
)

func newWorld(t *testing.T) *world {
	w := &world{T: t, sb: replica.NewSB(sbdb.NewDB()), chassis: us, run: map[pinctrl.BFDKey]pinctrl.BFDSession{}, states: map[pinctrl.BFDKey]pinctrl.BFDState{}}
	w.duty = New(slog.New(slog.DiscardHandler))
	w.round(func(u *sbdb.Update) { u.PutDatapathBinding(dp); u.PutPortBinding(&port); u.PutPortBinding(&peer) })
	return w
}

// round is a round without a transaction, then one with, which it returns.
func (w *world) round(change func(*sbdb.Update)) string {
	u := &sbdb.Update{}
	change(u)
	in := Inputs{SB: w.sb, Chassis: w.chassis, Changes: w.sb.Apply(u)}
	w.duty.Run(in, w, nil)
	tx := ovsdb.NewTxn("")
	in.Changes = nil
	w.duty.Run(in, w, tx)
	if tx.Len() == 0 {
		return ""
	}
	return tx.String()
}

func (w *world) sessions() string {
	var out []string
	for k, s := range w.run {
		out = append(out, fmt.Sprintf("%v from %v %v:%d to %v disc %d every %v %v times %d down %v", k.Port, s.MAC, s.From, k.SrcPort, k.Peer,
			s.Discriminator, s.MinTx, s.MinRx, s.Multiplier, s.AdminDown))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (w *world) expect(what, want string) {
	w.Helper()
	if got := w.sessions(); got != want {
		w.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

func put(change func(*sbdb.BFD)) func(*sbdb.Update) {
	return func(u *sbdb.Update) {
		r := row
		change(&r)
		u.PutBFD(&r)
	}
}

func as(*sbdb.BFD) {}

const plain = "{7 3} from 02:00:00:00:00:0a 10.0.0.1:49152 to 10.0.0.2 disc 77 every 100ms 200ms times 5 down false"

func TestSessions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sbdb.BFD)
		want   string
	}{
		{"as it is", as, plain},
		{"down", func(r *sbdb.BFD) { r.Status = "admin_down" }, strings.Replace(plain, "false", "true", 1)},
		{"up from before", func(r *sbdb.BFD) { r.Status = "up" }, plain},
		{"IPv6", func(r *sbdb.BFD) { r.DstIP = "fd00::2" }, strings.NewReplacer("10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2").Replace(plain)},
		{"link-local", func(r *sbdb.BFD) { r.DstIP = "fe80::2" }, strings.NewReplacer("10.0.0.1", "fe80::ff:fe00:a", "10.0.0.2", "fe80::2").Replace(plain)},
		{"bounds", func(r *sbdb.BFD) { r.MinTx, r.MinRx, r.DetectMult = 0, 1<<40, 1000 },
			strings.NewReplacer("100ms 200ms times 5", "1ms 1h11m34.966s times 255").Replace(plain)},
		{"no address", func(r *sbdb.BFD) { r.DstIP = "x" }, ""},
		{"no discriminator", func(r *sbdb.BFD) { r.Disc = 1 << 32 }, ""},
		{"no port", func(r *sbdb.BFD) { r.LogicalPort = "other" }, ""},
	} {
		w := newWorld(t)
		w.round(put(c.change))
		w.expect(c.name, c.want)
		w.round(put(as))
		w.expect(c.name+", changed", plain)
		w.round(put(c.change))
		w.expect(c.name+" again", c.want)
		w.round(func(u *sbdb.Update) { u.DeleteBFD(row.UUID) })
		w.expect(c.name+", deleted", "")
	}
}

func TestWhere(t *testing.T) {
	w := newWorld(t)
	w.round(put(as))
	set := func(p sbdb.PortBinding, change func(*sbdb.PortBinding)) func(*sbdb.Update) {
		return func(u *sbdb.Update) { change(&p); u.PutPortBinding(&p) }
	}
	cr := sbdb.PortBinding{UUID: ovsdb.UUID{4}, Datapath: dp.UUID, TunnelKey: 9, LogicalPort: "cr-lrp", Type: "chassisredirect", Chassis: us}
	for _, c := range []struct {
		name   string
		change func(*sbdb.Update)
		want   string
	}{
		{"elsewhere", set(port, func(p *sbdb.PortBinding) { p.Chassis = them }), ""},
		{"distributed", set(port, func(p *sbdb.PortBinding) { p.Chassis, p.Type = ovsdb.UUID{}, "patch" }), ""},
		{"with a gateway here", set(cr, func(*sbdb.PortBinding) {}), plain},
		{"with a gateway elsewhere", set(cr, func(p *sbdb.PortBinding) { p.Chassis = them }), ""},
		{"back", set(cr, func(*sbdb.PortBinding) {}), plain},
		{"without a peer", set(port, func(p *sbdb.PortBinding) { p.Options = ovsdb.Map{} }), ""},
		{"here", set(port, func(*sbdb.PortBinding) {}), plain},
		{"another key", func(u *sbdb.Update) { u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: dp.UUID, TunnelKey: 8}) }, strings.Replace(plain, "{7", "{8", 1)},
	} {
		w.round(c.change)
		w.expect(c.name, c.want)
	}
	n := w.sets
	w.round(func(u *sbdb.Update) {
		u.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{99}, LogicalPort: "vm", Datapath: dp.UUID})
	})
	if w.sets != n {
		t.Error("a port that has nothing to do with it was looked at")
	}
	w.chassis = them
	w.round(func(*sbdb.Update) {})
	w.expect("another chassis", "")
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.round(put(as))
	var key pinctrl.BFDKey
	for key = range w.run {
	}
	says := func(tx, status string) {
		t.Helper()
		if status == "" && tx != "" || status != "" && (!strings.Contains(tx, `"`+status+`"`) || strings.Count(tx, "update") != 1) {
			t.Errorf("written: %s, want %q", tx, status)
		}
		for _, column := range []string{"chassis_name", "min_tx", "options"} {
			if strings.Contains(tx, column) {
				t.Errorf("more is written than the role may: %s", tx)
			}
		}
	}
	nothing := func(*sbdb.Update) {}
	status := func(s string) func(*sbdb.Update) { return put(func(r *sbdb.BFD) { r.Status = s }) }
	says(w.round(status("up")), "") // nothing is known
	w.states[key] = pinctrl.BFDDown
	woken := false
	w.duty.Wake = func() { woken = true }
	if w.duty.Heard(); !woken {
		t.Error("nobody was told")
	}
	tx := w.round(nothing)
	says(tx, "down")
	if !strings.Contains(tx, "wait") {
		t.Errorf("written without looking whether northd put it down meanwhile: %s", tx)
	}
	says(w.round(nothing), "down") // it came to nothing
	says(w.round(status("down")), "")
	w.states[key] = pinctrl.BFDUp
	says(w.round(nothing), "")
	w.duty.Heard()
	says(w.round(nothing), "up")
	says(w.round(status("admin_down")), "")
	says(w.round(status("down")), "up")
	w.states[key] = pinctrl.BFDAdminDown
	w.duty.Heard()
	says(w.round(nothing), "")
}

package prefixdelegation

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

// world is a duty, its replica, and what the packet-in loop asks for.
type world struct {
	*testing.T
	sb      *replica.SB
	duty    *Duty
	chassis ovsdb.UUID
	asked   map[string]pinctrl.Delegation
}

func (w *world) Delegate(changes map[string]*pinctrl.Delegation) {
	for port, d := range changes {
		if d == nil {
			delete(w.asked, port)
		} else {
			w.asked[port] = *d
		}
	}
}

var (
	us, them = ovsdb.UUID{5}, ovsdb.UUID{6}
	router   = &sbdb.DatapathBinding{UUID: ovsdb.UUID{1}, TunnelKey: 7}
	ext      = &sbdb.DatapathBinding{UUID: ovsdb.UUID{2}, TunnelKey: 8}
	outer    = sbdb.PortBinding{UUID: ovsdb.UUID{3}, Datapath: router.UUID, TunnelKey: 1, LogicalPort: "lr-ext", Type: "l3gateway", Chassis: us,
		Options: ovsdb.NewMap("peer", "ext-lr", "ipv6_prefix_delegation", "true"), MAC: []string{"02:00:00:00:00:0a 192.0.2.1/24 2001:db8::1/64"}}
	facing = sbdb.PortBinding{UUID: ovsdb.UUID{4}, Datapath: ext.UUID, TunnelKey: 2, LogicalPort: "ext-lr"}
	inner  = sbdb.PortBinding{UUID: ovsdb.UUID{9}, Datapath: router.UUID, TunnelKey: 3, LogicalPort: "lr-in", Type: "l3gateway", Chassis: us,
		Options: ovsdb.NewMap("ipv6_prefix", "true"), MAC: []string{"02:00:00:00:00:0b fd00::1/64"}}
)

func newWorld(t *testing.T) *world {
	w := &world{T: t, sb: replica.NewSB(sbdb.NewDB()), chassis: us, asked: map[string]pinctrl.Delegation{}}
	w.duty = New(w.sb.DB, slog.New(slog.DiscardHandler))
	w.round(func(u *sbdb.Update) {
		u.PutDatapathBinding(router)
		u.PutDatapathBinding(ext)
		for _, p := range []sbdb.PortBinding{outer, facing, inner} {
			u.PutPortBinding(&p)
		}
	})
	return w
}

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

func (w *world) expect(what, want string) {
	w.Helper()
	var out []string
	for port, d := range w.asked {
		out = append(out, fmt.Sprintf("%s for %v: in %v from %v %v, %d %v", port, d.Client, d.In, d.MAC, d.From, d.IAID, d.Prefix))
	}
	slices.Sort(out)
	if got := strings.Join(out, "\n"); got != want {
		w.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

const plain = "lr-in for 02:00:00:00:00:0b: in {8 2} from 02:00:00:00:00:0a 2001:db8::1, 3063443501 invalid Prefix"

func put(p sbdb.PortBinding, change func(*sbdb.PortBinding)) func(*sbdb.Update) {
	return func(u *sbdb.Update) { change(&p); u.PutPortBinding(&p) }
}

func as(*sbdb.PortBinding) {}

func TestAsked(t *testing.T) {
	w := newWorld(t)
	w.expect("plain", plain)
	cr := sbdb.PortBinding{UUID: ovsdb.UUID{20}, Datapath: router.UUID, TunnelKey: 9, LogicalPort: "cr-lr-ext", Type: "chassisredirect", Chassis: us,
		Options: ovsdb.NewMap("ipv6_prefix", "true")}
	another := sbdb.PortBinding{UUID: ovsdb.UUID{21}, Datapath: router.UUID, TunnelKey: 11, LogicalPort: "lr-in2", Options: ovsdb.NewMap("ipv6_prefix", "true", "ipv6_ra_pd_list", "9:2001:db8:9::/56"),
		MAC: []string{"02:00:00:00:00:0c"}}
	for _, c := range []struct {
		name   string
		change func(*sbdb.Update)
		want   string
	}{
		{"elsewhere", put(outer, func(p *sbdb.PortBinding) { p.Chassis = them }), ""},
		{"distributed", put(outer, func(p *sbdb.PortBinding) { p.Chassis, p.Type = ovsdb.UUID{}, "patch" }), ""},
		{"with a gateway here", put(cr, as), plain},
		{"with a gateway elsewhere", put(cr, func(p *sbdb.PortBinding) { p.Chassis = them }), ""},
		{"here", put(outer, as), plain},
		{"without an IPv6 address", put(outer, func(p *sbdb.PortBinding) { p.MAC = []string{"02:00:00:00:00:0a 192.0.2.1/24"} }), strings.Replace(plain, "2001:db8::1", "fe80::ff:fe00:a", 1)},
		{"no delegation", put(outer, func(p *sbdb.PortBinding) {
			p.Options = ovsdb.NewMap("peer", "ext-lr", "ipv6_prefix_delegation", "false")
		}), ""},
		{"again", put(outer, as), plain},
		{"no prefix wanted", put(inner, func(p *sbdb.PortBinding) { p.Options = ovsdb.Map{} }), ""},
		{"had one", put(inner, func(p *sbdb.PortBinding) {
			p.Options = ovsdb.NewMap("ipv6_prefix", "true", "ipv6_ra_pd_list", "77:2001:db8:1::/56")
		}), strings.Replace(plain, "3063443501 invalid Prefix", "77 2001:db8:1::/56", 1)},
		{"nonsense", put(inner, func(p *sbdb.PortBinding) {
			p.Options = ovsdb.NewMap("ipv6_prefix", "true", "ipv6_ra_pd_list", "77:x")
		}), plain},
		{"two", put(another, as), plain + "\n" + strings.NewReplacer("lr-in ", "lr-in2 ", "00:0b", "00:0c", "3063443501 invalid Prefix", "9 2001:db8:9::/56").Replace(plain)},
		{"one", func(u *sbdb.Update) { u.DeletePortBinding(another.UUID) }, plain},
		{"the switch gone", func(u *sbdb.Update) { u.DeletePortBinding(facing.UUID) }, ""},
		{"and back", put(facing, as), plain},
		{"another key", func(u *sbdb.Update) { u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: ext.UUID, TunnelKey: 5}) }, strings.Replace(plain, "{8", "{5", 1)},
	} {
		w.round(c.change)
		w.expect(c.name, c.want)
	}
	w.chassis = ovsdb.UUID{7}
	w.round(func(*sbdb.Update) {})
	w.expect("another chassis", "")
}

func TestGiven(t *testing.T) {
	w := newWorld(t)
	woken := false
	w.duty.Wake = func() { woken = true }
	w.duty.Put("lr-in", pinctrl.Delegated{IAID: 77, Prefix: netip.MustParsePrefix("2001:db8:1::/56")})
	w.duty.Put("unknown", pinctrl.Delegated{IAID: 1, Prefix: netip.MustParsePrefix("2001:db8:2::/56")})
	if !woken {
		t.Error("nobody was told")
	}
	nothing := func(*sbdb.Update) {}
	says := func(tx string, want bool) {
		t.Helper()
		if want != strings.Contains(tx, `"77:2001:db8:1::/56"`) || !want && tx != "" || strings.Contains(tx, "db8:2") || strings.Count(tx, "mutate") > 1 {
			t.Errorf("written: %s, want it: %v", tx, want)
		}
	}
	list := func(p *sbdb.PortBinding) {
		p.Options = ovsdb.NewMap("ipv6_prefix", "true", "ipv6_ra_pd_list", "77:2001:db8:1::/56")
	}
	says(w.round(nothing), true)
	says(w.round(nothing), true) // it came to nothing
	says(w.round(put(inner, list)), false)
	says(w.round(put(inner, as)), true) // northd has overwritten it
	says(w.round(put(inner, list)), false)
	// Elsewhere, it is others' to write.
	w.round(put(outer, func(p *sbdb.PortBinding) { p.Chassis = them }))
	says(w.round(put(inner, as)), false)
	says(w.round(put(outer, as)), false)
}

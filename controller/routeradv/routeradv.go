// Package routeradv reads from Port_Binding options what router ports advertise
// from time to time (ovn-nb(5), Logical_Router_Port, ipv6_ra_configs).
//
//	Port_Binding ─► dirty ports ─► pinctrl.RouterAdvertisement, by port
package routeradv

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// defaultMaxInterval is ipv6_ra_max_interval, in seconds.
const defaultMaxInterval = 600

// Inputs are what a round looks at.
type Inputs struct {
	SB *replica.SB
	// IsLocal tells whether a datapath is local.
	IsLocal func(ovsdb.UUID) bool
	Changes *sbdb.Changes
	// Changed are local datapaths that came or went.
	Changed []ovsdb.UUID
}

// Duty is the state between rounds.
type Duty struct {
	log *slog.Logger
	// ports are the router ports with ipv6_ra_send_periodic, and whether they
	// advertise.
	ports map[string]bool
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty { return &Duty{log: log, ports: map[string]bool{}} }

// Run looks at what changed and returns what ports advertise now; nil is nothing
// any more.
func (d *Duty) Run(in Inputs) map[string]*pinctrl.RouterAdvertisement {
	dirty := map[string]bool{}
	if c := in.Changes; c != nil {
		for i := range c.PortBinding {
			for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
				if p == nil {
					continue
				}
				if replica.True(p.Options, "ipv6_ra_send_periodic") {
					dirty[p.LogicalPort] = true
				}
				// It is sent in by the peer.
				if peer := p.Options.Get("peer"); peer != "" {
					if _, ok := d.ports[peer]; ok {
						dirty[peer] = true
					}
				}
			}
		}
		if len(c.DatapathBinding) > 0 {
			in.Changed = append(in.Changed[:len(in.Changed):len(in.Changed)], ovsdb.UUID{})
		}
	}
	if len(in.Changed) > 0 {
		for port := range d.ports {
			dirty[port] = true
		}
	}
	out := map[string]*pinctrl.RouterAdvertisement{}
	for port := range dirty {
		p := in.SB.PortByName.One(port)
		if p == nil || !replica.True(p.Options, "ipv6_ra_send_periodic") {
			if d.ports[port] {
				out[port] = nil
			}
			delete(d.ports, port)
			continue
		}
		a := d.advertisement(p, in)
		if a != nil || d.ports[port] {
			out[port] = a
		}
		d.ports[port] = a != nil
	}
	return out
}

// advertisement is what a port advertises, nil when it cannot.
func (d *Duty) advertisement(p *sbdb.PortBinding, in Inputs) *pinctrl.RouterAdvertisement {
	peer := in.SB.PortByName.One(p.Options.Get("peer"))
	if peer == nil || !in.IsLocal(peer.Datapath) {
		return nil
	}
	dp := in.SB.DatapathBinding.Get(peer.Datapath)
	if dp == nil {
		return nil
	}
	a, err := parse(p.Options)
	if err != nil {
		d.log.Warn("router advertisements", "port", p.LogicalPort, "err", err)
		return nil
	}
	a.In = pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(peer.TunnelKey)}
	switch p.Type {
	case "l2gateway", "l3gateway", "chassisredirect":
		a.Override = true
	}
	return a
}

func parse(o ovsdb.Map) (*pinctrl.RouterAdvertisement, error) {
	a := &pinctrl.RouterAdvertisement{}
	switch mode := o.Get("ipv6_ra_address_mode"); mode {
	case "slaac":
		a.Autonomous = true
	case "dhcpv6_stateless":
		a.Autonomous, a.Other = true, true
	case "dhcpv6_stateful":
		a.Managed = true
	default:
		return nil, fmt.Errorf("invalid address mode %q", mode)
	}
	longest := number(o, "ipv6_ra_max_interval", defaultMaxInterval)
	shortest := longest * 3 / 4
	if longest >= 9 {
		shortest = longest / 3
	}
	a.MaxInterval = time.Duration(longest) * time.Second
	a.MinInterval = time.Duration(number(o, "ipv6_ra_min_interval", shortest)) * time.Second
	a.MTU = uint32(number(o, "ipv6_ra_mtu", 0))
	a.Preference = preference(o.Get("ipv6_ra_prf"))
	var err error
	if a.MAC, err = pinctrl.ParseMAC(o.Get("ipv6_ra_src_eth")); err != nil {
		return nil, err
	}
	if a.From, err = netip.ParseAddr(o.Get("ipv6_ra_src_addr")); err != nil || !a.From.Is6() {
		return nil, fmt.Errorf("%q is not a source address", o.Get("ipv6_ra_src_addr"))
	}
	for word := range strings.FieldsSeq(o.Get("ipv6_ra_prefixes")) {
		p, ok := prefix(word)
		if !ok {
			return nil, fmt.Errorf("%q is not a prefix", word)
		}
		a.Prefixes = append(a.Prefixes, p)
	}
	if s, ok := o.Lookup("ipv6_ra_rdnss"); ok {
		if a.RDNSS, err = netip.ParseAddr(s); err != nil || !a.RDNSS.Is6() {
			return nil, fmt.Errorf("%q is not the address of a DNS server", s)
		}
	}
	for domain := range strings.SplitSeq(o.Get("ipv6_ra_dnssl"), ",") {
		if domain != "" {
			a.DNSSL = append(a.DNSSL, domain)
		}
	}
	a.Routes = routes(o.Get("ipv6_ra_route_info"))
	return a, nil
}

// maxSeconds bounds intervals, ovn-nb(5).
const maxSeconds = 1800

func number(o ovsdb.Map, key string, otherwise int) int {
	n, err := strconv.Atoi(o.Get(key))
	if err != nil || n < 0 || key != "ipv6_ra_mtu" && n > maxSeconds || n > 1<<31-1 {
		return otherwise
	}
	return n
}

func preference(s string) pinctrl.Preference {
	switch s {
	case "HIGH":
		return pinctrl.HighPreference
	case "LOW":
		return pinctrl.LowPreference
	}
	return pinctrl.MediumPreference
}

// prefix reads an IPv6 prefix; an address alone is one of 128 bits.
func prefix(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return p, false
		}
		p = netip.PrefixFrom(ip, ip.BitLen())
	}
	return p, p.Addr().Is6()
}

// routes reads PREFERENCE-PREFIX with commas between, up to the first that is
// none.
func routes(s string) (out []pinctrl.RouteInformation) {
	for word := range strings.SplitSeq(s, ",") {
		prf, route, _ := strings.Cut(strings.TrimSpace(word), "-")
		p, ok := prefix(route)
		if !ok {
			break
		}
		out = append(out, pinctrl.RouteInformation{Prefix: p, Preference: preference(prf)})
	}
	return out
}

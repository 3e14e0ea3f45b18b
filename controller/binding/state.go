package binding

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// IsLocal tells whether a datapath is local.
func (d *Duty) IsLocal(id ovsdb.UUID) bool { return d.datapaths[id] != nil }

// Datapaths iterates over the local datapaths.
func (d *Duty) Datapaths() iter.Seq2[ovsdb.UUID, *LocalDatapath] {
	return func(yield func(ovsdb.UUID, *LocalDatapath) bool) {
		for id, dp := range d.datapaths {
			if !yield(id, dp) {
				return
			}
		}
	}
}

// InterfaceIDs returns the logical ports that interfaces of the bridge carry,
// sorted. None is left out for being seen anyway: the row may be deleted and made
// again on another datapath, and ports inside it may be of any.
func (d *Duty) InterfaceIDs() []string { return slices.Sorted(maps.Keys(d.plugged.byPort)) }

// HasInterface tells whether an interface of the bridge carries the logical port,
// known to the southbound replica or not.
func (d *Duty) HasInterface(lport string) bool { return d.plugged.byPort[lport] != nil }

// Ofport is the OpenFlow port of the interface that carries the logical port, 0 if
// none does.
func (d *Duty) Ofport(lport string) uint32 {
	if i := d.plugged.byPort[lport]; i != nil {
		return i.OFPort
	}
	return 0
}

// Bound is a port bound here through an interface.
type Bound struct {
	Row *sbdb.PortBinding
	// Interface is the port's own; nil for a port that shares its parent's.
	Interface *Interface
	// Claimed tells whether the row names this chassis, as main or additional one.
	Claimed bool
	// Main tells whether this is to be the main chassis.
	Main bool
	// Returned: the interface was away for so short a time that the row was not
	// released. It is told in one round only.
	Returned bool
}

// BoundPort returns a port bound here through an interface.
func (d *Duty) BoundPort(lport string) (Bound, bool) {
	v, ok := d.verdicts[lport]
	if !ok || v.role == Barred || !v.kind.onInterface() {
		return Bound{}, false
	}
	if _, waiting := d.postponed[lport]; waiting {
		return Bound{}, false
	}
	p := d.in.SB.PortByName.One(lport)
	if p == nil {
		return Bound{}, false
	}
	b := Bound{Row: p, Main: v.role == Main, Returned: d.returned[lport]}
	if v.carries {
		b.Interface = v.iface
	}
	if v.role == Main {
		b.Claimed = p.Chassis == d.in.Chassis.UUID
	} else {
		b.Claimed = refersTo(p.AdditionalChassis, d.in.Chassis.UUID)
	}
	return b, true
}

// MayBind tells whether a port is bound here through an interface, or is as soon as its
// claim is not put off any more.
func (d *Duty) MayBind(lport string) bool { return d.boundHere[lport] }

// BoundPorts iterates over the ports bound here through an interface.
func (d *Duty) BoundPorts() iter.Seq2[string, Bound] {
	return func(yield func(string, Bound) bool) {
		for lport := range d.boundHere {
			if b, ok := d.BoundPort(lport); ok && !yield(lport, b) {
				return
			}
		}
	}
}

// UnboundInterfaces iterates over interfaces that carry a logical port which is
// not bound here.
func (d *Duty) UnboundInterfaces() iter.Seq[*Interface] {
	return func(yield func(*Interface) bool) {
		for lport, i := range d.plugged.byPort {
			if _, ok := d.BoundPort(lport); !ok && !yield(i) {
				return
			}
		}
	}
}

// DumpRelated is the reply to debug/dump-related-ports.
func (d *Duty) DumpRelated() string {
	var names []string
	for lport, v := range d.verdicts {
		if v.related {
			names = append(names, lport)
		}
	}
	sort.Strings(names)
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, "\n") + "\n"
}

// DumpDatapaths is the reply to debug/dump-local-datapaths.
func (d *Duty) DumpDatapaths() string {
	var lines []string
	for _, dp := range d.datapaths {
		typ := "router"
		if dp.Switch {
			typ = "switch"
		}
		name := dp.Name
		if name == "" {
			name = "unknown"
		}
		lines = append(lines, fmt.Sprintf("Datapath: %s, type: %s\n", name, typ))
	}
	sort.Strings(lines)
	return "Local datapaths:\n" + strings.Join(lines, "")
}

// DumpPeers is the reply to debug/dump-peer-ports.
func (d *Duty) DumpPeers() string {
	var lines []string
	for _, dp := range d.datapaths {
		name := dp.Name
		if name == "" {
			name = "unknown"
		}
		for _, p := range dp.Peers {
			lines = append(lines, fmt.Sprintf("dp %s : local = %s, remote = %s\n", name, p.Local, p.Remote))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// DumpBindings is the reply to debug/dump-local-bindings.
func (d *Duty) DumpBindings() string {
	type entry struct {
		iface    *Interface
		primary  string
		local    string
		children []string
	}
	all := map[string]*entry{}
	at := func(name string) *entry {
		if all[name] == nil {
			all[name] = &entry{iface: d.plugged.byPort[name]}
		}
		return all[name]
	}
	for name := range d.plugged.byPort {
		at(name)
	}
	for lport, v := range d.verdicts {
		p := d.in.SB.PortByName.One(lport)
		if p == nil {
			continue
		}
		switch v.kind {
		case VIF:
			if v.iface != nil {
				at(lport).primary = lport
			}
		case Localport:
			if v.iface != nil {
				at(lport).local = lport
			}
		case Container, Mirror:
			if parent := replica.ParentOf(p); parent != "" {
				at(parent).children = append(at(parent).children, lport)
			}
		case Virtual:
			if v.role != Barred {
				parent := replica.ParentOf(p)
				at(parent).children = append(at(parent).children, lport)
			}
		}
	}
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("Local bindings:\n")
	for _, n := range names {
		e := all[n]
		iface := "NULL"
		if e.iface != nil {
			iface = e.iface.Name
		}
		num := len(e.children)
		if e.primary != "" || e.local != "" {
			num++
		}
		fmt.Fprintf(&b, "name: [%s], OVS interface name : [%s], num binding lports : [%d]\n", n, iface, num)
		if num > 0 {
			switch {
			case e.primary != "":
				fmt.Fprintf(&b, "primary lport : [%s]\n", e.primary)
			case e.local != "":
				fmt.Fprintf(&b, "localport lport : [%s]\n", e.local)
			default:
				b.WriteString("no primary lport\n")
			}
			sort.Strings(e.children)
			for i, c := range e.children {
				fmt.Fprintf(&b, "child lport[%d] : [%s], type : [%s]\n", i+1, c, d.verdicts[c].kind)
			}
		}
		b.WriteString("----------------------------------------\n")
	}
	return b.String()
}

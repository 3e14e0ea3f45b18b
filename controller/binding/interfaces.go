package binding

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	ifaceIDKey        = "iface-id"
	ifaceIDVersionKey = "iface-id-ver"
	encapIPKey        = "encap-ip"
	// InstalledKey marks an interface whose flows the switch has acknowledged.
	InstalledKey = "ovn-installed"
)

// Interface is an interface of the integration bridge that carries a logical
// port.
type Interface struct {
	UUID      ovsdb.UUID
	Name      string
	LPort     string // iface-id
	OFPort    uint32
	EncapIP   string
	Version   string // iface-id-ver
	MTU       int64
	Type      string
	Installed bool
}

// sameForFlows tells whether two values differ only in what flows do not see.
func (i *Interface) sameForFlows(j *Interface) bool {
	a, b := *i, *j
	a.Installed, b.Installed = false, false
	return a == b
}

// scan lists the interfaces of the bridge by the logical port they carry. Of
// several with one iface-id the one already chosen stays, or the first by name
// wins; the others take over when it goes.
func scan(l *replica.Local, br *vswitchdb.Bridge, before map[string]*Interface, log *slog.Logger) map[string]*Interface {
	all := map[string][]*Interface{}
	for _, i := range l.Interfaces(br) {
		lport, ok := i.ExternalIDs.Lookup(ifaceIDKey)
		ofport := i.Ofport.Value()
		if !ok || ofport <= 0 {
			continue
		}
		now := Interface{
			UUID: i.UUID, Name: i.Name, LPort: lport, OFPort: uint32(ofport),
			EncapIP: i.ExternalIDs.Get(encapIPKey), Version: i.ExternalIDs.Get(ifaceIDVersionKey),
			MTU: i.MTU.Value(), Type: i.Type, Installed: replica.True(i.ExternalIDs, InstalledKey),
		}
		// Most are as they were.
		same := before[lport]
		if same == nil || *same != now {
			same = new(Interface)
			*same = now
		}
		all[lport] = append(all[lport], same)
	}
	out := make(map[string]*Interface, len(all))
	for lport, list := range all {
		slices.SortFunc(list, func(a, b *Interface) int { return strings.Compare(a.Name, b.Name) })
		chosen := list[0]
		if old := before[lport]; old != nil {
			for _, i := range list {
				if i.UUID == old.UUID {
					chosen = i
				}
			}
		}
		for _, i := range list {
			if i != chosen {
				log.Warn(fmt.Sprintf("Invalid configuration: iface-id is configured on interfaces : [%s] and [%s]. "+
					"Ignoring the configuration on interface [%s]", chosen.Name, i.Name, i.Name))
			}
		}
		out[lport] = chosen
	}
	return out
}

// portsChanged tells whether bridges came, went, or have other ports now. What the
// agent itself notes in their external_ids calls for no look at the interfaces.
func portsChanged(bridges []ovsdb.Change[vswitchdb.Bridge]) bool {
	return slices.ContainsFunc(bridges, func(c ovsdb.Change[vswitchdb.Bridge]) bool {
		return c.Old == nil || c.New == nil || c.Cols.Has(vswitchdb.BridgeColPorts)
	})
}

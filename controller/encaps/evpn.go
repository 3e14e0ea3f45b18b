package encaps

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// ensureEVPN keeps one VXLAN port, addressed by flows, for each UDP port of
// ovn-evpn-vxlan-ports.
func (r *run) ensureEVPN() {
	have := map[string]*vswitchdb.Port{}
	for _, p := range r.evpn.Get(true) {
		if replica.Has(r.Bridge, p) {
			have[p.Name] = p
		}
	}
	for _, port := range strings.Split(r.Config.EVPNVXLANPorts, ",") {
		if port = strings.TrimSpace(port); port == "" {
			continue
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			r.log.Warn(fmt.Sprintf("Invalid VXLAN port number '%s'", port))
			continue
		}
		name := "ovn" + r.Index + "-evpn-" + port
		options := ovsdb.NewMap("local_ip", "flow", "remote_ip", "flow", "key", "flow", "dst_port", port)
		t := tunnel{name: name, typ: "vxlan", options: options, portIDs: ovsdb.NewMap(evpnKey, "true")}
		p := have[name]
		delete(have, name)
		if p != nil {
			if i := r.onlyInterface(p); i != nil {
				r.adjust(i, t)
				continue
			}
			r.remove = append(r.remove, p.UUID)
		}
		r.create(t)
	}
	if !r.MayDelete {
		return
	}
	for _, p := range have {
		r.remove = append(r.remove, p.UUID)
	}
}

// marked tells whether a port is a tunnel made by an agent.
func marked(p *vswitchdb.Port) bool {
	_, ok := p.ExternalIDs.Lookup(idKey)
	return ok || replica.True(p.ExternalIDs, evpnKey)
}

// RemoveFrom takes tunnel ports whose names begin with prefix off a bridge that is
// not, or no longer, the integration bridge. It reports whether there were any.
func RemoveFrom(l *replica.Local, br *vswitchdb.Bridge, prefix string, tx *ovsdb.Txn) bool {
	var gone []ovsdb.UUID
	for p := range l.Ports(br) {
		if strings.HasPrefix(p.Name, prefix) && marked(p) {
			gone = append(gone, p.UUID)
		}
	}
	if len(gone) == 0 {
		return false
	}
	slices.SortFunc(gone, ovsdb.UUID.Compare)
	vswitchdb.UpdateBridge(tx, br.UUID).MutatePortsDelete(gone...)
	return true
}

// RemoveAll takes all tunnel ports off the integration bridge on exit, and reports
// whether there were any.
func RemoveAll(l *replica.Local, br *vswitchdb.Bridge, tx *ovsdb.Txn) bool {
	if br == nil || !RemoveFrom(l, br, "", tx) {
		return false
	}
	tx.AddComment("ovn-controller: destroying tunnels")
	return true
}

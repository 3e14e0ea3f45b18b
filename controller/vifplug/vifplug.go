// Package vifplug answers requests to plug a port (ovn-nb(5), option vif-plug-type):
// the agent has no provider that makes interfaces, and says so, as the C agent does
// when it lacks the one that is asked for.
package vifplug

import (
	"fmt"
	"log/slog"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

const typeKey = "vif-plug-type"

// Duty remembers what has been said.
type Duty struct {
	looked bool
	said   map[string]string // the type last named, by logical port
}

// Run names the ports that this chassis is asked to plug, each once. changes may be
// nil; the first run looks at all ports.
func (d *Duty) Run(sb *replica.SB, us ovsdb.UUID, changes *sbdb.Changes, log *slog.Logger) {
	if us.IsZero() {
		return
	}
	if !d.looked {
		d.looked = true
		for p := range sb.PortBinding.All() {
			d.consider(p, us, log)
		}
	}
	if changes == nil {
		return
	}
	for i := range changes.PortBinding {
		switch c := &changes.PortBinding[i]; {
		case c.New != nil:
			d.consider(c.New, us, log)
		case c.Old != nil:
			delete(d.said, c.Old.LogicalPort)
		}
	}
}

func (d *Duty) consider(p *sbdb.PortBinding, us ovsdb.UUID, log *slog.Logger) {
	typ, asked := p.Options.Lookup(typeKey)
	if !asked || p.Type != "" || p.ParentPort.Value() != "" || p.RequestedChassis != us {
		delete(d.said, p.LogicalPort)
		return
	}
	if d.said[p.LogicalPort] == typ {
		return
	}
	if d.said == nil {
		d.said = map[string]string{}
	}
	d.said[p.LogicalPort] = typ
	log.Warn(fmt.Sprintf("Unable to open VIF plug provider for %s: '%s' lport %s", typeKey, typ, p.LogicalPort))
}

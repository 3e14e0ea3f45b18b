// Package portkey finds logical ports by the tunnel keys that packets carry.
package portkey

import (
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Ports are the look-ups.
type Ports struct {
	datapath *ovsdb.Index[int64, sbdb.DatapathBinding]
	port     *ovsdb.Index[key, sbdb.PortBinding]
}

type key struct {
	datapath ovsdb.UUID
	port     int64
}

// New adds the look-ups to a replica.
func New(db *sbdb.DB) *Ports {
	return &Ports{
		datapath: ovsdb.AddIndex(db.DatapathBinding, func(r *sbdb.DatapathBinding) (int64, bool) { return r.TunnelKey, true }),
		port: ovsdb.AddIndex(db.PortBinding, func(r *sbdb.PortBinding) (key, bool) {
			return key{r.Datapath, r.TunnelKey}, true
		}),
	}
}

// Datapath returns the datapath with that key, nil when there is none.
func (p *Ports) Datapath(k uint32) *sbdb.DatapathBinding { return p.datapath.One(int64(k)) }

// Port returns the port with that key, nil when there is none.
func (p *Ports) Port(k pinctrl.PortKey) *sbdb.PortBinding {
	dp := p.Datapath(k.Datapath)
	if dp == nil {
		return nil
	}
	return p.port.One(key{dp.UUID, int64(k.Port)})
}

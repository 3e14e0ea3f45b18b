package binding

import "github.com/ovn-chassis/ovn-chassis/ovsdb"

// Datapath returns a local datapath, nil if it is not local.
func (d *Duty) Datapath(id ovsdb.UUID) *LocalDatapath { return d.datapaths[id] }

package loop

import (
	"iter"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// sbRows lists the rows of a southbound table that changed, of the tables in which
// the agent changes rows it did not make itself.
func sbRows(c *sbdb.Changes) func(table string) iter.Seq[ovsdb.UUID] {
	return func(table string) iter.Seq[ovsdb.UUID] {
		switch table {
		case sbdb.TablePortBinding:
			return changedRows(c.PortBinding, func(r *sbdb.PortBinding) ovsdb.UUID { return r.UUID })
		case sbdb.TableChassis:
			return changedRows(c.Chassis, func(r *sbdb.Chassis) ovsdb.UUID { return r.UUID })
		case sbdb.TableChassisPrivate:
			return changedRows(c.ChassisPrivate, func(r *sbdb.ChassisPrivate) ovsdb.UUID { return r.UUID })
		case sbdb.TableEncap:
			return changedRows(c.Encap, func(r *sbdb.Encap) ovsdb.UUID { return r.UUID })
		case sbdb.TableMACBinding:
			return changedRows(c.MACBinding, func(r *sbdb.MACBinding) ovsdb.UUID { return r.UUID })
		case sbdb.TableFDB:
			return changedRows(c.FDB, func(r *sbdb.FDB) ovsdb.UUID { return r.UUID })
		case sbdb.TableBFD:
			return changedRows(c.BFD, func(r *sbdb.BFD) ovsdb.UUID { return r.UUID })
		case sbdb.TableServiceMonitor:
			return changedRows(c.ServiceMonitor, func(r *sbdb.ServiceMonitor) ovsdb.UUID { return r.UUID })
		}
		return func(func(ovsdb.UUID) bool) {}
	}
}

// localRows is sbRows for the local database.
func localRows(c *vswitchdb.Changes) func(table string) iter.Seq[ovsdb.UUID] {
	return func(table string) iter.Seq[ovsdb.UUID] {
		switch table {
		case vswitchdb.TableOpenVSwitch:
			return changedRows(c.OpenVSwitch, func(r *vswitchdb.OpenVSwitch) ovsdb.UUID { return r.UUID })
		case vswitchdb.TableBridge:
			return changedRows(c.Bridge, func(r *vswitchdb.Bridge) ovsdb.UUID { return r.UUID })
		case vswitchdb.TablePort:
			return changedRows(c.Port, func(r *vswitchdb.Port) ovsdb.UUID { return r.UUID })
		case vswitchdb.TableInterface:
			return changedRows(c.Interface, func(r *vswitchdb.Interface) ovsdb.UUID { return r.UUID })
		case vswitchdb.TableDatapath:
			return changedRows(c.Datapath, func(r *vswitchdb.Datapath) ovsdb.UUID { return r.UUID })
		}
		return func(func(ovsdb.UUID) bool) {}
	}
}

func changedRows[R any](changes []ovsdb.Change[R], id func(*R) ovsdb.UUID) iter.Seq[ovsdb.UUID] {
	return func(yield func(ovsdb.UUID) bool) {
		for _, c := range changes {
			row := c.New
			if row == nil {
				row = c.Old
			}
			if !yield(id(row)) {
				return
			}
		}
	}
}

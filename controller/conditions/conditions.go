// Package conditions says which southbound rows this chassis needs to see: those
// about itself, its interfaces and its local datapaths, and those that show how
// datapaths are linked. With ovn-monitor-all there is no condition at all, which
// is cheaper for the server when most rows are needed anyway.
//
// Clauses of the large tables are equalities only. The server looks those up by
// hash, whereas a single clause of another kind has it try one clause after the
// other on every row, each time a condition changes.
package conditions

import (
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Datapath is a local datapath.
type Datapath struct {
	UUID ovsdb.UUID
	Key  int64
}

// Inputs are what the conditions are made of.
type Inputs struct {
	MonitorAll bool
	// Chassis is the own row, nil before it is known.
	Chassis *sbdb.Chassis
	// Interfaces are the logical ports that interfaces of this host carry.
	Interfaces []string
	Datapaths  []Datapath
}

func set(column string, id ovsdb.UUID) ovsdb.Condition {
	return ovsdb.Condition{Column: column, Function: "includes", Value: string(ovsdb.AppendUUID(nil, id))}
}

// Compute returns the conditions by table. Tables that are not named are
// monitored whole: their rows are few, or needed on every chassis.
func Compute(in Inputs) ovsdb.Conditions {
	if in.MonitorAll {
		return ovsdb.Conditions{}
	}
	c := ovsdb.Conditions{
		sbdb.TablePortBinding: {
			// Links between datapaths, and gateways that this chassis may have to host.
			ovsdb.WhereString("type", "patch"),
			ovsdb.WhereString("type", "chassisredirect"),
			ovsdb.WhereString("type", "external"),
			// Their chassis is in their options, where it is not found by hashing.
			ovsdb.WhereString("type", "l2gateway"),
			ovsdb.WhereString("type", "l3gateway"),
		},
		sbdb.TableLogicalFlow:          {},
		sbdb.TableMACBinding:           {},
		sbdb.TableFDB:                  {},
		sbdb.TableMulticastGroup:       {},
		sbdb.TableDNS:                  {},
		sbdb.TableControllerEvent:      {},
		sbdb.TableIPMulticast:          {},
		sbdb.TableIGMPGroup:            {},
		sbdb.TableChassisTemplateVar:   {},
		sbdb.TableECMPNexthop:          {},
		sbdb.TableAdvertisedRoute:      {},
		sbdb.TableAdvertisedMACBinding: {},
	}
	add := func(table string, w ...ovsdb.Condition) { c[table] = append(c[table], w...) }
	if us := in.Chassis; us != nil {
		add(sbdb.TablePortBinding,
			// Rows that name this chassis though they should not, so that it can let go.
			ovsdb.WhereUUID("chassis", us.UUID),
			ovsdb.WhereUUID("requested_chassis", us.UUID))
		add(sbdb.TableControllerEvent, ovsdb.WhereUUID("chassis", us.UUID))
		add(sbdb.TableIGMPGroup, ovsdb.WhereUUID("chassis", us.UUID))
		add(sbdb.TableChassisPrivate, ovsdb.WhereString("name", us.Name))
		add(sbdb.TableChassisTemplateVar, ovsdb.WhereString("chassis", us.Name))
		// A flow may move to a group this chassis has not seen: taking all of them
		// avoids removing and adding flows meanwhile. Those with a group are those
		// without a datapath.
		add(sbdb.TableLogicalFlow, ovsdb.WhereEmpty("logical_datapath"))
	} else {
		// Chassis_Private whole, not to make a second row; routes that may be advertised
		// as soon as the chassis is known.
		delete(c, sbdb.TableAdvertisedRoute)
	}
	add(sbdb.TablePortBinding, ofInterfaces(in.Interfaces)...)
	for _, d := range in.Datapaths {
		add(sbdb.TablePortBinding, ovsdb.WhereUUID("datapath", d.UUID))
		add(sbdb.TableLogicalFlow, ovsdb.WhereUUID("logical_datapath", d.UUID))
		for _, table := range []string{
			sbdb.TableMACBinding, sbdb.TableMulticastGroup, sbdb.TableIPMulticast, sbdb.TableECMPNexthop,
			sbdb.TableAdvertisedMACBinding,
		} {
			add(table, ovsdb.WhereUUID("datapath", d.UUID))
		}
		if _, conditional := c[sbdb.TableAdvertisedRoute]; conditional {
			add(sbdb.TableAdvertisedRoute, ovsdb.WhereUUID("datapath", d.UUID))
		}
		add(sbdb.TableFDB, ovsdb.WhereInt("dp_key", d.Key))
		add(sbdb.TableDNS, set("datapaths", d.UUID))
	}
	return c
}

// ofInterfaces are the clauses for ports with an interface here, and for ports
// inside them.
func ofInterfaces(lports []string) []ovsdb.Condition {
	out := make([]ovsdb.Condition, 0, 2*len(lports))
	for _, lport := range lports {
		out = append(out, ovsdb.WhereString("logical_port", lport), ovsdb.WhereString("parent_port", lport))
	}
	return out
}

package replicatest

import (
	"encoding/json"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// operation is one of a transaction, RFC 7047 section 5.2.
type operation struct {
	Op, Table string
	UUID      string
	Where     [][]any
	Row       map[string]any
	Mutations [][]any
}

// Commit carries out a transaction of the local database, as far as it is about ports,
// interfaces and what bridges have of them. Ports have one interface, of their own name.
func (w *World) Commit(tx *ovsdb.Txn) {
	var raw []json.RawMessage
	if err := json.Unmarshal([]byte(tx.String()), &raw); err != nil {
		w.t.Fatalf("transaction %s: %v", tx, err)
	}
	var ops []operation
	for _, r := range raw[1:] {
		var op operation
		if err := json.Unmarshal(r, &op); err != nil {
			w.t.Fatalf("operation %s: %v", r, err)
		}
		ops = append(ops, op)
	}
	inserted := map[string]map[string]any{} // rows by their UUIDs
	for _, op := range ops {
		if op.Op == "insert" {
			inserted[op.UUID] = op.Row
		}
	}
	for _, op := range ops {
		if op.Op != "update" && op.Op != "mutate" {
			continue
		}
		id := reference(op.Where[0][2])
		switch op.Table {
		case vswitchdb.TableInterface:
			w.updateInterface(w.names[id], op.Row)
		case vswitchdb.TablePort:
			w.mutatePort(w.names[id], op.Mutations)
		case vswitchdb.TableBridge:
			for _, m := range op.Mutations {
				if m[0] != "ports" {
					continue
				}
				for _, port := range elements(m[2]) {
					w.plug(w.names[id], reference(port), m[1] == "insert", inserted)
				}
			}
		}
	}
}

// plug puts a port on a bridge, one that the transaction makes, or takes one off it.
func (w *World) plug(bridge, port string, in bool, inserted map[string]map[string]any) {
	if !in {
		if name := w.names[port]; slices.Contains(w.ports[bridge], name) {
			w.Do("del iface " + name + " bridge=" + bridge)
		}
		return
	}
	row := inserted[port]
	name := row["name"].(string)
	iface := inserted[reference(elements(row["interfaces"])[0])]
	id, pid := w.ID("iface", name), w.ID("port-of", name)
	w.rows["iface "+name] = true
	typ, _ := iface["type"].(string)
	w.applyLocal(&vswitchdb.Update{
		Interface: one(id, &vswitchdb.Interface{
			UUID: id, Name: name, Type: typ, Options: stringMap(iface["options"]), OtherConfig: stringMap(iface["other_config"]),
		}),
		Port: one(pid, &vswitchdb.Port{UUID: pid, Name: name, Interfaces: []ovsdb.UUID{id}, ExternalIDs: stringMap(row["external_ids"])}),
	})
	w.setMember(bridge, name, true)
}

func (w *World) updateInterface(name string, columns map[string]any) {
	old := w.Local.InterfaceByName.One(name)
	if old == nil {
		return
	}
	now := *old
	for column, v := range columns {
		switch column {
		case "type":
			now.Type = v.(string)
		case "options":
			now.Options = stringMap(v)
		case "other_config":
			now.OtherConfig = stringMap(v)
		case "bfd":
			now.BFD = stringMap(v)
		}
	}
	w.applyLocal(&vswitchdb.Update{Interface: one(now.UUID, &now)})
}

func (w *World) mutatePort(name string, mutations [][]any) {
	old := w.Local.PortByName.One(name)
	if old == nil {
		return
	}
	now := *old
	for _, m := range mutations {
		if m[0] == "external_ids" && m[1] == "insert" {
			for k, v := range stringMap(m[2]).All() {
				now.ExternalIDs = now.ExternalIDs.With(k, v)
			}
		}
	}
	w.applyLocal(&vswitchdb.Update{Port: one(now.UUID, &now)})
}

// reference is the UUID that a value stands for.
func reference(v any) string { return v.([]any)[1].(string) }

// elements are those of a set, which is not written as one if it has but one.
func elements(v any) []any {
	if set := v.([]any); set[0] == "set" {
		return set[1].([]any)
	}
	return []any{v}
}

func stringMap(v any) ovsdb.Map {
	out := map[string]string{}
	if v != nil {
		for _, pair := range v.([]any)[1].([]any) {
			out[pair.([]any)[0].(string)] = pair.([]any)[1].(string)
		}
	}
	return ovsdb.MapFrom(out)
}

// Package replicatest builds small replicas from lines of text and prints
// transactions as text, so that the tests of duties can be read.
//
//	chassis hv1 host=h1 encaps=geneve/192.168.0.1
//	datapath sw0 switch key=1
//	port p1 dp=sw0 key=1 opt:requested-chassis=hv1
//	bridge br-int
//	iface vif1 ofport=1 ext:iface-id=p1
//	del port p1
//
// The same name again replaces the row. UUIDs are made of table and name, so that
// goldens are stable.
package replicatest

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// World is the two replicas and the names of their rows.
type World struct {
	t     testing.TB
	SB    *replica.SB
	Local *replica.Local

	names map[string]string // UUID text to name
	rows  map[string]bool   // "kind name" that exist
	ports map[string][]string
	// mirrors are the Mirror rows of br-int.
	mirrors []string
	// SBChanges and LocalChanges collect until Reset.
	SBChanges    *sbdb.Changes
	LocalChanges *vswitchdb.Changes
}

// New returns empty replicas of servers that have every table.
func New(t testing.TB) *World {
	return On(t, replica.NewSB(sbdb.NewDB()), replica.NewLocal(vswitchdb.NewDB()))
}

// On is New with empty replicas that somebody else has.
func On(t testing.TB, sb *replica.SB, local *replica.Local) *World {
	w := &World{
		t: t, SB: sb, Local: local,
		names: map[string]string{}, rows: map[string]bool{}, ports: map[string][]string{},
	}
	w.applySB(&sbdb.Update{Meta: ovsdb.Meta{Schema: schemaOf(sbdb.Model().Name, sbdb.SchemaVersion, tableColumns(sbdb.Model().Tables))}})
	w.applyLocal(&vswitchdb.Update{Meta: ovsdb.Meta{Schema: schemaOf(vswitchdb.Model().Name, vswitchdb.SchemaVersion, tableColumns(vswitchdb.Model().Tables))}})
	w.Reset()
	return w
}

func tableColumns[U any](tables []ovsdb.TableModel[U]) map[string][]string {
	out := map[string][]string{}
	for _, t := range tables {
		out[t.Name] = t.Columns
	}
	return out
}

func schemaOf(name, version string, tables map[string][]string) *ovsdb.ServerSchema {
	s := &ovsdb.ServerSchema{Name: name, Version: version, Tables: map[string]map[string]bool{}}
	for t, cols := range tables {
		s.Tables[t] = map[string]bool{}
		for _, c := range cols {
			s.Tables[t][c] = true
		}
	}
	return s
}

// Reset forgets the changes collected.
func (w *World) Reset() { w.SBChanges, w.LocalChanges = nil, nil }

// ID is the UUID of a row.
func (w *World) ID(kind, name string) ovsdb.UUID {
	sum := sha1.Sum([]byte(kind + " " + name))
	var id ovsdb.UUID
	copy(id[:], sum[:])
	w.names[id.String()] = name
	return id
}

func (w *World) applySB(u *sbdb.Update) {
	c := w.SB.Apply(u)
	w.check(c.Errors)
	if w.SBChanges == nil {
		w.SBChanges = c
	} else {
		w.SBChanges.Merge(c)
	}
}

func (w *World) applyLocal(u *vswitchdb.Update) {
	c := w.Local.Apply(u)
	w.check(c.Errors)
	if w.LocalChanges == nil {
		w.LocalChanges = c
	} else {
		w.LocalChanges.Merge(c)
	}
}

func (w *World) check(errs []error) {
	for _, err := range errs {
		w.t.Fatal(err)
	}
}

// args are the words of a line: flags, key=value, and column:key=value.
type args struct {
	flags map[string]bool
	vals  map[string]string
	maps  map[string]map[string]string
}

func parseArgs(words []string) args {
	a := args{map[string]bool{}, map[string]string{}, map[string]map[string]string{}}
	for _, word := range words {
		k, v, ok := strings.Cut(word, "=")
		if !ok {
			a.flags[k] = true
			continue
		}
		if column, key, isMap := strings.Cut(k, ":"); isMap {
			if a.maps[column] == nil {
				a.maps[column] = map[string]string{}
			}
			a.maps[column][key] = v
			continue
		}
		a.vals[k] = v
	}
	return a
}

func (a args) strMap(column string) ovsdb.Map { return ovsdb.MapFrom(a.maps[column]) }

func (a args) num(key string) int64 {
	n, _ := strconv.ParseInt(a.vals[key], 10, 64)
	return n
}

func (a args) optStr(key string) ovsdb.Optional[string] {
	if v, ok := a.vals[key]; ok {
		return ovsdb.Some(v)
	}
	return ovsdb.Optional[string]{}
}

func (a args) list(key string) []string {
	if a.vals[key] == "" {
		return nil
	}
	return strings.Split(a.vals[key], ",")
}

func (w *World) ref(kind, name string) ovsdb.UUID {
	if name == "" {
		return ovsdb.UUID{}
	}
	return w.ID(kind, name)
}

func (w *World) refs(kind string, names []string) []ovsdb.UUID {
	var out []ovsdb.UUID
	for _, n := range names {
		out = append(out, w.ID(kind, n))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Compare(out[j]) < 0 })
	return out
}

func one[R any](id ovsdb.UUID, row *R) []ovsdb.RowUpdate[R] {
	if row == nil {
		return []ovsdb.RowUpdate[R]{{ID: id, Kind: ovsdb.RowDelete}}
	}
	return []ovsdb.RowUpdate[R]{{ID: id, Kind: ovsdb.RowFull, Row: row}}
}

// Do carries out one line and reports whether it knew it.
func (w *World) Do(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return true
	}
	del := words[0] == "del"
	if del {
		words = words[1:]
	}
	if len(words) < 2 {
		return false
	}
	kind, name, a := words[0], words[1], parseArgs(words[2:])
	id := w.ID(kind, name)
	if !w.southbound(kind, name, id, a, del) && !w.switchdb(kind, name, id, a, del) {
		return false
	}
	w.rows[kind+" "+name] = !del
	return true
}

func (w *World) southbound(kind, name string, id ovsdb.UUID, a args, del bool) bool {
	u := &sbdb.Update{}
	switch kind {
	case "chassis":
		row := &sbdb.Chassis{UUID: id, Name: name, Hostname: a.vals["host"], OtherConfig: a.strMap("oc"), TransportZones: a.list("tz")}
		if as := a.vals["name"]; as != "" {
			row.Name = as
		}
		for _, e := range a.list("encaps") {
			typ, ip, _ := strings.Cut(e, "/")
			w.encap(name, typ, ip, a)
			row.Encaps = append(row.Encaps, w.ID("encap", e))
		}
		sort.Slice(row.Encaps, func(i, j int) bool { return row.Encaps[i].Compare(row.Encaps[j]) < 0 })
		if del {
			row = nil
		}
		u.Chassis = one(id, row)
	case "private":
		row := &sbdb.ChassisPrivate{UUID: id, Name: name, Chassis: w.ref("chassis", name), NbCfg: a.num("nb_cfg")}
		if del {
			row = nil
		}
		u.ChassisPrivate = one(id, row)
	case "global":
		u.SBGlobal = one(id, &sbdb.SBGlobal{UUID: id, NbCfg: a.num("nb_cfg"), Options: a.strMap("opt"), IPsec: a.flags["ipsec"]})
	case "datapath":
		typ := "logical-router"
		if a.flags["switch"] {
			typ = "logical-switch"
		}
		row := &sbdb.DatapathBinding{UUID: id, TunnelKey: a.num("key"), Type: ovsdb.Some(typ), ExternalIDs: a.strMap("ext")}
		if _, named := row.ExternalIDs.Lookup("name"); !named {
			row.ExternalIDs = row.ExternalIDs.With("name", name)
		}
		if del {
			row = nil
		}
		u.DatapathBinding = one(id, row)
	case "port":
		row := &sbdb.PortBinding{
			UUID: id, LogicalPort: name, Type: a.vals["type"], Datapath: w.ref("datapath", a.vals["dp"]), TunnelKey: a.num("key"),
			Chassis: w.ref("chassis", a.vals["chassis"]), AdditionalChassis: w.refs("chassis", a.list("additional")),
			RequestedChassis:           w.ref("chassis", a.vals["requested"]),
			RequestedAdditionalChassis: w.refs("chassis", a.list("requested-additional")),
			ParentPort:                 a.optStr("parent"), VirtualParent: a.optStr("vparent"), HAChassisGroup: w.ref("group", a.vals["ha"]),
			Encap: w.ref("encap", a.vals["encap"]), Options: a.strMap("opt"), MAC: a.list("mac"),
			MirrorRules: w.refs("mirror", a.list("mirrors")),
		}
		if v, ok := a.vals["up"]; ok {
			row.Up = ovsdb.Some(v == "true")
		}
		if del {
			row = nil
		}
		u.PortBinding = one(id, row)
	case "group":
		row := &sbdb.HAChassisGroup{UUID: id, Name: name, RefChassis: w.refs("chassis", a.list("ref"))}
		for _, m := range a.list("members") {
			c, prio, _ := strings.Cut(m, ":")
			n, _ := strconv.ParseInt(prio, 10, 64)
			mid := w.ID("member", name+"/"+c)
			w.applySB(&sbdb.Update{HAChassis: one(mid, &sbdb.HAChassis{UUID: mid, Chassis: w.ID("chassis", c), Priority: n})})
			row.HAChassis = append(row.HAChassis, mid)
		}
		if del {
			row = nil
		}
		u.HAChassisGroup = one(id, row)
	case "member":
		// A member of a group, named group/chassis, is given another chassis.
		u.HAChassis = one(id, &sbdb.HAChassis{UUID: id, Chassis: w.ref("chassis", a.vals["chassis"]), Priority: a.num("prio")})
	case "mirror":
		row := &sbdb.Mirror{UUID: id, Name: name, Type: a.vals["type"], Sink: a.vals["sink"], Index: a.num("index"), Filter: a.vals["filter"]}
		if del {
			row = nil
		}
		u.Mirror = one(id, row)
	default:
		return false
	}
	w.applySB(u)
	return true
}

func (w *World) encap(chassis, typ, ip string, a args) {
	id := w.ID("encap", typ+"/"+ip)
	options := ovsdb.NewMap("csum", "true")
	if a.maps["encap"] != nil {
		options = a.strMap("encap")
	}
	w.applySB(&sbdb.Update{Encap: one(id, &sbdb.Encap{UUID: id, ChassisName: chassis, Type: typ, IP: ip, Options: options})})
}

func (w *World) switchdb(kind, name string, id ovsdb.UUID, a args, del bool) bool {
	u := &vswitchdb.Update{}
	switch kind {
	case "open":
		u.OpenVSwitch = one(id, &vswitchdb.OpenVSwitch{
			UUID: id, ExternalIDs: a.strMap("ext"), OtherConfig: a.strMap("oc"), IfaceTypes: a.list("types"),
			Datapaths: ovsdb.MapFrom(map[string]ovsdb.UUID{"system": w.ID("dpath", "system")}),
		})
		dp := w.ID("dpath", "system")
		u.Datapath = one(dp, &vswitchdb.Datapath{UUID: dp})
	case "bridge":
		w.bridgeRow(name, a)
		return true
	case "iface":
		bridge := a.vals["bridge"]
		if bridge == "" {
			bridge = "br-int"
		}
		row := &vswitchdb.Interface{
			UUID: id, Name: name, Type: a.vals["type"], ExternalIDs: a.strMap("ext"), Options: a.strMap("opt"),
			BFD: a.strMap("bfd"), BFDStatus: a.strMap("bfds"), OtherConfig: a.strMap("oc"), Status: a.strMap("status"),
		}
		if v, ok := a.vals["speed"]; ok {
			n, _ := strconv.ParseInt(v, 10, 64)
			row.LinkSpeed = ovsdb.Some(n)
		}
		if v, ok := a.vals["ofport"]; ok {
			n, _ := strconv.ParseInt(v, 10, 64)
			row.Ofport = ovsdb.Some(n)
		}
		pid := w.ID("port-of", name)
		port := &vswitchdb.Port{UUID: pid, Name: name, Interfaces: []ovsdb.UUID{id}, ExternalIDs: a.strMap("port"), QoS: w.ref("qos", a.vals["qos"])}
		if del {
			row, port = nil, nil
		}
		u.Interface, u.Port = one(id, row), one(pid, port)
		w.applyLocal(u)
		w.setMember(bridge, name, !del)
		return true
	case "plug":
		// An interface that is there comes to a bridge or goes from it.
		w.setMember(a.vals["bridge"], name, !del)
		return true
	case "ovs-mirror":
		row := &vswitchdb.Mirror{UUID: id, Name: name, ExternalIDs: a.strMap("ext"), OutputPort: w.ref("port-of", a.vals["out"]),
			SelectSrcPort: w.refs("port-of", a.list("src")), SelectDstPort: w.refs("port-of", a.list("dst"))}
		if del {
			row = nil
		}
		u.Mirror = one(id, row)
		w.mirrors = setName(w.mirrors, name, !del)
		w.applyLocal(u)
		w.bridgeMembers("br-int")
		return true
	case "qos":
		row := &vswitchdb.QoS{UUID: id, Type: a.vals["type"], ExternalIDs: a.strMap("ext"), OtherConfig: a.strMap("oc")}
		queues := map[int64]ovsdb.UUID{}
		for k, v := range a.maps["queue"] {
			n, _ := strconv.ParseInt(k, 10, 64)
			queues[n] = w.ID("queue", v)
		}
		row.Queues = ovsdb.MapFrom(queues)
		if del {
			row = nil
		}
		u.QoS = one(id, row)
	case "queue":
		row := &vswitchdb.Queue{UUID: id, ExternalIDs: a.strMap("ext"), OtherConfig: a.strMap("oc")}
		if del {
			row = nil
		}
		u.Queue = one(id, row)
	default:
		return false
	}
	w.applyLocal(u)
	return true
}

// setMember puts a port on a bridge or takes it off.
func (w *World) setMember(bridge, port string, in bool) {
	w.ports[bridge] = setName(w.ports[bridge], port, in)
	w.bridgeMembers(bridge)
}

// setName puts a name at the end of a list or takes it off.
func setName(list []string, name string, in bool) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == name })
	if in {
		list = append(list, name)
	}
	return list
}

// bridgeMembers gives a bridge the ports and mirrors it has now.
func (w *World) bridgeMembers(bridge string) {
	if br := w.Local.BridgeByName.One(bridge); br != nil {
		now := *br
		now.Ports = w.refs("port-of", w.ports[bridge])
		if bridge == "br-int" {
			now.Mirrors = w.refs("ovs-mirror", w.mirrors)
		}
		w.applyLocal(&vswitchdb.Update{Bridge: one(now.UUID, &now)})
	}
}

func (w *World) bridgeRow(name string, a args) {
	id := w.ID("bridge", name)
	row := &vswitchdb.Bridge{UUID: id, Name: name, ExternalIDs: a.strMap("ext"), DatapathType: a.vals["dptype"],
		OtherConfig: a.strMap("oc"), Ports: w.refs("port-of", w.ports[name]), FailMode: a.optStr("fail")}
	w.applyLocal(&vswitchdb.Update{Bridge: one(id, row)})
}

var uuidText = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// Names replaces UUIDs in a text by names, those of new rows by new1, new2….
func (w *World) Names(s string) string {
	fresh := map[string]string{}
	return uuidText.ReplaceAllStringFunc(s, func(id string) string {
		if n, ok := w.names[id]; ok {
			return n
		}
		if fresh[id] == "" {
			fresh[id] = fmt.Sprintf("new%d", len(fresh)+1)
		}
		return fresh[id]
	})
}

// Print renders a transaction, an operation per line.
func (w *World) Print(tx *ovsdb.Txn) string {
	if tx == nil || tx.Len() == 0 {
		return ""
	}
	var ops []json.RawMessage
	if err := json.Unmarshal([]byte(w.Names(tx.String())), &ops); err != nil {
		w.t.Fatalf("transaction %s: %v", tx, err)
	}
	var b strings.Builder
	for _, raw := range ops[1:] {
		var op struct {
			Op, Table, UUID, Comment string
			Where                    [][]any
			Row                      json.RawMessage
			Rows                     json.RawMessage
			Mutations                [][]json.RawMessage
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			w.t.Fatalf("operation %s: %v", raw, err)
		}
		if op.Op == "comment" {
			fmt.Fprintf(&b, "comment %q\n", op.Comment)
			continue
		}
		fmt.Fprintf(&b, "%s %s", op.Op, op.Table)
		if op.UUID != "" {
			fmt.Fprintf(&b, " %s", op.UUID)
		}
		for _, c := range op.Where {
			if ref, ok := c[2].([]any); ok && c[0] == "_uuid" {
				fmt.Fprintf(&b, " %s", ref[1])
			}
		}
		for _, part := range []json.RawMessage{op.Row, op.Rows} {
			if len(part) > 0 {
				fmt.Fprintf(&b, " %s", plain(part))
			}
		}
		for _, m := range op.Mutations {
			fmt.Fprintf(&b, " %s %s %s", plain(m[0]), plain(m[1]), plain(m[2]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// plain writes OVSDB values the way people do.
func plain(raw json.RawMessage) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	return plainValue(v)
}

func plainValue(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var out []string
		for k, x := range v {
			out = append(out, k+"="+plainValue(x))
		}
		sort.Strings(out)
		return strings.Join(out, " ")
	case []any:
		if len(v) == 2 {
			switch v[0] {
			case "uuid", "named-uuid":
				return fmt.Sprint(v[1])
			case "set":
				return "[" + joinValues(v[1], " ") + "]"
			case "map":
				var out []string
				for _, p := range v[1].([]any) {
					kv := p.([]any)
					out = append(out, plainValue(kv[0])+":"+plainValue(kv[1]))
				}
				sort.Strings(out)
				return "{" + strings.Join(out, " ") + "}"
			}
		}
		return joinValues(v, " ")
	default:
		return fmt.Sprint(v)
	}
}

func joinValues(v any, sep string) string {
	var out []string
	for _, x := range v.([]any) {
		out = append(out, plainValue(x))
	}
	sort.Strings(out)
	return strings.Join(out, sep)
}

package lflow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// matchWorld is a View and an Env of what a test says there is.
type matchWorld struct {
	ports     map[string]uint32 // of every datapath
	remote    map[uint32]bool   // keys that are not local
	resident  map[string]bool
	sets      map[string][]string
	groups    map[string][]uint32
	templates map[string]string
	reads     []string
}

func newMatchWorld() *matchWorld {
	return &matchWorld{
		ports: map[string]uint32{}, remote: map[uint32]bool{}, resident: map[string]bool{},
		sets: map[string][]string{}, groups: map[string][]uint32{}, templates: map[string]string{},
	}
}

func (w *matchWorld) read(format string, args ...any) {
	w.reads = append(w.reads, fmt.Sprintf(format, args...))
}

func (w *matchWorld) Port(dp uint32, name string) (uint32, bool) {
	w.read("port %s", name)
	key, ok := w.ports[name]
	return key, ok
}

func (w *matchWorld) Resident(port string) bool {
	w.read("resident %s", port)
	return w.resident[port]
}

func (w *matchWorld) LocalPort(dp, key uint32) bool {
	w.read("local %d", key)
	return !w.remote[key]
}

func (w *matchWorld) LocalPortByName(port string) bool        { return false }
func (w *matchWorld) TunnelOfport(port string) (uint32, bool) { return 0, false }
func (w *matchWorld) DHCPOption(string) (DHCPOption, bool)    { return DHCPOption{}, false }
func (w *matchWorld) DHCPv6Option(string) (DHCPOption, bool)  { return DHCPOption{}, false }
func (w *matchWorld) Collector(uint32) bool                   { return false }
func (w *matchWorld) Flag(f EnvFlag) bool                     { return true }
func (w *matchWorld) Template(name string) (v string, ok bool) {
	v, ok = w.templates[name]
	return v, ok
}
func (w *matchWorld) AddressSetMembers(k SetKey) []Member { return w.members(k, true) }
func (w *matchWorld) PortGroupMembers(k SetKey) []Member  { return w.members(k, true) }
func (w *matchWorld) AddressSetShape(k SetKey) (s Shape)  { return w.shape(k) }
func (w *matchWorld) PortGroupShape(k SetKey) (s Shape)   { return w.shape(k) }
func (w *matchWorld) shape(k SetKey) Shape {
	w.read("shape %s", k)
	names, _ := k.Parts()
	for _, n := range names {
		known := w.sets[n] != nil
		if k.Kind == SetPorts {
			known = w.groups[n] != nil
		}
		if !known {
			return Shape{Kind: ShapeMissing, Name: n}
		}
		for _, a := range w.sets[n] {
			c, ok := ParseMember(a)
			if _, fits := c.Member(int(k.Width)); ok && !fits {
				return Shape{Kind: ShapeMisfit, Name: n}
			}
		}
	}
	switch m := w.members(k, false); len(m) {
	case 0:
		return Shape{Kind: ShapeNone}
	case 1:
		return Shape{Kind: ShapeOne, Member: m[0]}
	}
	return Shape{Kind: ShapeMany}
}

func (w *matchWorld) members(k SetKey, note bool) []Member {
	if note {
		w.read("members %s", k)
	}
	names, members := k.Parts()
	for _, n := range names {
		if k.Kind == SetPorts {
			for _, key := range w.groups[n] {
				members = append(members, Member{openflow.U64(uint64(key)), openflow.MaskN(32)})
			}
			continue
		}
		for _, a := range w.sets[n] {
			if c, ok := ParseMember(a); ok {
				m, _ := c.Member(int(k.Width))
				members = append(members, m)
			}
		}
	}
	return Distinct(members)
}

// define takes lines like
//
//	port lp1 1
//	remote lp2 2        (a port elsewhere)
//	resident cr-lp1
//	set as1 10.0.0.1 10.0.0.2
//	group pg1 1 2
//	template vip 1.2.3.4
func (w *matchWorld) define(t testing.TB, text string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		key := func(s string) uint32 {
			v, err := strconv.ParseUint(s, 10, 32)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return uint32(v)
		}
		switch f[0] {
		case "port":
			w.ports[f[1]] = key(f[2])
		case "remote":
			w.ports[f[1]] = key(f[2])
			w.remote[key(f[2])] = true
		case "resident":
			w.resident[f[1]] = true
		case "set":
			w.sets[f[1]] = append([]string{}, f[2:]...)
		case "group":
			keys := []uint32{}
			for _, s := range f[2:] {
				keys = append(keys, key(s))
			}
			w.groups[f[1]] = keys
		case "template":
			w.templates[f[1]] = strings.Join(f[2:], " ")
		default:
			t.Fatalf("unknown definition %q", line)
		}
	}
}

// formatOutput is out as text: matches, then what becomes of them, sorted.
func formatOutput(out *Output) string {
	var lines []string
	add := func(f *openflow.Flow, suffix string) {
		s := f.Match.String()
		for sym := range f.Symbols.All() {
			switch sym.Kind {
			case openflow.SymConjMatch:
				s += fmt.Sprintf(" [conj %d]", sym.N)
			case openflow.SymConjClause:
				s += fmt.Sprintf(" -> conjunction(%d,%d/%d)", sym.N, sym.Clause+1, sym.NClauses)
			}
		}
		lines = append(lines, s+suffix)
	}
	for _, f := range out.Flows {
		add(f, "")
	}
	for i := range out.Rows {
		r := &out.Rows[i]
		add(&r.Base, " × "+r.Field.Name()+" in "+r.Set.String())
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return "(no flows)\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

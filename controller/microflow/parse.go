// Package microflow makes the packet that a microflow describes: a logical match
// that leaves one value for each field it tests (ovn-controller(8), inject-pkt).
//
//	text ─Parse─► OpenFlow match ─Compose─► packet
package microflow

import (
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// World is what a microflow may refer to.
type World struct {
	// Port is the OpenFlow port of a logical port, 0 if it has none here.
	Port func(lport string) uint32
	// AddressSet is the set of that name; ok is false if there is none.
	AddressSet func(name string) (addresses []string, ok bool)
	// Template is the variable of that name on this chassis.
	Template func(name string) (value string, ok bool)
}

// Errors of Parse besides those of the text itself.
var (
	ErrAmbiguous     = errors.New("constraints are ambiguous")
	ErrContradictory = errors.New("constraints are contradictory")
	ErrNoPort        = errors.New("ingress port not found on hypervisor")
)

// Parse returns the OpenFlow port that the packets of a microflow come in by, and
// what they are.
func Parse(text string, w World) (inPort uint32, m openflow.Match, err error) {
	v := view{w}
	p, err := lflow.Compile(lflow.Source{Match: text, Actions: "drop;", Ingress: true}, v)
	if err != nil {
		return 0, "", err
	}
	var out lflow.Output
	if err := p.Place(v, lflow.Datapath{Switch: true}, [16]byte{}, &out); err != nil {
		return 0, "", err
	}
	switch {
	case len(out.Flows)+len(out.Rows) == 0:
		return 0, "", ErrContradictory
	case len(out.Flows) != 1 || len(out.Rows) > 0:
		return 0, "", fmt.Errorf("%w: %s", ErrAmbiguous, text)
	}
	m = out.Flows[0].Match
	port, _, _ := m.Get(pipeline.RegInport)
	if port.IsZero() {
		return 0, "", ErrNoPort
	}
	return uint32(port.Lo), m, nil
}

// view has the ports of the switch in place of logical ones, and no port groups.
type view struct{ w World }

var (
	_ lflow.View = view{}
	_ lflow.Env  = view{}
)

func (v view) Port(_ uint32, name string) (uint32, bool)       { return v.w.Port(name), true }
func (view) Resident(string) bool                              { return true }
func (view) LocalPort(uint32, uint32) bool                     { return true }
func (view) LocalPortByName(string) bool                       { return true }
func (view) TunnelOfport(string) (uint32, bool)                { return 0, false }
func (v view) Template(name string) (string, bool)             { return v.w.Template(name) }
func (view) DHCPOption(string) (o lflow.DHCPOption, ok bool)   { return o, false }
func (view) DHCPv6Option(string) (o lflow.DHCPOption, ok bool) { return o, false }
func (view) Collector(uint32) bool                             { return false }
func (view) Flag(lflow.EnvFlag) bool                           { return false }
func (v view) PortGroupMembers(lflow.SetKey) []lflow.Member    { return nil }
func (v view) AddressSetMembers(k lflow.SetKey) []lflow.Member { m, _ := v.members(k); return m }
func (v view) AddressSetShape(k lflow.SetKey) lflow.Shape      { _, s := v.members(k); return s }
func (v view) PortGroupShape(k lflow.SetKey) (s lflow.Shape) {
	names, _ := k.Parts()
	for _, name := range names {
		return lflow.Shape{Kind: lflow.ShapeMissing, Name: name}
	}
	return lflow.Shape{Kind: lflow.ShapeNone}
}

func (v view) members(k lflow.SetKey) ([]lflow.Member, lflow.Shape) {
	names, all := k.Parts()
	for _, name := range names {
		addresses, ok := v.w.AddressSet(name)
		if !ok {
			return nil, lflow.Shape{Kind: lflow.ShapeMissing, Name: name}
		}
		for _, a := range addresses {
			c, ok := lflow.ParseMember(a)
			if !ok {
				continue
			}
			m, fits := c.Member(int(k.Width))
			if !fits {
				return nil, lflow.Shape{Kind: lflow.ShapeMisfit, Name: name}
			}
			all = append(all, m)
		}
	}
	switch all = lflow.Distinct(all); len(all) {
	case 0:
		return nil, lflow.Shape{Kind: lflow.ShapeNone}
	case 1:
		return all, lflow.Shape{Kind: lflow.ShapeOne, Member: all[0]}
	}
	return all, lflow.Shape{Kind: lflow.ShapeMany}
}

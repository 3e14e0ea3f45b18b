package translate

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// scratch is what a worker builds in.
type scratch struct {
	view  view
	place placeView
	flows physical.Flows
	out   lflow.Output
	// program is that of row, found for of in its run-th Run. A worker mostly builds one
	// child of a logical flow after the other.
	program *program
	row     *sbdb.LogicalFlow
	of      *Translator
	run     uint64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// build is called by the engine, from several goroutines at once.
func (t *Translator) build(u engine.Unit, r *engine.Reads, out *engine.Output[openflow.Flow, row]) error {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.view = view{t, r}
	if u.Kind == unitLogicalFlow {
		return t.buildLogicalFlow(u, s, out)
	}
	s.flows.Reset()
	t.buildPhysical(u, s)
	out.Flows = append(out.Flows, s.flows.List...)
	return errors.Join(s.flows.Problems...)
}

func (t *Translator) buildPhysical(u engine.Unit, s *scratch) {
	id := ovsdb.UUID(u.ID)
	v, f := &s.view, &s.flows
	switch u.Kind {
	case unitPort:
		if r := t.db.PortBinding.Get(id); r != nil {
			physical.BuildPort(v, r, f)
		}
	case unitMulticast:
		if r := t.db.MulticastGroup.Get(id); r != nil {
			physical.BuildMulticastGroup(v, r, f)
		}
	case unitMACBinding:
		if r := t.db.MACBinding.Get(id); r != nil {
			physical.BuildMACBinding(v, r, f)
		}
	case unitStaticMACBinding:
		if r := t.db.StaticMACBinding.Get(id); r != nil {
			physical.BuildStaticMACBinding(v, r, f)
		}
	case unitFDB:
		if r := t.db.FDB.Get(id); r != nil {
			physical.BuildFDB(v, r, f)
		}
	case unitLoadBalancer:
		if r := t.db.LoadBalancer.Get(id); r != nil {
			physical.BuildLoadBalancer(v, r, f)
		}
	case unitLoadBalancerSNAT:
		if r := t.db.LoadBalancer.Get(id); r != nil {
			physical.BuildLoadBalancerSNAT(v, r, f)
		}
	case unitTunnel:
		physical.BuildTunnelPort(v, t.tunnelsByPort[uint32(u.N)], f)
	case unitChassisMACs:
		physical.BuildChassisMACs(v, id, f)
	case unitFlood:
		physical.BuildFlood(v, f)
	case unitStatic:
		physical.BuildStatic(v, f)
	}
}

func (t *Translator) buildLogicalFlow(u engine.Unit, s *scratch, out *engine.Output[openflow.Flow, row]) error {
	r := t.db.LogicalFlow.Get(u.ID)
	d := t.byN[u.N]
	if r == nil || d == nil {
		return nil
	}
	s.view.r.Read(inputID(kindDatapath, d.UUID))
	if r.Pipeline != "ingress" && r.Pipeline != "egress" {
		return fmt.Errorf("pipeline %q is neither ingress nor egress", r.Pipeline)
	}
	s.place = placeView{&s.view, d}
	// northd names the port that a logical flow is about, so that the flow need
	// not be looked at elsewhere.
	if port, ok := r.Tags.Lookup("in_out_port"); ok {
		key, known := s.place.Port(d.Key, port)
		if !known || !s.place.LocalPort(d.Key, key) {
			return nil
		}
	}
	if s.row != r || s.of != t || s.run != t.runs {
		s.program = t.programs.get(sourceOf(r), t)
		s.row, s.of, s.run = r, t, t.runs
	}
	s.view.r.ReadAll(s.program.reads)
	if err := s.program.err; err != nil {
		return nameLimit(r, err)
	}
	dp := lflow.Datapath{Key: d.Key, Switch: d.Switch, SNATZoneCommon: d.snatZone}
	s.out.Reset()
	err := nameLimit(r, s.program.prog.Place(&s.place, dp, r.UUID, &s.out))
	if err == nil {
		err = t.checkLimit(r, &s.view, &s.out)
	}
	if over := (*FlowLimitError)(nil); errors.As(err, &over) && over.Refused {
		return err
	}
	out.Flows = append(out.Flows, s.out.Flows...)
	for i := range s.out.Rows {
		x := &s.out.Rows[i]
		out.Rows = append(out.Rows, engine.Row[row]{
			Set: t.index(x.Set).id,
			Row: row{x.Base, x.Field},
		})
	}
	return err
}

// tunnelUnits keeps one unit for each tunnel port.
func (t *Translator) tunnelUnits(old, now []physical.Tunnel) {
	for _, p := range old {
		// The number may be another chassis' by now.
		if t.tunnelsByPort[p.OFPort] == p {
			delete(t.tunnelsByPort, p.OFPort)
			t.eng.RemoveUnit(engine.Unit{Kind: unitTunnel, N: uint64(p.OFPort)})
		}
	}
	for _, p := range now {
		unit := engine.Unit{Kind: unitTunnel, N: uint64(p.OFPort)}
		if other, taken := t.tunnelsByPort[p.OFPort]; taken && other != p {
			t.eng.RemoveUnit(unit)
		}
		t.tunnelsByPort[p.OFPort] = p
		t.eng.AddUnit(unit)
	}
}

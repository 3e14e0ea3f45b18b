package lflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// placement is the state of one call of Place, reused.
type placement struct {
	p     *Program
	v     View
	dp    Datapath
	owner [16]byte
	out   *Output

	n     *normal
	ports []placedPort // by index in n.ports
	buf   []byte       // a match being filled in
	key   []byte       // of a variant
	conds []bool
	sets  []resolvedSet
	free  []openflow.Flow // memory for flows, one block per placement

	actions openflow.Actions
	symbols openflow.Symbols
	ready   bool // actions and symbols are there
	kind    openflow.FlowKind
	conj    uint16 // conjunctions so far
	builder openflow.ActionBuilder
	syms    openflow.SymbolList
}

type placedPort struct {
	known, ok bool
	key       uint32
}

var placements = sync.Pool{New: func() any { return new(placement) }}

// Place adds to out what p yields on datapath dp for the Logical_Flow row with
// that UUID. On an error it has added nothing.
func (p *Program) Place(v View, dp Datapath, owner [16]byte, out *Output) error {
	pl := placements.Get().(*placement)
	pl.p, pl.v, pl.dp, pl.owner, pl.out = p, v, dp, owner, out
	flows, rows := len(out.Flows), len(out.Rows)
	err := pl.place()
	if err != nil {
		out.Flows, out.Rows = out.Flows[:flows], out.Rows[:rows]
	}
	pl.release()
	return err
}

func (pl *placement) release() {
	pl.p, pl.v, pl.out, pl.n, pl.free = nil, nil, nil, nil, nil
	pl.actions, pl.symbols, pl.ready, pl.conj = "", "", false, 0
	clear(pl.sets)
	pl.sets = pl.sets[:0]
	placements.Put(pl)
}

func (pl *placement) place() error {
	var err error
	if pl.n = pl.p.static; pl.n == nil {
		if pl.n, err = pl.resolve(); err != nil {
			return err
		}
	}
	if pl.n == nil || len(pl.n.terms) == 0 {
		return nil
	}
	pl.ports = slices.Grow(pl.ports[:0], len(pl.n.ports))[:len(pl.n.ports)]
	clear(pl.ports)
	for i := range pl.n.terms {
		t := &pl.n.terms[i]
		if len(t.clauses) > 0 {
			err = pl.conjunction(t)
		} else if t.set != nil {
			err = pl.row(t.base, t.set, 0)
		} else {
			err = pl.flow(t.base, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// port is the key of a name in pl.n.ports on this datapath.
func (pl *placement) port(i int) (uint32, bool) {
	q := &pl.ports[i]
	if !q.known {
		q.key, q.ok = pl.v.Port(pl.dp.Key, pl.n.ports[i])
		q.known = true
	}
	return q.key, q.ok
}

// portsKnown tells whether all ports of t exist.
func (pl *placement) portsKnown(t *template) bool {
	for _, s := range t.slots {
		if _, ok := pl.port(s.port); !ok {
			return false
		}
	}
	return true
}

// local tells whether a packet that fits t can be seen on this chassis. On
// switches, each port is on one chassis, and what only ports elsewhere can pass
// is left out.
func (pl *placement) local(t *template) bool {
	if !pl.dp.Switch {
		return true
	}
	key := t.pruneKey
	if t.pruneSlot >= 0 {
		key, _ = pl.port(t.slots[t.pruneSlot].port)
	}
	return key == 0 || key>>pipeline.EVPNKeyBit != 0 || pl.v.LocalPort(pl.dp.Key, key)
}

// fill is t's match on this datapath.
func (pl *placement) fill(t *template) openflow.Match {
	pl.buf = append(pl.buf[:0], t.match...)
	binary.BigEndian.PutUint32(pl.buf[t.dpOfs:], pl.dp.Key)
	for _, s := range t.slots {
		key, _ := pl.port(s.port)
		binary.BigEndian.PutUint32(pl.buf[s.ofs:], key)
	}
	return openflow.Match(pl.buf)
}

// header is a flow with all but what match and actions give.
func (pl *placement) header() openflow.Flow {
	return openflow.Flow{
		Table:    pl.p.table,
		Priority: pl.p.src.Priority,
		Cookie:   uint64(binary.BigEndian.Uint32(pl.owner[:])),
		Owner:    pl.owner,
	}
}

// newFlow returns memory for a flow that goes out.
func (pl *placement) newFlow() *openflow.Flow {
	if len(pl.free) == 0 {
		n := min(len(pl.n.terms), 64)
		pl.free = make([]openflow.Flow, n)
	}
	f := &pl.free[0]
	pl.free = pl.free[1:]
	return f
}

// flow adds the flow of t with the logical flow's actions. conj, if not 0, is the
// conjunction that it matches.
func (pl *placement) flow(t *template, conj uint16) error {
	if !pl.portsKnown(t) || !pl.local(t) {
		return nil
	}
	f, err := pl.acting(t, conj)
	if err != nil {
		return err
	}
	p := pl.newFlow()
	*p = f
	pl.out.Flows = append(pl.out.Flows, p)
	return nil
}

// row adds a row of flows as flow does one.
func (pl *placement) row(t *template, set *setRef, conj uint16) error {
	if !pl.portsKnown(t) || !pl.local(t) {
		return nil
	}
	f, err := pl.acting(t, conj)
	if err != nil {
		return err
	}
	pl.addRow(f, set)
	return nil
}

func (pl *placement) addRow(f openflow.Flow, set *setRef) {
	pl.out.Rows = append(pl.out.Rows, Row{Set: pl.sets[set.index].key, Base: f, Field: set.field.Symbol.Field})
}

// acting is the flow of t with the logical flow's actions.
func (pl *placement) acting(t *template, conj uint16) (openflow.Flow, error) {
	if !pl.ready {
		if err := pl.encode(); err != nil {
			return openflow.Flow{}, err
		}
	}
	f := pl.header()
	f.Match, f.Actions, f.Symbols, f.Kind = pl.fill(t), pl.actions, pl.symbols, pl.kind
	if conj != 0 {
		pl.syms = append(pl.symbols.AppendTo(pl.syms[:0]),
			openflow.Symbol{Kind: openflow.SymConjMatch, DP: pl.dp.Key, N: conj, Offset: t.conjOfs})
		f.Symbols = pl.syms.Encode()
	}
	return f, nil
}

// encode makes the actions for this placement.
func (pl *placement) encode() error {
	p := pl.p
	e := &p.encoded
	if !p.actions.portsOrDatapathDependent() {
		p.once.Do(func() {
			if p.encErr = pl.encodeNow(); p.encErr == nil {
				p.encoded = encoding{pl.builder.Actions(), pl.builder.Symbols()}
			}
		})
		if p.encErr != nil {
			return fmt.Errorf("actions: %w", p.encErr)
		}
	} else {
		if err := pl.encodeNow(); err != nil {
			return fmt.Errorf("actions: %w", err)
		}
		// Most placements come out alike: they share the memory.
		if e = p.last.Load(); e == nil || !pl.builder.Holds(e.actions, e.symbols) {
			e = &encoding{pl.builder.Actions(), pl.builder.Symbols()}
			p.last.Store(e)
		}
	}
	pl.actions, pl.symbols = e.actions, e.symbols
	pl.kind = openflow.FlowAllow
	if pl.actions == "" {
		pl.kind = openflow.FlowDrop
	}
	pl.ready = true
	return nil
}

// encodeNow leaves the actions in pl.builder.
func (pl *placement) encodeNow() error {
	pl.builder.Reset()
	c := encodeCtx{View: pl.v, Datapath: pl.dp, Owner: pl.owner, Meter: pl.p.src.Meter}
	return pl.p.actions.encode(&c, &pl.builder)
}

// conjunction adds a conjunctive match: the flows of each clause and then the
// flow that all of them lead to. If a clause can't match anything, as none of its
// ports exists, the rest is left out.
func (pl *placement) conjunction(t *term) error {
	if !pl.portsKnown(t.base) {
		return nil
	}
	if pl.conj++; pl.conj == 0 {
		return errors.New("the match takes more than 65535 conjunctions")
	}
	for i := range t.clauses {
		c := &t.clauses[i]
		pl.builder.Reset()
		pl.builder.ConjClause(pl.dp.Key, pl.conj, uint8(i), uint8(len(t.clauses)))
		symbols := pl.builder.Symbols()
		found := false
		for _, item := range c.items {
			if !pl.portsKnown(item) {
				continue
			}
			found = true
			if !pl.local(item) {
				continue
			}
			f := pl.header()
			f.Kind, f.Symbols, f.Match = openflow.FlowConjunction, symbols, pl.fill(item)
			if c.set != nil {
				pl.addRow(f, c.set)
				continue
			}
			p := pl.newFlow()
			*p = f
			pl.out.Flows = append(pl.out.Flows, p)
		}
		if !found {
			return nil
		}
	}
	return pl.flow(t.base, pl.conj)
}

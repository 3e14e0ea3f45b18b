package lflow

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Program is a compiled Source. It never changes as seen from outside and may be
// placed from several goroutines at once.
//
// Invariants:
//  1. A Program without leaves and conds has its reduced match in static.
//  2. A setRef of leaves has its index there in setRef.index.
type Program struct {
	src   Source
	table uint8 // OpenFlow table
	limit int

	actions *actionList

	// match is the match with all prerequisites, not yet annotated: sets have
	// to be known before prerequisites are spread, as an empty set has none.
	// It is nil with static.
	match  *Expr
	leaves []*setRef
	conds  []string // ports of is_chassis_resident
	// named lists the string symbols that are both compared with port groups
	// and with single names.
	named []*Symbol

	static *normal

	mu sync.Mutex
	// variants are the reduced matches met so far, by what conditions and sets
	// turned out to be. Guarded by mu.
	variants map[string]*variant

	once    sync.Once // of the two below, if actions need nothing
	encoded encoding
	encErr  error

	last atomic.Pointer[encoding]
}

// encoding is what actions came out as on some datapath.
type encoding struct {
	actions openflow.Actions
	symbols openflow.Symbols
}

// variant is the reduced match for one outcome of all conditions and sets, or
// the sets that have to be spelled out before it can be reduced.
type variant struct {
	n      *normal
	expand []*setRef
	err    error
}

// maxVariants bounds the memory of Program.variants. Beyond it, matches are
// reduced at each placement.
const maxVariants = 16

// Compiler holds the settings of compiling. The zero value has the defaults.
type Compiler struct {
	// MaxFlows is the limit of flows per logical flow and datapath, rows
	// counted as one; 0 is DefaultMaxFlows.
	MaxFlows int
}

// Compile is Compiler.Compile with the default limits.
func Compile(src Source, env Env) (*Program, error) { return Compiler{}.Compile(src, env) }

// Compile parses src and does all that does not depend on a datapath. The error
// says what is wrong with the text and where; the caller names the row.
func (c Compiler) Compile(src Source, env Env) (*Program, error) {
	p := &Program{src: src, limit: c.MaxFlows}
	if p.limit <= 0 {
		p.limit = DefaultMaxFlows
	}
	stages := stageLen(src.Ingress)
	if int(src.Table) >= stages {
		return nil, fmt.Errorf("table %d: the pipeline has %d", src.Table, stages)
	}
	p.table = pipeline.TableEgress + src.Table
	if src.Ingress {
		p.table = pipeline.TableIngress + src.Table
	}
	symbols := Symbols(src.CtTranslation)

	// Actions know but one symbol table: what they read and write are the
	// packet's fields.
	text, err := ExpandTemplates(src.Actions, env.Template)
	if err != nil {
		return nil, fmt.Errorf("actions: %w", err)
	}
	actions, prereqs, err := parseActionList(text, src, env, Symbols(false))
	if err != nil {
		return nil, fmt.Errorf("actions %q: %w", clip(text), err)
	}
	p.actions = actions

	if text, err = ExpandTemplates(src.Match, env.Template); err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	match, err := parseExpr(text, symbols)
	if err != nil {
		return nil, fmt.Errorf("match %q: %w", clip(text), err)
	}
	p.match = combine(exprAnd, append([]*Expr{match}, prereqs...)...)
	p.survey(p.match)
	if len(p.leaves) > 0 || len(p.conds) > 0 {
		return p, nil
	}
	v := p.reduce(p.match, nil)
	if v.err != nil {
		return nil, fmt.Errorf("match %q: %w", clip(text), v.err)
	}
	p.static, p.match = v.n, nil
	return p, nil
}

// Source is what p was compiled from.
func (p *Program) Source() Source { return p.src }

// survey lists the sets and conditions in e.
func (p *Program) survey(e *Expr) {
	var grouped, single []*Symbol
	var walk func(e *Expr)
	walk = func(e *Expr) {
		switch e.kind {
		case exprAnd, exprOr:
			for _, s := range e.subs {
				walk(s)
			}
		case exprCond:
			if !slices.Contains(p.conds, e.port) {
				p.conds = append(p.conds, e.port)
			}
		case exprSet:
			e.set.index = len(p.leaves)
			e.set.negated = e.rel == relNE
			e.set.makeName()
			p.leaves = append(p.leaves, e.set)
			if e.sym.IsString() {
				grouped = append(grouped, e.sym)
				if len(e.set.others) > 0 {
					single = append(single, e.sym)
				}
			}
		case exprCmp:
			if e.sym.IsString() {
				single = append(single, e.sym)
			}
		}
	}
	walk(e)
	for _, s := range grouped {
		if slices.Contains(single, s) && !slices.Contains(p.named, s) {
			p.named = append(p.named, s)
		}
	}
}

// reduce makes the normal form of a match in which sets are known. conds are the
// values of p.conds.
func (p *Program) reduce(e *Expr, conds []bool) *variant {
	n := newNormaliser(p.limit)
	e = n.simplify(annotate(e))
	if len(conds) > 0 {
		e = p.decide(e, conds)
	}
	e, err := n.normalise(e)
	if err != nil {
		return &variant{expand: n.expand, err: err}
	}
	v := &variant{}
	v.n, v.expand, v.err = makeNormal(e, p.src.Ingress, p.limit)
	return v
}

// decide replaces conditions by their values.
func (p *Program) decide(e *Expr, conds []bool) *Expr {
	switch e.kind {
	case exprCond:
		return boolExpr(conds[slices.Index(p.conds, e.port)] != e.not)
	case exprAnd, exprOr:
		subs := make([]*Expr, 0, len(e.subs))
		for _, s := range e.subs {
			s = p.decide(s, conds)
			if s.kind == e.kind {
				subs = append(subs, s.subs...)
			} else {
				subs = append(subs, s)
			}
		}
		return fix(e.kind, subs)
	}
	return e
}

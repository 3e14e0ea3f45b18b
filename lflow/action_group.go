package lflow

import (
	"strings"
	"sync/atomic"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

const (
	defaultWeight = 100 // of a bucket, where the language has or says none

	// hashL4Sym is the selection parameter that makes dp_hash the symmetric
	// hash of addresses and ports.
	hashL4Sym = 1 << 32

	minSelectBits = 16
)

// newSelectGroup is a select group without buckets: hashing the given fields, or
// by the hash of the datapath if there are none.
func newSelectGroup(hash []openflow.Field) openflow.GroupSpec {
	g := openflow.GroupSpec{Type: openflow.GroupSelect, SelectionMethod: "dp_hash"}
	if hash != nil {
		g.SelectionMethod, g.Fields = "hash", hash
	}
	return g
}

// hashFields reads the text of hash_fields: names of OpenFlow fields, between
// commas.
func (p *actionParser) hashFields() ([]openflow.Field, bool) {
	if !p.lex.Expect(TokenEquals) {
		return nil, false
	}
	text, ok := p.text("field names in quotes")
	if !ok {
		return nil, false
	}
	fields := []openflow.Field{}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		f, ok := openflow.FieldByName(name)
		if !ok {
			p.lex.Errorf("hash_fields: there is no field %s", name)
			return nil, false
		}
		fields = append(fields, f)
	}
	return fields, true
}

// selectValue is "dst = select(…)": the value of one bucket, then on in the next
// table.
type selectValue struct{ group string }

func (a *selectValue) needs() need                                    { return 0 }
func (a *selectValue) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.GroupContent(a.group) }

type selectBucket struct{ value, weight uint16 }

// selectValue reads the rest of "select(v=weight, …)" or
// "select(values=(v=weight, …); hash_fields="…")".
func (p *actionParser) selectValue(lhs FieldRef) {
	dst, ok := p.result(lhs, lhs.Bits)
	if !ok {
		return
	}
	if lhs.Symbol.IsString() {
		p.check(lhs, minSelectBits, p.scope)
		return
	}
	if lhs.Bits < minSelectBits {
		p.lex.Errorf("field %s has %s, the values of select have %d", lhs, plural(lhs.Bits, "bit"), minSelectBits)
		return
	}
	hashed := p.lex.AcceptID("values")
	if hashed {
		p.lex.Expect(TokenEquals)
		p.lex.Expect(TokenLParen)
	}
	var buckets []selectBucket
	for p.ok() && !p.lex.Accept(TokenRParen) {
		b := selectBucket{weight: defaultWeight}
		b.value, ok = p.uint16("a value")
		if ok && p.lex.Accept(TokenEquals) {
			if b.weight, ok = p.uint16("a weight"); ok && b.weight == 0 {
				p.lex.Errorf("a weight can't be 0")
			}
		}
		p.lex.Accept(TokenComma)
		buckets = append(buckets, b)
	}
	if len(buckets) < 2 {
		p.lex.Errorf("select needs two values or more")
	}
	var hash []openflow.Field
	if hashed {
		p.lex.Expect(TokenSemicolon)
		if !p.lex.AcceptID("hash_fields") {
			p.lex.Unexpected("hash_fields")
		} else {
			hash, _ = p.hashFields()
		}
		p.lex.Expect(TokenRParen)
	}
	if !p.ok() {
		return
	}
	g := newSelectGroup(hash)
	if !hashed && p.env.Flag(FlagHashL4Sym) {
		g.SelectionParam = hashL4Sym
	}
	var b openflow.ActionBuilder
	for i, k := range buckets {
		b.Reset()
		b.LoadSub(dst, uint64(k.value))
		b.Resubmit(p.nextTable())
		g.Buckets = append(g.Buckets, openflow.Bucket{ID: uint32(i), Weight: k.weight, Actions: b.Actions()})
	}
	p.add(&selectValue{string(g.Encode())})
}

// fwdGroup is "fwd_group(liveness=…, childports=…)": one of several ports of the
// datapath, with liveness only those whose tunnel is up.
type fwdGroup struct {
	liveness bool
	ports    []string
	output   uint8
}

func (a *fwdGroup) needs() need { return needPorts }

// encode adds nothing if a port is not there, or with liveness has no tunnel.
//
// The C agent writes the key of the port in decimal digits after "0x", so that
// key 11 becomes 17 and traffic goes to another port. That is not imitated: keys
// below 10 come out the same.
func (a *fwdGroup) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	if len(a.ports) == 0 {
		return
	}
	g := newSelectGroup(nil)
	inner := c.nested()
	defer c.release()
	for i, port := range a.ports {
		key, ok := c.port(port)
		if !ok {
			return
		}
		k := openflow.Bucket{ID: uint32(i), Weight: 1}
		if a.liveness {
			if k.WatchPort, ok = c.View.TunnelOfport(port); !ok {
				return
			}
		}
		inner.Reset()
		inner.LoadSub(openflow.Bits(pipeline.RegOutport, 0, 16), uint64(key))
		inner.Resubmit(a.output)
		k.Actions = inner.Actions()
		g.Buckets = append(g.Buckets, k)
	}
	b.GroupSymbol(&g)
}

func (p *actionParser) fwdGroup() {
	a := fwdGroup{output: p.outputTable()}
	if !p.lex.Accept(TokenLParen) {
		p.add(&a)
		return
	}
	if p.lex.AcceptID("liveness") {
		p.lex.Expect(TokenEquals)
		a.liveness, _ = p.boolean()
		p.lex.Expect(TokenComma)
	}
	if !p.argument("childports") {
		return
	}
	for p.ok() && !p.lex.Accept(TokenRParen) {
		port, ok := p.text("a port name in quotes")
		if !ok {
			return
		}
		a.ports = append(a.ports, port)
		p.lex.Accept(TokenComma)
	}
	p.add(&a)
}

// groupCache keeps a group's content once built, for each way it can be built.
type groupCache [2]atomic.Pointer[string]

// get returns variant n, made by build if need be. Two goroutines may both build
// it; the results are equal.
func (g *groupCache) get(n int, build func() string) string {
	if s := g[n].Load(); s != nil {
		return *s
	}
	s := build()
	g[n].Store(&s)
	return s
}

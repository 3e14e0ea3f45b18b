package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// sample is "sample(probability=…, collector_set=…, obs_domain=…, obs_point=…)".
type sample struct {
	spec   openflow.SampleSpec
	domain uint8 // high byte of the observation domain; the rest is the datapath
	cookie bool  // the observation point is the logical flow's cookie
}

func (a *sample) needs() need {
	if a.cookie {
		return needDatapath | needOwner
	}
	return needDatapath
}

func (a *sample) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	s := a.spec
	s.ObsDomain = uint32(a.domain)<<24 | c.Datapath.Key&0xffffff
	if a.cookie {
		s.ObsPoint = c.cookie()
	}
	b.Sample(s)
}

func (p *actionParser) sample() {
	var a sample
	if p.lex.Accept(TokenLParen) {
		for p.ok() && !p.lex.Accept(TokenRParen) {
			p.sampleArgument(&a)
			p.lex.Accept(TokenComma)
		}
	}
	if a.spec.Probability == 0 {
		p.lex.Errorf("the probability of sample must be above 0")
		return
	}
	// Without the collector set there is nobody to send samples to.
	if p.ok() && p.env.Collector(a.spec.CollectorSet) {
		p.add(&a)
	}
}

func (p *actionParser) sampleArgument(a *sample) {
	switch {
	case p.lex.AcceptID("probability"):
		p.lex.Expect(TokenEquals)
		a.spec.Probability, _ = p.uint16("a number of 65535ths")
	case p.lex.AcceptID("collector_set"):
		p.lex.Expect(TokenEquals)
		a.spec.CollectorSet = p.uint32("a collector set")
	case p.lex.AcceptID("obs_domain"):
		p.lex.Expect(TokenEquals)
		v := p.uint32("an observation domain")
		if v > 0xff {
			p.lex.Errorf("an observation domain has 8 bits, %d has more", v)
		}
		a.domain = uint8(v)
	case p.lex.AcceptID("obs_point"):
		p.lex.Expect(TokenEquals)
		t := p.lex.Token()
		switch {
		case t.Kind == TokenMacro && t.Text == "cookie":
			a.cookie = true
			p.lex.Next()
		case t.Kind == TokenInteger:
			a.spec.ObsPoint = p.uint32("an observation point")
		default:
			if f, ok := p.typed(32); ok {
				a.spec.ObsPointSrc = f.Resolve()
			}
		}
	default:
		p.lex.Unexpected("probability, collector_set, obs_domain or obs_point")
	}
}

// uint32 reads a decimal number of 32 bits.
func (p *actionParser) uint32(what string) uint32 {
	v := p.decimal(what)
	if v > 1<<32-1 {
		p.lex.Errorf("%d is above 2^32-1", v)
		return 0
	}
	return uint32(v)
}

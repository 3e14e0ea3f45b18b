package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// maxLogName limits the name in a log action, in bytes: it is carried in each
// packet-in.
const maxLogName = 63

// logVerdicts and logSeverities are the numbers in a log action's userdata; the
// severities are those of RFC 5424.
var (
	logVerdicts   = map[string]byte{"allow": 0, "drop": 1, "reject": 2, "pass": 3}
	logSeverities = map[string]byte{"alert": 1, "warning": 4, "notice": 5, "info": 6, "debug": 7}
)

// logPacket is "log(name=…, verdict=…, severity=…, meter=…)". Its userdata is
// verdict, severity, name.
type logPacket struct {
	userdata []byte
	meter    string // its own, not that of the logical flow
}

func (a *logPacket) needs() need { return 0 }
func (a *logPacket) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	c.userdata(b, a.userdata, false, a.meter)
}

func (p *actionParser) log() {
	var a logPacket
	var name string
	verdict, severity, judged := byte(0), logSeverities["info"], false
	if p.lex.Accept(TokenLParen) {
		// Of arguments given more than once the last counts.
		for p.ok() && !p.lex.Accept(TokenRParen) {
			switch {
			case p.lex.AcceptID("verdict"):
				verdict, judged = p.oneOf(logVerdicts, "allow, drop, reject or pass")
			case p.lex.AcceptID("severity"):
				severity, _ = p.oneOf(logSeverities, "a severity")
			case p.lex.AcceptID("name"):
				p.lex.Expect(TokenEquals)
				name, _ = p.text("a name in quotes")
				if len(name) > maxLogName {
					p.lex.Errorf("a name in a log action has at most %d bytes", maxLogName)
				}
			case p.lex.AcceptID("meter"):
				p.lex.Expect(TokenEquals)
				a.meter, _ = p.text("a name in quotes")
			default:
				p.lex.Unexpected("verdict, severity, name or meter")
			}
			p.lex.Accept(TokenComma)
		}
	}
	if !judged {
		p.lex.Errorf("a log action needs a verdict")
		return
	}
	a.userdata = append(appendUserdata(nil, pipeline.OpLog), verdict, severity)
	a.userdata = append(a.userdata, name...)
	p.logMeter = p.logMeter || a.meter != ""
	p.add(&a)
}

// oneOf reads "=" and one of several names.
func (p *actionParser) oneOf(names map[string]byte, what string) (byte, bool) {
	p.lex.Expect(TokenEquals)
	t := p.lex.Token()
	v, ok := names[t.Text]
	if t.Kind != TokenID || !ok {
		p.lex.Unexpected(what)
		return 0, false
	}
	p.lex.Next()
	return v, true
}

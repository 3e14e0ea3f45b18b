package lflow

import (
	"encoding/binary"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// eventEmptyLBBackends is the one event there is: a packet for a load balancer
// without backends.
const (
	eventEmptyLBBackends     = "empty_lb_backends"
	eventEmptyLBBackendsCode = 0
)

// Options of that event.
const (
	eventVIP          = 1
	eventProtocol     = 2
	eventLoadBalancer = 3
)

// triggerEvent is "trigger_event(event = "…", option = "…", …)". Its userdata is
// the number of the event and then, for each option, code, length and text.
func (p *actionParser) triggerEvent() {
	p.lex.Expect(TokenLParen)
	if !p.argument("event") {
		return
	}
	if !p.lex.AcceptString(eventEmptyLBBackends) {
		p.lex.Unexpected("the name of an event in quotes")
		return
	}
	userdata := appendUserdata(nil, pipeline.OpEvent)
	userdata = binary.BigEndian.AppendUint32(userdata, eventEmptyLBBackendsCode)
	p.lex.Accept(TokenComma)
	for p.ok() && !p.lex.Accept(TokenRParen) {
		code, text := p.eventOption()
		userdata = binary.BigEndian.AppendUint16(userdata, code)
		userdata = binary.BigEndian.AppendUint16(userdata, uint16(len(text)))
		userdata = append(userdata, text...)
		p.lex.Accept(TokenComma)
	}
	p.addPunt(userdata, false)
}

func (p *actionParser) eventOption() (code uint16, text string) {
	name := p.lex.Token().Text
	switch {
	case p.lex.AcceptID("vip"):
		code = eventVIP
	case p.lex.AcceptID("protocol"):
		code = eventProtocol
	case p.lex.AcceptID("load_balancer"):
		code = eventLoadBalancer
	default:
		p.lex.Unexpected("an option of the event " + eventEmptyLBBackends)
		return 0, ""
	}
	p.lex.Expect(TokenEquals)
	text, ok := p.text("a string")
	if !ok {
		return 0, ""
	}
	switch code {
	case eventVIP:
		_, ok = parseEndpoint(text)
	case eventProtocol:
		ok = transports[text] != nil
	case eventLoadBalancer:
		ok = isUUID(text)
	}
	if !ok {
		p.lex.Errorf("\"%s\" is not a value for the option %s of an event", clip(text), name)
	}
	return code, text
}

// isUUID tells whether s has the form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

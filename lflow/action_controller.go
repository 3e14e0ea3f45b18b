package lflow

import (
	"encoding/binary"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Userdata of a controller action:
//
//	+--------+--------+----------------------+
//	| opcode | zero   | what the opcode says |
//	|   4    |   4    |                      |
//	+--------+--------+----------------------+
const userdataHeader = 8

// maxUserdata is what a controller action has room for besides its own header
// and properties.
const maxUserdata = maxActionLen - 64

// appendUserdata begins userdata.
func appendUserdata(dst []byte, op pipeline.Opcode) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(op))
	return append(dst, 0, 0, 0, 0)
}

// appendResult names the bit that the packet-in loop sets: header of the field,
// then the bit's number in four bytes.
func appendResult(dst []byte, s openflow.Subfield) []byte {
	dst = s.Field.AppendHeader(dst)
	return binary.BigEndian.AppendUint32(dst, uint32(s.Ofs))
}

// controller adds a controller action. With pause the packet waits for the
// answer and then goes on with the actions that follow.
func (c *encodeCtx) controller(b *openflow.ActionBuilder, op pipeline.Opcode, arguments []byte, pause bool) {
	var room [64]byte
	userdata := append(appendUserdata(room[:0], op), arguments...)
	c.userdata(b, userdata, pause, c.Meter)
}

// userdata adds a controller action with userdata that is ready.
func (c *encodeCtx) userdata(b *openflow.ActionBuilder, userdata []byte, pause bool, meter string) {
	b.Controller(openflow.ControllerSpec{
		Reason: openflow.ReasonAction, UserData: userdata, Pause: pause, MeterSymbol: c.meter(meter),
	})
}

// meter is the name of a meter, or "" if the switch has none.
func (c *encodeCtx) meter(name string) string {
	if c.noMeters {
		return ""
	}
	return name
}

// puntNested is an action whose nested actions the packet-in loop sends back
// with another packet: arp { … }, icmp4 { … }, reject { … }.
type puntNested struct {
	op     pipeline.Opcode
	list   actionList
	pause  bool
	output uint8 // table to go on in, 0 for none
}

func (a *puntNested) needs() need { return a.list.need }
func (a *puntNested) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	var room [userdataHeader]byte
	inner := c.nested()
	c.run(&a.list, inner)
	if inner.Len() > maxUserdata {
		c.fail(errTooLong)
		inner.Reset()
	}
	b.ControllerNested(openflow.ControllerSpec{
		Reason: openflow.ReasonAction, UserData: appendUserdata(room[:0], a.op), Pause: a.pause,
		MeterSymbol: c.meter(c.Meter),
	}, inner)
	c.release()
	if a.output != 0 {
		b.Resubmit(a.output)
	}
}

// punt makes the reader of a puntNested.
func punt(op pipeline.Opcode, prereq string) func(*actionParser) {
	return func(p *actionParser) {
		a := puntNested{op: op, list: p.block(prereq, p.scope)}
		if op == pipeline.OpARP || op == pipeline.OpNDNS {
			// The packet itself waits for the neighbour's answer. Before
			// northd said so, it went on to the output implicitly.
			a.pause = true
			if !p.env.Flag(FlagExplicitARPNSOutput) {
				a.output = p.outputTable()
			}
		}
		p.add(&a)
	}
}

// puntFixed is an action whose userdata is all in the logical flow.
type puntFixed struct {
	userdata []byte
	pause    bool
}

func (a *puntFixed) needs() need { return 0 }
func (a *puntFixed) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	c.userdata(b, a.userdata, a.pause, c.Meter)
}

// addPunt adds a puntFixed unless its userdata is too long.
func (p *actionParser) addPunt(userdata []byte, pause bool) {
	if len(userdata) > maxUserdata {
		p.lex.Errorf("%v", errTooLong)
		return
	}
	p.add(&puntFixed{userdata, pause})
}

// puntPlain makes the reader of an action without arguments.
func puntPlain(op pipeline.Opcode) func(*actionParser) {
	return func(p *actionParser) { p.addPunt(appendUserdata(nil, op), false) }
}

func (p *actionParser) handleBFD() {
	if p.lex.Expect(TokenLParen) && p.lex.Expect(TokenRParen) {
		p.addPunt(appendUserdata(nil, pipeline.OpBFDMsg), false)
	}
}

// dnsLookup is "dst = dns_lookup()".
func (p *actionParser) dnsLookup(lhs FieldRef) {
	if dst, ok := p.noArguments(lhs, 1); ok {
		p.addPunt(appendResult(appendUserdata(nil, pipeline.OpDNSLookup), dst), true)
		p.requireSymbol("udp")
	}
}

// dhcpRelay is "dst = dhcp_relay_req_chk(relay, server)" and its answer's twin.
func (p *actionParser) dhcpRelay(lhs FieldRef, op pipeline.Opcode) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	userdata := appendResult(appendUserdata(nil, op), dst)
	for i := range 2 {
		t := p.lex.Token()
		if t.Kind != TokenInteger || t.Format != FormatIPv4 {
			p.lex.Unexpected("an IPv4 address")
			return
		}
		userdata = binary.BigEndian.AppendUint32(userdata, uint32(t.Value.Lo))
		p.lex.Next()
		if i == 0 {
			p.lex.Accept(TokenComma)
		}
	}
	if p.lex.Expect(TokenRParen) {
		p.addPunt(userdata, true)
	}
}

// bindVport is "bind_vport("port", parent)".
type bindVport struct {
	port   string
	parent [1]argument
}

func (a *bindVport) needs() need { return needPorts }
func (a *bindVport) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	key, ok := c.port(a.port)
	if !ok {
		return
	}
	var room [4]byte
	arguments(a.parent[:]).enter(b)
	c.controller(b, pipeline.OpBindVport, binary.BigEndian.AppendUint32(room[:0], key), false)
	arguments(a.parent[:]).leave(b)
}

func (p *actionParser) bindVport() {
	p.lex.Expect(TokenLParen)
	port, ok := p.text("a port name in quotes")
	if !ok || !p.lex.Expect(TokenComma) {
		return
	}
	a := bindVport{port: port}
	a.parent[0] = p.fieldArgument(0, pipeline.RegInport, TokenRParen)
	p.add(&a)
}

// handleSvcCheck is "handle_svc_check(port)".
type handleSvcCheck struct{ port [1]argument }

func (a *handleSvcCheck) needs() need { return 0 }
func (a *handleSvcCheck) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	arguments(a.port[:]).enter(b)
	c.controller(b, pipeline.OpHandleSvcCheck, nil, false)
	arguments(a.port[:]).leave(b)
}

func (p *actionParser) handleSvcCheck() {
	p.lex.Expect(TokenLParen)
	var a handleSvcCheck
	a.port[0] = p.fieldArgument(0, pipeline.RegInport, TokenRParen)
	p.add(&a)
}

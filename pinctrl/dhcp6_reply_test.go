package pinctrl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// delegationBench is a port that asks for a prefix.
type delegationBench struct {
	*bench
	got []string
}

func newDelegationBench(t *testing.T, hint string) *delegationBench {
	b := &delegationBench{bench: newBench(t)}
	b.cfg.Delegated = func(port string, d Delegated) { b.got = append(b.got, fmt.Sprint(port, " ", d.IAID, ":", d.Prefix)) }
	c := &Delegation{In: PortKey{3, 1}, MAC: macA, From: netip.MustParseAddr("fe80::1"), Client: macB, IAID: 77}
	if hint != "" {
		c.Prefix = netip.MustParsePrefix(hint)
	}
	b.Delegate(map[string]*Delegation{"lrp": c})
	return b
}

// asked is the one message sent since the last call.
func (b *delegationBench) asked() *layers.DHCPv6 {
	b.t.Helper()
	p, po := b.packetOut()
	goodChecksum(b.t, p)
	m, ok := p.Layer(layers.LayerTypeDHCPv6).(*layers.DHCPv6)
	if !ok {
		b.t.Fatalf("not DHCPv6: %v", p)
	}
	ip, udp := p.NetworkLayer().(*layers.IPv6), p.TransportLayer().(*layers.UDP)
	if ip.SrcIP.String() != "fe80::1" || ip.DstIP.String() != "ff02::1:2" || udp.SrcPort != 546 || udp.DstPort != 547 ||
		p.LinkLayer().LinkFlow().String() != macA.String()+"->33:33:00:01:00:02" {
		b.t.Errorf("sent %v", p)
	}
	const actions = "set_field:0x3->metadata,set_field:0x1->reg14,resubmit(,8)"
	if po.Actions.String() != actions {
		b.t.Errorf("sent by %s", po.Actions)
	}
	return m
}

func option(m *layers.DHCPv6, code layers.DHCPv6Opt) []byte {
	for _, o := range m.Options {
		if o.Code == code {
			return o.Data
		}
	}
	return nil
}

var duid = []byte{0, 2, 0, 0, 0, 9, 'x'}

// lease is what a server says of a prefix.
type lease struct {
	t1, t2, preferred, valid uint32
	prefix                   string
	status                   uint16
}

// say is a server's message in answer to m.
func (b *delegationBench) say(m *layers.DHCPv6, typ layers.DHCPv6MsgType, l lease, change func(*layers.DHCPv6)) {
	b.t.Helper()
	b.packetIn(punt(pipeline.OpDHCP6Server, b.message(m, typ, l, change), func(*openflow.MatchBuilder) {}))
}

func (b *delegationBench) message(m *layers.DHCPv6, typ layers.DHCPv6MsgType, l lease, change func(*layers.DHCPv6)) []byte {
	ia := binary.BigEndian.AppendUint32(nil, 77)
	ia = binary.BigEndian.AppendUint32(ia, l.t1)
	ia = binary.BigEndian.AppendUint32(ia, l.t2)
	if l.prefix != "" {
		p := netip.MustParsePrefix(l.prefix)
		v := binary.BigEndian.AppendUint32(nil, l.preferred)
		v = binary.BigEndian.AppendUint32(v, l.valid)
		v = append(v, byte(p.Bits()))
		v = append(v, p.Addr().AsSlice()...)
		ia = append(append(ia, 0, 26, 0, byte(len(v))), v...)
	}
	if l.status != 0 {
		ia = append(ia, 0, 13, 0, 2, byte(l.status>>8), byte(l.status))
	}
	r := &layers.DHCPv6{MsgType: typ, TransactionID: m.TransactionID, Options: layers.DHCPv6Options{
		layers.NewDHCPv6Option(layers.DHCPv6OptClientID, option(m, layers.DHCPv6OptClientID)),
		layers.NewDHCPv6Option(layers.DHCPv6OptServerID, duid),
		layers.NewDHCPv6Option(layers.DHCPv6OptIAPD, ia),
	}}
	change(r)
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: netip.MustParseAddr("fe80::2").AsSlice(), DstIP: netip.MustParseAddr("fe80::1").AsSlice()}
	udp := &layers.UDP{SrcPort: 547, DstPort: 546}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return serialize(b.t, &layers.Ethernet{SrcMAC: macB[:], DstMAC: macA[:], EthernetType: layers.EthernetTypeIPv6}, ip, udp, r)
}

func plain(*layers.DHCPv6) {}

// wait lets time go by until a message is sent, and returns how long.
func (b *delegationBench) wait(longest time.Duration) time.Duration {
	b.t.Helper()
	for d := time.Duration(0); d < longest; d += 100 * time.Millisecond {
		b.now = b.now.Add(100 * time.Millisecond)
		if b.sendDue(); len(b.sent) > 0 {
			return d
		}
	}
	b.t.Fatalf("nothing was sent in %v", longest)
	return 0
}

func TestDelegation(t *testing.T) {
	b := newDelegationBench(t, "")
	b.wait(1500 * time.Millisecond)
	m := b.asked()
	if m.MsgType != layers.DHCPv6MsgTypeSolicit || option(m, layers.DHCPv6OptElapsedTime) == nil ||
		!bytes.Equal(option(m, layers.DHCPv6OptClientID), append([]byte{0, 3, 0, 1}, macB[:]...)) ||
		!bytes.Equal(option(m, layers.DHCPv6OptIAPD), []byte{0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("asked %+v", m)
	}
	// Nobody answers: longer and longer between two, with the same transaction.
	var gaps []time.Duration
	for range 9 {
		gaps = append(gaps, b.wait(3*time.Minute))
		if again := b.asked(); !bytes.Equal(again.TransactionID, m.TransactionID) || again.MsgType != m.MsgType {
			t.Errorf("repeated as %+v", again)
		}
	}
	if gaps[0] > 1200*time.Millisecond || gaps[4] < 13*time.Second || gaps[8] < 100*time.Second || gaps[8] > 133*time.Second {
		t.Errorf("repeated after %v", gaps)
	}
	full := lease{t1: 100, t2: 160, preferred: 200, valid: 400, prefix: "2001:db8:1::/56"}
	// Answers that are none.
	b.say(m, layers.DHCPv6MsgTypeAdvertise, full, func(r *layers.DHCPv6) { r.TransactionID = []byte{9, 9, 9} })
	b.say(m, layers.DHCPv6MsgTypeAdvertise, full, func(r *layers.DHCPv6) { r.Options[0].Data = duid })
	b.say(m, layers.DHCPv6MsgTypeAdvertise, full, func(r *layers.DHCPv6) { r.Options = r.Options[:1] })
	b.say(m, layers.DHCPv6MsgTypeAdvertise, lease{status: 6}, plain)
	b.say(m, layers.DHCPv6MsgTypeAdvertise, lease{t1: 9, t2: 8, preferred: 1, valid: 2, prefix: full.prefix}, plain)
	b.say(m, layers.DHCPv6MsgTypeAdvertise, lease{preferred: 3, valid: 2, prefix: full.prefix}, plain)
	b.say(m, layers.DHCPv6MsgTypeReply, full, plain)
	if len(b.sent) != 0 || len(b.got) != 0 {
		t.Fatalf("taken for an answer: %v, %v", b.sent, b.got)
	}
	b.say(m, layers.DHCPv6MsgTypeAdvertise, full, plain)
	r := b.asked()
	if r.MsgType != layers.DHCPv6MsgTypeRequest || bytes.Equal(r.TransactionID, m.TransactionID) || !bytes.Equal(option(r, layers.DHCPv6OptServerID), duid) ||
		!bytes.Contains(option(r, layers.DHCPv6OptIAPD), []byte{56, 0x20, 1, 0xd, 0xb8, 0, 1}) {
		t.Errorf("asked for by %+v", r)
	}
	b.say(r, layers.DHCPv6MsgTypeReply, full, plain)
	if fmt.Sprint(b.got) != "[lrp 77:2001:db8:1::/56]" {
		t.Fatalf("got %v", b.got)
	}
	// Renewed at T1, for as long as the server says.
	if d := b.wait(200 * time.Second); d < 99*time.Second || d > 101*time.Second {
		t.Errorf("renewed after %v", d)
	}
	if m = b.asked(); m.MsgType != layers.DHCPv6MsgTypeRenew || !bytes.Equal(option(m, layers.DHCPv6OptServerID), duid) {
		t.Errorf("renewed by %+v", m)
	}
	b.say(m, layers.DHCPv6MsgTypeReply, lease{preferred: 100, valid: 200, prefix: full.prefix}, plain)
	// Without times of the server, after half of it.
	if d := b.wait(200 * time.Second); d < 49*time.Second || d > 51*time.Second {
		t.Errorf("renewed after %v", d)
	}
	b.asked()
	for b.wait(100 * time.Second); ; b.wait(100 * time.Second) {
		if m = b.asked(); m.MsgType != layers.DHCPv6MsgTypeRenew {
			break
		}
	}
	// Nobody answers: any server may.
	if m.MsgType != layers.DHCPv6MsgTypeRebind || option(m, layers.DHCPv6OptServerID) != nil {
		t.Errorf("rebound by %+v", m)
	}
	for b.wait(200 * time.Second); ; b.wait(200 * time.Second) {
		if m = b.asked(); m.MsgType != layers.DHCPv6MsgTypeRebind {
			break
		}
	}
	if m.MsgType != layers.DHCPv6MsgTypeSolicit {
		t.Errorf("after its time, %+v", m)
	}
	if s := b.ServiceStats(); s.DHCPv6 < 15 || b.Stats().Panics != 0 {
		t.Errorf("counters %+v, %d panics", s, b.Stats().Panics)
	}
	b.Delegate(map[string]*Delegation{"lrp": nil})
	if at := b.run(10 * time.Minute); len(at) != 0 {
		t.Errorf("after its end, sent at %v", at)
	}
}

// A port that had a prefix says so, and a server that refuses is asked again, but
// not without end.
func TestDelegationRefused(t *testing.T) {
	b := newDelegationBench(t, "2001:db8:7::/64")
	b.wait(1500 * time.Millisecond)
	m := b.asked()
	if !bytes.Contains(option(m, layers.DHCPv6OptIAPD), []byte{64, 0x20, 1, 0xd, 0xb8, 0, 7}) {
		t.Errorf("no hint in %+v", m)
	}
	l := lease{preferred: 20, valid: 40, prefix: "2001:db8:8::/64"}
	b.say(m, layers.DHCPv6MsgTypeAdvertise, l, plain)
	m = b.asked()
	b.say(m, layers.DHCPv6MsgTypeReply, lease{status: 2}, plain)
	b.wait(1500 * time.Millisecond)
	if m = b.asked(); m.MsgType != layers.DHCPv6MsgTypeSolicit {
		t.Errorf("refused, it asks %+v", m)
	}
	b.say(m, layers.DHCPv6MsgTypeAdvertise, l, plain)
	b.asked()
	for range 9 {
		b.wait(time.Minute)
		if m := b.asked(); m.MsgType != layers.DHCPv6MsgTypeRequest {
			t.Errorf("repeated as %+v", m)
		}
	}
	b.wait(time.Minute)
	if m := b.asked(); m.MsgType != layers.DHCPv6MsgTypeSolicit {
		t.Errorf("without an answer, it asks %+v", m)
	}
	// For ever is for ever, and the question may change where it is asked.
	m = &layers.DHCPv6{}
	b.wait(time.Minute)
	m = b.asked()
	b.say(m, layers.DHCPv6MsgTypeAdvertise, l, plain)
	m = b.asked()
	b.say(m, layers.DHCPv6MsgTypeReply, lease{preferred: dhcp6Forever, valid: dhcp6Forever, prefix: l.prefix}, plain)
	c := b.delegations.clients["lrp"].Delegation
	c.In.Port, c.Prefix = 2, netip.Prefix{}
	b.Delegate(map[string]*Delegation{"lrp": &c})
	if at := b.run(time.Hour); len(at) != 0 || len(b.got) != 1 {
		t.Errorf("a prefix for ever was asked for at %v", at)
	}
}

func TestDelegationHostile(t *testing.T) {
	b := newDelegationBench(t, "")
	b.wait(1500 * time.Millisecond)
	m := b.asked()
	good := b.message(m, layers.DHCPv6MsgTypeAdvertise, lease{preferred: 1, valid: 1, prefix: "2001:db8::/64"}, plain)
	for n := range good {
		short := append([]byte(nil), good[:n]...)
		if n > ethLen+ipv6Len {
			binary.BigEndian.PutUint16(short[ethLen+4:], uint16(n-ethLen-ipv6Len))
		}
		b.packetIn(punt(pipeline.OpDHCP6Server, short, func(*openflow.MatchBuilder) {}))
	}
	if s := b.Stats(); s.Panics != 0 || len(b.sent) != 0 || s.Received["handle_dhcpv6_reply"] != uint64(len(good)) {
		t.Errorf("counters %+v, sent %v", s, b.sent)
	}
}

func FuzzDelegationReply(f *testing.F) {
	f.Add(byte(2), []byte("\x01\x02\x03\x00\x01\x00\x04\x00\x03\x00\x01\x00\x02\x00\x02\x00\x02\x00\x19\x00\x29\x00\x00\x00\x4d\x00\x00\x00\x01\x00\x00\x00\x02"+
		"\x00\x1a\x00\x19\x00\x00\x00\x01\x00\x00\x00\x01\x40\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, typ byte, m []byte) {
		if len(m) > 1000 {
			return
		}
		u := append([]byte{2, 35, 2, 34, 0, 0, 0, 0, typ}, m...)
		binary.BigEndian.PutUint16(u[4:], uint16(len(u)))
		ip := netip.MustParseAddr("fe80::1")
		frame := append(appendIPv6((&packet{}).appendEth(nil, macA, macB, ethTypeIPv6), ip, ip, protoUDP, 64, len(u)), u...)
		h, _ := extract(frame)
		r, err := h.delegationReply()
		if err == nil && r.prefix.IsValid() && (r.preferred > r.valid || r.prefix != r.prefix.Masked()) {
			t.Errorf("%+v", r)
		}
	})
}

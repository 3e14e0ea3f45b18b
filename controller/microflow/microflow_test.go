package microflow

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

var world = World{
	Port: func(lport string) uint32 { return map[string]uint32{"p1": 7}[lport] },
	AddressSet: func(name string) ([]string, bool) {
		a, ok := map[string][]string{"one": {"10.0.0.1", "no address"}, "two": {"10.0.0.1", "10.0.0.2"}, "none": {}}[name]
		return a, ok
	},
	Template: func(name string) (string, bool) { return "80", name == "port" },
}

// TestParse: what the fields of a packet come to, and what leaves them open.
func TestParse(t *testing.T) {
	const in = `inport == "p1" && `
	for _, x := range []struct {
		text  string
		field openflow.Field
		value uint64
		err   error
	}{
		{text: in + "ip4.src == $one", field: openflow.FieldIPv4Src, value: 0x0a000001},
		{text: in + "ip4 && tcp.src == ^port", field: openflow.FieldTCPSrc, value: 80},
		{text: in + "ip4 && tcp.src[1..15] == 0x28", field: openflow.FieldTCPSrc, value: 80},
		{text: in + `ip4 && is_chassis_resident("elsewhere")`, field: openflow.FieldEthType, value: 0x800},
		{text: in + "vlan.vid == 5", field: openflow.FieldVLANVID, value: 0x1005},
		{text: in + "ip4.src == $two", err: ErrAmbiguous},
		{text: in + "ip4.src == $none", err: ErrContradictory},
		{text: in + "tcp.src == 80", err: ErrAmbiguous},
		{text: in + "ip4 && tcp.src == {80, 90}", err: ErrAmbiguous},
		{text: in + "ip4 && ip6", err: ErrContradictory},
		{text: "ip4", err: ErrNoPort},
		{text: `inport == "p2" && ip4`, err: ErrNoPort},
	} {
		port, m, err := Parse(x.text, world)
		if !errors.Is(err, x.err) {
			t.Errorf("%s: %v, want %v", x.text, err, x.err)
		}
		if x.err != nil {
			continue
		}
		if v, _, _ := m.Get(x.field); port != 7 || v.Lo != x.value {
			t.Errorf("%s: port %d, field %#x, want %#x", x.text, port, v.Lo, x.value)
		}
	}
	for _, text := range []string{in + "ip4.src == $unknown", in + "ip4.src ==", `inport == @group && ip4`, in + "ip6.src == $one && ip4.dst == $six", ""} {
		if _, _, err := Parse(text, world); err == nil {
			t.Errorf("%q is no microflow", text)
		}
	}
}

// TestComposeTagged: a tag stands before the packet. What else there is, is compared
// with the C agent's packets in integration.
func TestComposeTagged(t *testing.T) {
	_, m, err := Parse(`inport == "p1" && eth.src == 02:00:00:00:00:01 && vlan.vid == 5 && vlan.pcp == 3 && ip4.src == 10.0.0.1 && udp.dst == 53`, world)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
	tag, _ := p.Layer(layers.LayerTypeDot1Q).(*layers.Dot1Q)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if tag == nil || tag.VLANIdentifier != 5 || tag.Priority != 3 || udp == nil || udp.DstPort != 53 || len(udp.Payload) != payloadLen {
		t.Errorf("%v", p)
	}
}

// TestComposeSCTP: unlike the C agent's these packets have a checksum (RFC 9260).
func TestComposeSCTP(t *testing.T) {
	_, m, err := Parse(`inport == "p1" && ip4.src == 10.0.0.1 && sctp.src == 1 && sctp.dst == 2`, world)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	const header, sum = 14 + 20, 8 // of the Ethernet and IPv4 headers; in the SCTP header
	got := binary.LittleEndian.Uint32(b[header+sum:])
	clear(b[header+sum : header+sum+4])
	if want := crc32.Checksum(b[header:], crc32.MakeTable(crc32.Castagnoli)); got != want || got == 0 {
		t.Errorf("checksum %#x, want %#x", got, want)
	}
}

// FuzzMicroflow: whatever is asked for, there is a packet or an error.
func FuzzMicroflow(f *testing.F) {
	for _, text := range []string{"ip4 && tcp.flags == 2", "ip6.src == fd00::1 && nd_ns && nd.target == fd00::9", "arp.op == 1", "vlan.present",
		"ip4.src == $two || ip6", "sctp.dst == 1 && ip4 && ip.frag", "icmp6.type == 1", "inport == @pg", "reg0 == 1 && ip.proto == 2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, m, err := Parse(`inport == "p1" && (`+text+")", world); err == nil {
			if b, err := Compose(m); err != nil || len(b) < 14 {
				t.Errorf("%q: %d bytes, %v", text, len(b), err)
			}
		}
	})
}

package pinctrl

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// dhcp4 is a message with options after its type.
func dhcp4(op byte, typ dhcpType, change func(m []byte), options ...byte) []byte {
	m := make([]byte, dhcpOptions, 300)
	m[dhcpOp], m[dhcpHType], m[dhcpHLen] = op, 1, 6
	binary.BigEndian.PutUint32(m[dhcpXID:], 0xcafebabe)
	m[9] = 5 // secs
	copy(m[dhcpCHAddr:], macA[:])
	copy(m[44:], "server-name")
	copy(m[dhcpCookie:], dhcpMagic)
	if change != nil {
		change(m)
	}
	if typ != 0 {
		m = append(m, dhcpOptMessageType, 1, byte(typ))
	}
	return append(append(m, options...), dhcpOptEnd)
}

func set(at int, v ...byte) func([]byte) { return func(m []byte) { copy(m[at:], v) } }

func (c *cases) dhcp() {
	requested := []byte{dhcpOptRequestedIP, 4, 10, 0, 0, 4}
	plain := []byte{1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1, 51, 4, 0, 0, 14, 16, 54, 4, 10, 0, 0, 254, 58, 4, 0, 0, 7, 8, 59, 4, 0, 0, 10, 10}
	args := func(options ...byte) []byte { return result(append([]byte{10, 0, 0, 4}, options...)...) }
	file := func(code byte, name string) []byte { return append([]byte{code, byte(len(name))}, name...) }
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	add := func(name string, args []byte, f frame, m []byte, differs string) {
		if f.src == "" {
			f.src, f.dst, f.dstMAC = "0.0.0.0", "255.255.255.255", broadcast
		}
		f.proto, f.l4 = layers.IPProtocolUDP, udpLayers(68, 67, m)
		c.add(replyCase{name: "put_dhcp_opts/" + name, op: pipeline.OpPutDHCPOpts, args: args, packet: c.frame(f), differs: differs})
	}
	for typ := dhcpType(0); typ <= 10; typ++ {
		add(fmt.Sprintf("type-%d", typ), args(plain...), frame{}, dhcp4(1, typ, nil, requested...), "")
	}
	add("broadcast", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpFlags, 0x80, 0)), "")
	add("request-broadcast", args(plain...), frame{}, dhcp4(1, dhcpRequest, set(dhcpFlags, 0x80, 0), requested...), "")
	add("renew", args(plain...), frame{src: "10.0.0.4", dst: "10.0.0.254"}, dhcp4(1, dhcpRequest, set(dhcpCIAddr, 10, 0, 0, 4)), "")
	add("nak", args(plain...), frame{}, dhcp4(1, dhcpRequest, set(dhcpSIAddr, 9, 9, 9, 9), dhcpOptRequestedIP, 4, 10, 0, 0, 5), "")
	add("nak-broadcast", args(plain...), frame{}, dhcp4(1, dhcpRequest, set(dhcpFlags, 0x80, 0), dhcpOptRequestedIP, 4, 10, 0, 0, 5), "")
	add("decline-other", args(plain...), frame{}, dhcp4(1, dhcpDecline, nil, dhcpOptRequestedIP, 4, 10, 0, 0, 5), "")
	add("inform", args(plain...), frame{src: "10.0.0.4", dst: "10.0.0.254"}, dhcp4(1, dhcpInform, set(dhcpCIAddr, 10, 0, 0, 4)), "")
	add("siaddr", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpSIAddr, 9, 9, 9, 9)), "")
	add("giaddr", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpGIAddr, 9, 9, 9, 9)), "")
	add("vlan", args(plain...), frame{vlan: 12}, dhcp4(1, dhcpDiscover, nil), "")
	add("ip-options", args(plain...), frame{options: true}, dhcp4(1, dhcpDiscover, nil), whyOptions)
	add("padded", args(plain...), frame{pad: 9}, dhcp4(1, dhcpDiscover, nil), "")
	add("pads", args(plain...), frame{}, dhcp4(1, 0, nil, 0, 0, 53, 1, 1, 0, 0), "")
	add("type-twice", args(plain...), frame{}, dhcp4(1, dhcpDiscover, nil, 53, 1, 3, 50, 4, 10, 0, 0, 4), "")
	add("type-of-two", args(plain...), frame{}, dhcp4(1, 0, nil, 53, 2, 1, 1), "")
	add("option-cut", args(plain...), frame{}, dhcp4(1, dhcpDiscover, nil, 50, 200, 1), "")
	add("next-server", args(join([]byte{253, 4, 10, 0, 0, 10}, plain)...), frame{}, dhcp4(1, dhcpDiscover, nil), "")
	add("next-server-inform", args(join([]byte{253, 4, 10, 0, 0, 10}, plain)...), frame{}, dhcp4(1, dhcpInform, nil), "")
	both := join(file(67, "ipxe.kpxe"), file(254, "http://boot/script"), plain)
	for _, ipxe := range []bool{false, true} {
		var more []byte
		if ipxe {
			more = []byte{dhcpOptEtherboot, 2, 1, 1}
		}
		for name, opts := range map[string][]byte{
			"both": both, "boot": join(file(67, "ipxe.kpxe"), plain), "alt": join(file(254, "http://x"), plain),
			"both-next": join(file(67, "long-enough-to-differ"), file(254, "s"), []byte{253, 4, 1, 2, 3, 4}, plain),
		} {
			for _, typ := range []dhcpType{dhcpDiscover, dhcpInform} {
				differs := ""
				if name == "both-next" && ipxe && typ == dhcpDiscover {
					differs = whyNext
				}
				add(fmt.Sprintf("bootfile-%s-%t-%d", name, ipxe, typ), args(opts...), frame{}, dhcp4(1, typ, nil, more...), differs)
			}
		}
	}
	long := file(15, strings.Repeat("a", 255))
	add("long", args(join(long, long, long, plain)...), frame{}, dhcp4(1, dhcpDiscover, nil), "")
	add("reply", args(plain...), frame{}, dhcp4(2, dhcpDiscover, nil), "")
	add("token-ring", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpHType, 6)), "")
	add("hlen", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpHLen, 8)), "")
	add("cookie", args(plain...), frame{}, dhcp4(1, dhcpDiscover, set(dhcpCookie, 1)), "")
	add("bootp", args(plain...), frame{}, dhcp4(1, 0, nil), "")
	for _, n := range []int{0, 1, 235, 236, 239, 240, 241, 243} {
		add(fmt.Sprintf("cut-%d", n), args(plain...), frame{}, dhcp4(1, dhcpDiscover, nil)[:n], "")
	}
	add("no-options", args(), frame{}, dhcp4(1, dhcpDiscover, nil), "")
}

func (c *cases) relay() {
	args := result(10, 0, 0, 1, 172, 16, 1, 1)
	request := func(name string, f frame, m []byte) {
		f.src, f.dst, f.dstMAC = "0.0.0.0", "255.255.255.255", broadcast
		f.proto, f.l4 = layers.IPProtocolUDP, udpLayers(68, 67, m)
		c.add(replyCase{name: "dhcp_relay_req_chk/" + name, op: pipeline.OpDHCPRelayReqChk, args: args, packet: c.frame(f)})
	}
	for typ := dhcpType(0); typ <= 9; typ++ {
		request(fmt.Sprintf("type-%d", typ), frame{}, dhcp4(1, typ, nil, 50, 4, 10, 0, 0, 9))
	}
	request("hops", frame{}, dhcp4(1, dhcpDiscover, set(dhcpHops, 255)))
	request("giaddr", frame{}, dhcp4(1, dhcpDiscover, set(dhcpGIAddr, 1, 2, 3, 4)))
	request("reply", frame{}, dhcp4(2, dhcpDiscover, nil))
	request("vlan", frame{vlan: 9, pad: 4}, dhcp4(1, dhcpRequest, set(dhcpCIAddr, 10, 0, 0, 7)))
	request("cut", frame{}, dhcp4(1, dhcpRequest, nil)[:100])

	response := func(name string, f frame, m []byte) {
		f.src, f.dst = "172.16.1.1", "10.0.0.1"
		f.proto, f.l4 = layers.IPProtocolUDP, udpLayers(67, 67, m)
		c.add(replyCase{name: "dhcp_relay_resp_chk/" + name, op: pipeline.OpDHCPRelayRespChk, args: args, packet: c.frame(f)})
	}
	good := func(m []byte) { copy(m[dhcpYIAddr:], "\x0a\x00\x00\x09"); copy(m[dhcpGIAddr:], "\x0a\x00\x00\x01") }
	options := []byte{54, 4, 172, 16, 1, 1, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1}
	for _, typ := range []dhcpType{0, dhcpOffer, dhcpAck, dhcpNak, 20} {
		response(fmt.Sprintf("type-%d", typ), frame{}, dhcp4(2, typ, good, options...))
	}
	response("broadcast", frame{}, dhcp4(2, dhcpAck, func(m []byte) { good(m); m[dhcpFlags] = 0x80 }, options...))
	response("vlan", frame{vlan: 9, pad: 4}, dhcp4(2, dhcpAck, good, options...))
	response("other-relay", frame{}, dhcp4(2, dhcpAck, set(dhcpGIAddr, 10, 0, 0, 2), options...))
	response("no-relay", frame{}, dhcp4(2, dhcpAck, nil, options...))
	response("no-server", frame{}, dhcp4(2, dhcpAck, good))
	response("other-server", frame{}, dhcp4(2, dhcpAck, good, 54, 4, 172, 16, 1, 2))
	response("no-mask", frame{}, dhcp4(2, dhcpAck, good, options[:6]...))
	response("other-subnet", frame{}, dhcp4(2, dhcpAck, func(m []byte) { good(m); m[dhcpYIAddr+2] = 1 }, options...))
	response("other-router", frame{}, dhcp4(2, dhcpAck, good, 54, 4, 172, 16, 1, 1, 1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 77))
	response("request", frame{}, dhcp4(1, dhcpAck, good, options...))
	response("cut", frame{}, dhcp4(2, dhcpAck, good, options...)[:239])
}

func option6(code uint16, v ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

func (c *cases) dhcp6() {
	addr := append([]byte{0xfd}, make([]byte, 15)...)
	server := option6(2, 2, 0, 0, 0, 0, 1)
	all := join(server, option6(5, addr...), option6(23, append(addr, addr...)...), option6(24, []byte("ovn")...),
		option6(39, []byte("\x02vm\x03ovn\x03org\x00")...), option6(59, []byte("tftp://boot")...), option6(254, []byte("http://script")...))
	client := option6(1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0xa)
	iana := option6(3, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0)
	add := func(name string, args []byte, f frame, differs string, typ byte, options ...[]byte) {
		f.v6, f.src, f.dst, f.dstMAC = true, "fe80::a", "ff02::1:2", MAC{0x33, 0x33, 0, 1, 0, 2}
		f.proto, f.l4 = layers.IPProtocolUDP, udpLayers(546, 547, join(append([][]byte{{typ, 7, 8, 9}}, options...)...))
		c.add(replyCase{name: "put_dhcpv6_opts/" + name, op: pipeline.OpPutDHCPv6Opts, args: args, packet: c.frame(f), differs: differs})
	}
	for typ := byte(0); typ <= 13; typ++ {
		add(fmt.Sprintf("type-%d", typ), result(all...), frame{}, "", typ, client, iana)
	}
	add("ipxe", result(all...), frame{}, "", 1, option6(15, []byte("\x00\x04iPXE")...), client, iana)
	add("class-short", result(all...), frame{}, "", 1, option6(15, []byte("\x00\x04iPX")...), client, iana)
	add("fqdn-s", result(all...), frame{}, "", 1, option6(39, []byte("\x01\x02vm\x00")...), client, iana)
	add("fqdn-n", result(all...), frame{}, "", 1, option6(39, []byte("\x04\x02vm\x00")...), client, iana)
	add("fqdn-empty", result(all...), frame{}, "", 1, option6(39), client, iana)
	add("information", result(all...), frame{}, "", 11, client)
	add("no-client", result(all...), frame{}, "", 1, iana)
	add("no-iana", result(all...), frame{}, "", 1, client)
	add("iana-short", result(all...), frame{}, "", 1, client, option6(3, 1, 2, 3, 4))
	add("iana-zero", result(all...), frame{}, "", 1, client, option6(3, make([]byte, 12)...))
	add("iana-twice", result(all...), frame{}, "", 1, client, iana, option6(3, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0))
	add("vlan", result(all...), frame{vlan: 3}, "", 1, client, iana)
	add("padded", result(all...), frame{pad: 5}, "", 1, client, iana)
	add("extension", result(all...), frame{options: true}, whyExtension, 1, client, iana)
	add("option-cut", result(all...), frame{}, "", 1, client, iana, []byte{0, 1, 0, 99, 1})
	add("release", result(server...), frame{}, "", 8, client, iana)
	add("release-no-server", result(option6(23, addr...)...), frame{}, "", 8, client, iana)
	add("unknown-option", result(option6(99, 1)...), frame{}, "", 1, client, iana)
	add("bad-address", result(option6(5, 1)...), frame{}, "", 1, client, iana)
	add("cut-userdata", result(0, 23, 0, 16, 1), frame{}, "", 1, client, iana)
	add("no-options", result(), frame{}, "", 1, client, iana)
	for name, list := range map[string]string{"name": "ovn.org", "names": "ovn.org,example.com.", "no-name": "ovn..org," + strings.Repeat("x", 64)} {
		add("search-"+name, result(join(server, option6(24, []byte(list)...))...), frame{}, whySearch, 11, client)
	}
	for _, n := range []int{0, 3} {
		f := frame{v6: true, proto: layers.IPProtocolUDP, l4: udpLayers(546, 547, bytesOf(n))}
		c.add(replyCase{name: fmt.Sprintf("put_dhcpv6_opts/cut-%d", n), op: pipeline.OpPutDHCPv6Opts, args: result(all...), packet: c.frame(f)})
	}
}

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// testNames are the records that the answers of the C agent were made from.
var testNames = map[string]DNSRecord{
	"vm1.ovn.org":           {Data: "10.0.0.4 aef0::4"},
	"vm4.ovn.org":           {Data: "10.0.0.5", Owned: true},
	"vm6.ovn.org":           {Data: "aef0::6"},
	"4.0.0.10.in-addr.arpa": {Data: "vm1.ovn.org"},
	"bad.ovn.org":           {Data: "no address"},
	"single":                {Data: "10.0.0.9"},
}

type names map[string]DNSRecord

func (n names) DNS(dp uint64, name string) (DNSRecord, bool) {
	r, ok := n[name]
	return r, ok && dp == 3
}

// question is a DNS message.
func question(name string, typ uint16, change func([]byte), more ...byte) []byte {
	b := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	b = binary.BigEndian.AppendUint16(append(b, 0), typ)
	b = append(append(b, 0, 1), more...)
	if change != nil {
		change(b)
	}
	return b
}

func (c *cases) dns() {
	add := func(name string, f frame, m []byte, differs string) {
		f.proto, f.l4 = layers.IPProtocolUDP, udpLayers(40000, 53, m)
		c.add(replyCase{name: "dns_lookup/" + name, op: pipeline.OpDNSLookup, args: result(), packet: c.frame(f), differs: differs})
	}
	edns := []byte{0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0}
	for _, v6 := range []bool{false, true} {
		for _, typ := range []uint16{dnsA, dnsAAAA, dnsANY, dnsPTR, 15} {
			for _, name := range []string{"vm1.ovn.org", "vm4.ovn.org", "vm6.ovn.org", "bad.ovn.org", "nothing.org"} {
				if typ == dnsPTR && name != "vm1.ovn.org" {
					continue
				}
				add(fmt.Sprintf("%s-%d-%t", name, typ, v6), frame{v6: v6}, question(name, typ, nil), "")
			}
		}
		add(fmt.Sprintf("ptr-%t", v6), frame{v6: v6}, question("4.0.0.10.in-addr.arpa", dnsPTR, nil), "")
		add(fmt.Sprintf("ptr-a-%t", v6), frame{v6: v6}, question("4.0.0.10.in-addr.arpa", dnsA, nil), "")
		add(fmt.Sprintf("case-%t", v6), frame{v6: v6}, question("Vm1.OVN.oRG", dnsA, nil), "")
		add(fmt.Sprintf("edns-%t", v6), frame{v6: v6}, question("vm1.ovn.org", dnsA, set(dnsARCount, 0, 1), edns...), "")
		add(fmt.Sprintf("padded-%t", v6), frame{v6: v6, pad: 7}, question("single", dnsA, nil), "")
	}
	add("options", frame{options: true}, question("vm1.ovn.org", dnsA, nil), whyOptions)
	add("extension", frame{v6: true, options: true}, question("vm1.ovn.org", dnsA, nil), whyExtension)
	add("vlan", frame{vlan: 3}, question("vm1.ovn.org", dnsA, nil), whyVLAN)
	add("vlan6", frame{v6: true, vlan: 3}, question("vm1.ovn.org", dnsA, nil), "")
	add("root", frame{}, question("", dnsA, nil), "")
	add("response", frame{}, question("vm1.ovn.org", dnsA, set(dnsFlags, 0x80)), "")
	add("no-question", frame{}, question("vm1.ovn.org", dnsA, set(dnsQDCount, 0, 0)), "")
	add("two-questions", frame{}, question("vm1.ovn.org", dnsA, set(dnsQDCount, 0, 2), question("vm4.ovn.org", dnsA, nil)[12:]...), whyQuestions)
	add("pointer", frame{}, question("", dnsA, func(b []byte) { b[12] = 0xc0 }), "")
	add("class", frame{}, question("vm1.ovn.org", dnsA, func(b []byte) { b[len(b)-1] = 255 }), "")
	whole := question("vm1.ovn.org", dnsA, nil)
	for _, n := range []int{0, 11, 12, 13, 20, len(whole) - 4, len(whole) - 1} {
		add(fmt.Sprintf("cut-%d", n), frame{}, whole[:n], "")
	}
}

package lflow

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Codes of DHCP options that are treated apart. Those above 250 are OVN's own,
// for parts of the DHCP header.
const (
	dhcpOfferIP     = 0
	dhcpBootfile    = 67
	dhcpNextServer  = 253
	dhcpBootfileAlt = 254

	maxDHCPOption = 255 // bytes of a value
	maxDomainName = 255
)

// putDHCPv4 is "dst = put_dhcp_opts(option = …, …)". Its userdata is the result
// bit, the offered address and then the options as they are on the wire.
func (p *actionParser) putDHCPv4(lhs FieldRef) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	os := p.options("DHCPv4", p.env.DHCPOption)
	if !p.ok() {
		return
	}
	userdata := appendResult(appendUserdata(nil, pipeline.OpPutDHCPOpts), dst)
	i := optionByCode(os, dhcpOfferIP)
	if i < 0 {
		p.lex.Errorf("put_dhcp_opts needs offerip")
		return
	}
	userdata = binary.BigEndian.AppendUint32(userdata, uint32(os[i].first().Value.Lo))
	done := make([]bool, len(os))
	done[i] = true
	put := func(i int) {
		done[i] = true
		var err error
		if userdata, err = appendDHCPv4(userdata, &os[i]); err != nil {
			p.lex.Errorf("DHCPv4 option %s: %v", os[i].name, err)
		}
	}
	// Where the packet-in loop expects them.
	for _, code := range [...]uint8{dhcpBootfile, dhcpBootfileAlt, dhcpNextServer} {
		if i := optionByCode(os, code); i >= 0 {
			put(i)
		}
	}
	for i := range os {
		if !done[i] {
			put(i)
		}
	}
	p.addPunt(userdata, true)
}

// appendDHCPv4 writes code, length and value, RFC 2132.
func appendDHCPv4(b []byte, o *option) ([]byte, error) {
	b = append(b, o.Code, 0)
	start := len(b)
	c := o.first()
	switch o.Type {
	case "bool", "uint8":
		b = append(b, byte(c.Value.Lo))
	case "uint16":
		b = binary.BigEndian.AppendUint16(b, uint16(c.Value.Lo))
	case "uint32":
		b = binary.BigEndian.AppendUint32(b, uint32(c.Value.Lo))
	case "ipv4":
		for i := range o.values {
			b = binary.BigEndian.AppendUint32(b, uint32(o.values[i].Value.Lo))
			if o.Code == dhcpNextServer {
				break
			}
		}
	case "static_routes":
		b = appendRoutes(b, o.values)
	case "str":
		b = append(b, c.Text...)
	case "host_id":
		if c.Text != "" {
			b = append(b, c.Text...)
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(c.Value.Lo))
		}
	case "domains":
		b = appendDomains(b, c.Text)
	default:
		return b, fmt.Errorf("its type %q is unknown", o.Type)
	}
	n := len(b) - start
	if n > maxDHCPOption {
		return b, fmt.Errorf("it has %d bytes, %d are the most", n, maxDHCPOption)
	}
	b[start-1] = byte(n)
	return b, nil
}

// appendRoutes writes pairs of destination and router, RFC 3442: length of the
// prefix, its significant bytes, router.
func appendRoutes(b []byte, values []Constant) []byte {
	for ; len(values) >= 2; values = values[2:] {
		plen := 32
		if values[0].Masked {
			plen = values[0].Mask.OnesCount()
		}
		var dst [4]byte
		binary.BigEndian.PutUint32(dst[:], uint32(values[0].Value.Lo))
		b = append(b, byte(plen))
		b = append(b, dst[:(min(plen, 32)+7)/8]...)
		b = binary.BigEndian.AppendUint32(b, uint32(values[1].Value.Lo))
	}
	return b
}

// appendDomains writes a search list of names between commas, RFC 3397: labels
// with their lengths, a name's known ending as a pointer into the list (RFC 1035,
// section 4.1.4). A name that is too long ends the list with nothing in it.
func appendDomains(b []byte, list string) []byte {
	start := len(b)
	known := make(map[string]int)
names:
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		if len(name) > maxDomainName {
			return b[:start]
		}
		for name != "" {
			if at, ok := known[name]; ok {
				b = binary.BigEndian.AppendUint16(b, 0xc000|uint16(at))
				continue names
			}
			label, rest, _ := strings.Cut(name, ".")
			if label != "" {
				known[name] = len(b) - start
				b = append(append(b, byte(len(label))), label...)
			}
			name = rest
		}
		b = append(b, 0)
	}
	return b
}

// putDHCPv6 is "dst = put_dhcpv6_opts(option = …, …)". Its userdata is the result
// bit and the options as they are on the wire.
func (p *actionParser) putDHCPv6(lhs FieldRef) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	os := p.options("DHCPv6", p.env.DHCPv6Option)
	if !p.ok() {
		return
	}
	userdata := appendResult(appendUserdata(nil, pipeline.OpPutDHCPv6Opts), dst)
	for i := range os {
		var err error
		if userdata, err = appendDHCPv6(userdata, &os[i]); err != nil {
			p.lex.Errorf("DHCPv6 option %s: %v", os[i].name, err)
			return
		}
	}
	p.addPunt(userdata, true)
}

// appendDHCPv6 writes code, length and value, RFC 8415 section 21.1.
func appendDHCPv6(b []byte, o *option) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, uint16(o.Code))
	b = append(b, 0, 0)
	start := len(b)
	c := o.first()
	switch o.Type {
	case "ipv6":
		for i := range o.values {
			b = binary.BigEndian.AppendUint64(b, o.values[i].Value.Hi)
			b = binary.BigEndian.AppendUint64(b, o.values[i].Value.Lo)
		}
	case "mac":
		b = appendMAC(b, c.Value.Lo)
	case "str":
		b = append(b, c.Text...)
	case "domain":
		b = appendDomain(b, c.Text)
	default:
		return b, fmt.Errorf("its type %q is unknown", o.Type)
	}
	n := len(b) - start
	if n > 0xffff {
		return b, fmt.Errorf("it has %d bytes, %d are the most", n, 0xffff)
	}
	binary.BigEndian.PutUint16(b[start-2:], uint16(n))
	return b, nil
}

// appendDomain writes one name: labels with their lengths, and the root.
func appendDomain(b []byte, name string) []byte {
	for label := range strings.SplitSeq(name, ".") {
		if label != "" {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

func appendMAC(b []byte, v uint64) []byte {
	return append(b, byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

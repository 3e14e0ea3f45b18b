package openflow

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseFlow reads a line of ovs-ofctl dump-flows, with or without statistics;
// it must have been printed with --no-names. What the text does not tell (how
// much of an output a controller gets, which of two encodings of an action it
// was) is taken to be what OVN uses.
//
// Kind, Owner and Symbols are left zero, except that Kind tells a drop from the
// rest.
func ParseFlow(line string) (Flow, error) {
	f, err := parseFlow(strings.TrimSpace(line))
	if err != nil {
		return Flow{}, fmt.Errorf("openflow: flow %q: %w", line, err)
	}
	return f, nil
}

func parseFlow(line string) (f Flow, err error) {
	head, acts, ok := strings.Cut(line, "actions=")
	if !ok {
		return f, errors.New("no actions")
	}
	f.Priority = defaultPriority
	var match []string
	for _, part := range splitTop(strings.TrimSpace(head)) {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "cookie":
			f.Cookie, err = strconv.ParseUint(value, 0, 64)
		case "table":
			var v uint64
			v, err = strconv.ParseUint(value, 0, 8)
			f.Table = uint8(v)
		case "priority":
			var v uint64
			v, err = strconv.ParseUint(value, 0, 16)
			f.Priority = uint16(v)
		case "duration", "n_packets", "n_bytes", "idle_age", "hard_age", "idle_timeout", "hard_timeout",
			"importance", "send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts":
		default:
			match = append(match, part)
		}
		if err != nil {
			return f, err
		}
	}
	if f.Match, err = parseMatch(match); err != nil {
		return f, err
	}
	if f.Actions, err = ParseActions(acts); err != nil {
		return f, err
	}
	if f.Actions == "" {
		f.Kind = FlowDrop
	}
	return f, nil
}

// ParseMatch reads a match as Match.String writes it.
func ParseMatch(s string) (Match, error) {
	m, err := parseMatch(splitTop(s))
	if err != nil {
		return "", fmt.Errorf("openflow: match %q: %w", s, err)
	}
	return m, nil
}

// splitTop splits at the commas outside parentheses and brackets, and drops what
// is empty.
func splitTop(s string) (parts []string) {
	depth, start := 0, 0
	add := func(p string) {
		if p = strings.TrimSpace(p); p != "" {
			parts = append(parts, p)
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				add(s[start:i])
				start = i + 1
			}
		}
	}
	add(s[start:])
	return parts
}

var shorthands = map[string]struct {
	ethType uint64
	proto   uint64 // 0: any
}{
	"ip": {ethTypeIPv4, 0}, "icmp": {ethTypeIPv4, protoICMP}, "tcp": {ethTypeIPv4, protoTCP},
	"udp": {ethTypeIPv4, protoUDP}, "sctp": {ethTypeIPv4, protoSCTP},
	"ipv6": {ethTypeIPv6, 0}, "icmp6": {ethTypeIPv6, protoICMPv6}, "tcp6": {ethTypeIPv6, protoTCP},
	"udp6": {ethTypeIPv6, protoUDP}, "sctp6": {ethTypeIPv6, protoSCTP},
	"arp": {ethTypeARP, 0}, "rarp": {ethTypeRARP, 0},
	"mpls": {ethTypeMPLS, 0}, "mplsm": {ethTypeMPLSMcast, 0},
}

func parseMatch(parts []string) (Match, error) {
	var b MatchBuilder
	rest := parts[:0:0]
	for _, p := range parts {
		// What others depend on goes first.
		if s, ok := shorthands[p]; ok {
			b.SetU(FieldEthType, s.ethType)
			if s.proto != 0 {
				b.SetU(FieldIPProto, s.proto)
			}
			continue
		}
		key, value, _ := strings.Cut(p, "=")
		var f Field
		switch key {
		case "dl_type", "eth_type":
			f = FieldEthType
		case "nw_proto", "ip_proto":
			f = FieldIPProto
		default:
			rest = append(rest, p)
			continue
		}
		v, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		b.SetU(f, v)
	}
	for _, p := range rest {
		if err := b.parsePart(p); err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
	}
	return b.Match(), nil
}

func (b *MatchBuilder) parsePart(p string) error {
	key, value, ok := strings.Cut(p, "=")
	if !ok {
		return errors.New("no value")
	}
	switch key {
	case "dl_vlan":
		v, err := strconv.ParseUint(value, 0, 12)
		b.SetMasked(FieldVLANTCI, U64(v|vlanPresent), U64(0xfff|vlanPresent))
		return err
	case "dl_vlan_pcp":
		v, err := strconv.ParseUint(value, 0, 3)
		b.SetMasked(FieldVLANTCI, U64(v<<vlanVIDBits|vlanPresent), U64(0xe000|vlanPresent))
		return err
	}
	f, ok := b.fieldNamed(key)
	if !ok {
		return errors.New("unknown field")
	}
	v, m, err := parseFieldValue(f, value)
	if err == nil {
		b.SetMasked(f, v, m)
	}
	return err
}

// fieldNamed finds the field that a name stands for beside what b tests.
func (b *MatchBuilder) fieldNamed(name string) (Field, bool) {
	ethType, _ := b.Get(FieldEthType)
	proto, _ := b.Get(FieldIPProto)
	v6 := ethType.Lo == ethTypeIPv6
	switch name {
	case "tp_src", "tp_dst":
		f := map[uint64]Field{protoTCP: FieldTCPSrc, protoUDP: FieldUDPSrc, protoSCTP: FieldSCTPSrc}[proto.Lo]
		if f == 0 {
			return 0, false
		}
		if name == "tp_dst" {
			f++ // each destination follows its source
		}
		return f, true
	case "icmp_type":
		if v6 {
			return FieldICMPv6Type, true
		}
	case "icmp_code":
		if v6 {
			return FieldICMPv6Code, true
		}
	case "gtpu_flags":
		return FieldTunGTPUFlags, true
	case "gtpu_msgtype":
		return FieldTunGTPUMsgType, true
	}
	return FieldByName(name)
}

// parseFieldValue reads value or value/mask.
func parseFieldValue(f Field, s string) (v, m U128, err error) {
	full := f.fullMask()
	switch fields[f].format {
	case fmtCtState:
		return parseFlags(s, ctStateNames, full)
	case fmtTCPFlags:
		return parseFlags(s, tcpFlagNames, full)
	case fmtTunFlags:
		return parseFlags(s, tunFlagNames, full)
	case fmtFrag:
		if fm, ok := fragNames[s]; ok {
			return U64(uint64(fm[0])), U64(uint64(fm[1])), nil
		}
		return v, m, errors.New("unknown kind of fragment")
	case fmtPacketType:
		var ns, typ uint64
		if _, err := fmt.Sscanf(s, "(%d,0x%x)", &ns, &typ); err != nil || ns > 0xffff || typ > 0xffff {
			return v, m, errors.New("ill-formed packet type")
		}
		return U64(ns<<16 | typ), full, nil
	}
	value, mask, masked := strings.Cut(s, "/")
	if v, err = parseScalar(f, value, false); err != nil {
		return v, m, err
	}
	m = full
	if fields[f].format != fmtIPv6 && fields[f].format != fmtIPv4 && f != FieldVLANVID && f != FieldCtState {
		m = MaskN(8 * f.Bytes())
	}
	if masked {
		m, err = parseScalar(f, mask, true)
	}
	if v.Len() > 8*f.Bytes() || m.Len() > 8*f.Bytes() {
		return v, m, errors.New("too large")
	}
	return v, m, err
}

var fragNames = map[string][2]uint8{"no": {0, 3}, "yes": {1, 1}, "first": {1, 3}, "later": {3, 3}, "not_later": {0, 2}}

var portNumbers = func() map[string]uint64 {
	m := map[string]uint64{"NONE": PortAny}
	for i, name := range portNames {
		m[name] = PortUnset + uint64(i)
	}
	return m
}()

func parsePort(s string) (uint64, error) {
	if p, ok := portNumbers[s]; ok {
		return p, nil
	}
	return strconv.ParseUint(s, 0, 32)
}

// parseScalar reads a value or, with isMask, a mask.
func parseScalar(f Field, s string, isMask bool) (U128, error) {
	switch fields[f].format {
	case fmtEth:
		return parseMAC(s)
	case fmtIPv4, fmtIPv6:
		n := f.Width()
		if isMask && !strings.ContainsAny(s, ".:") {
			l, err := strconv.ParseUint(s, 10, 8)
			if err != nil || int(l) > n {
				return U128{}, fmt.Errorf("no prefix length: %s", s)
			}
			return MaskN(n).AndNot(MaskN(n - int(l))), nil
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return U128{}, err
		}
		if n == 32 {
			if !a.Is4() {
				return U128{}, fmt.Errorf("not an IPv4 address: %s", s)
			}
			b := a.As4()
			return U128FromBytes(b[:]), nil
		}
		b := a.As16()
		return U128FromBytes(b[:]), nil
	case fmtPort:
		p, err := parsePort(s)
		if f == FieldInPort {
			p &= 0xffff
		}
		return U64(p), err
	}
	return parseNumber(s)
}

func parseMAC(s string) (v U128, err error) {
	parts := strings.Split(s, ":")
	if len(parts) != 6 {
		return v, fmt.Errorf("no Ethernet address: %s", s)
	}
	for _, p := range parts {
		b, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			return v, fmt.Errorf("no Ethernet address: %s", s)
		}
		v.Lo = v.Lo<<8 | b
	}
	return v, nil
}

// parseNumber reads a number of up to 128 bits if hexadecimal, 64 if decimal.
func parseNumber(s string) (v U128, err error) {
	digits, isHex := strings.CutPrefix(s, "0x")
	if !isHex {
		v.Lo, err = strconv.ParseUint(s, 10, 64)
		return v, err
	}
	if len(digits) > 16 {
		if v.Hi, err = strconv.ParseUint(digits[:len(digits)-16], 16, 64); err != nil {
			return v, err
		}
		digits = digits[len(digits)-16:]
	}
	v.Lo, err = strconv.ParseUint(digits, 16, 64)
	return v, err
}

// parseFlags reads "+a-b", "a|b" or "0".
func parseFlags(s string, names []string, full U128) (v, m U128, err error) {
	bit := func(name string) (uint64, error) {
		for i, n := range names {
			if n == name {
				return 1 << i, nil
			}
		}
		return 0, fmt.Errorf("unknown flag %q", name)
	}
	if s == "" {
		return v, m, errors.New("no flags")
	}
	if s[0] != '+' && s[0] != '-' {
		if s != "0" {
			for _, name := range strings.Split(s, "|") {
				b, err := bit(name)
				if err != nil {
					return v, m, err
				}
				v.Lo |= b
			}
		}
		return v, full, nil
	}
	for len(s) > 0 {
		n := strings.IndexAny(s[1:], "+-") + 1
		if n == 0 {
			n = len(s)
		}
		b, err := bit(s[1:n])
		if err != nil {
			return v, m, err
		}
		m.Lo |= b
		if s[0] == '+' {
			v.Lo |= b
		}
		s = s[n:]
	}
	return v, m, nil
}

var nxmNames = func() map[string]Field {
	m := make(map[string]Field)
	for f := Field(0); f < numFields; f++ {
		m[fields[f].nxmName] = f
	}
	for i := range NumTunMetadata {
		m["NXM_NX_TUN_METADATA"+strconv.Itoa(i)] = TunMetadata(i)
	}
	return m
}()

// ParseSubfield reads "NXM_NX_REG0[0..15]", "reg0[3]" or "reg0[]".
func ParseSubfield(s string) (Subfield, error) {
	name, rest, ok := strings.Cut(s, "[")
	rng, end := strings.CutSuffix(rest, "]")
	f, known := nxmNames[name]
	if !known {
		f, known = FieldByName(name)
	}
	switch {
	case !ok || !end:
		return Subfield{}, fmt.Errorf("subfield %q: no range", s)
	case !known:
		return Subfield{}, fmt.Errorf("subfield %q: unknown field", s)
	case rng == "":
		return Whole(f), nil
	}
	lo, hi, two := strings.Cut(rng, "..")
	if !two {
		hi = lo
	}
	a, err := strconv.Atoi(lo)
	b, err2 := strconv.Atoi(hi)
	if err != nil || err2 != nil || a < 0 || b < a || b >= f.Width() {
		return Subfield{}, fmt.Errorf("subfield %q: ill-formed range", s)
	}
	return Bits(f, a, b-a+1), nil
}

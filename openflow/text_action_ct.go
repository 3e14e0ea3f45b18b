package openflow

import (
	"net/netip"
)

func (t *actionText) ct(c *cursor, depth int) {
	flags := c.u16()
	var zoneSrc Subfield
	immediate := len(c.s) >= 4 && c.s[:4] == "\x00\x00\x00\x00"
	if immediate {
		c.take(4)
	} else {
		zoneSrc.Field = c.header32()
	}
	zone, table := c.u16(), c.u8()
	c.take(3)
	alg := c.u16()
	t.str("ct(")
	if flags&ctCommit != 0 {
		t.str("commit,")
	}
	if flags&ctForce != 0 {
		t.str("force,")
	}
	if table != NoTable {
		t.num("table=", uint64(table))
		t.str(",")
	}
	switch {
	case !immediate:
		t.sub("zone=", c.ofsNbits(zoneSrc.Field, zone))
		t.str(",")
	case zone != 0:
		t.num("zone=", uint64(zone))
		t.str(",")
	}
	nested := c.s
	if a, rest, err := nextAction(nested); err == nil && a.nicira && a.subtype == nxNAT {
		t.nat(&a.body)
		t.str(",")
		nested = rest
	}
	if nested != "" {
		t.str("exec(")
		t.list(nested, depth+1)
		t.str("),")
	}
	switch alg {
	case 0:
	case 21:
		t.str("alg=ftp,")
	case 69:
		t.str("alg=tftp,")
	default:
		t.num("alg=", uint64(alg))
		t.str(",")
	}
	t.chomp()
	t.str(")")
}

func (t *actionText) nat(c *cursor) {
	c.u16()
	flags, present := c.u16(), c.u16()
	t.str("nat")
	if flags&(natSrc|natDst) == 0 {
		return
	}
	if flags&natSrc != 0 {
		t.str("(src")
	} else {
		t.str("(dst")
	}
	var addr [2]netip.Addr
	var port [2]uint16
	for i := range 6 {
		if present&(1<<i) == 0 {
			continue
		}
		switch i {
		case 0, 1:
			addr[i], _ = netip.AddrFromSlice([]byte(c.take(4)))
		case 2, 3:
			addr[i-2], _ = netip.AddrFromSlice([]byte(c.take(16)))
		default:
			port[i-4] = c.u16()
		}
	}
	if present != 0 {
		write := func(a netip.Addr) {
			if a.Is4() {
				v := a.As4()
				t.b = appendIPv4(t.b, U128FromBytes(v[:]))
				return
			}
			if port[0] != 0 {
				t.str("[")
			}
			v := a.As16()
			t.b = appendIPv6(t.b, U128FromBytes(v[:]))
			if port[0] != 0 {
				t.str("]")
			}
		}
		t.str("=")
		if addr[0].IsValid() {
			write(addr[0])
		}
		if addr[1].IsValid() && addr[1] != addr[0] {
			t.str("-")
			write(addr[1])
		}
		if port[0] != 0 {
			t.num(":", uint64(port[0]))
			if port[1] != 0 && port[1] != port[0] {
				t.num("-", uint64(port[1]))
			}
		}
		t.str(",")
		for _, f := range [...]struct {
			bit  uint16
			name string
		}{{natPersistent, "persistent,"}, {natHash, "hash,"}, {natRandom, "random,"}} {
			if flags&f.bit != 0 {
				t.str(f.name)
			}
		}
	}
	t.chomp()
	t.str(")")
}

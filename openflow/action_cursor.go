package openflow

import (
	"errors"
	"fmt"
)

// cursor reads bytes in order. Once they run out it reads zeros and err is set.
type cursor struct {
	s   string
	err error
}

func (c *cursor) take(n int) string {
	if c.err != nil || n < 0 || n > len(c.s) {
		c.fail(errTruncated)
		return ""
	}
	t := c.s[:n]
	c.s = c.s[n:]
	return t
}

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *cursor) uint(n int) uint64 {
	t := c.take(n)
	var v uint64
	for i := 0; i < len(t); i++ {
		v = v<<8 | uint64(t[i])
	}
	return v
}

func (c *cursor) u8() uint8   { return uint8(c.uint(1)) }
func (c *cursor) u16() uint16 { return uint16(c.uint(2)) }
func (c *cursor) u32() uint32 { return uint32(c.uint(4)) }
func (c *cursor) u64() uint64 { return c.uint(8) }

var (
	errUnknownField = errors.New("unknown field")
	errMaskedHeader = errors.New("field header with a mask")
	errSubfield     = errors.New("bits outside the field")
)

// header reads the header of a field: four bytes or eight.
func (c *cursor) header() Field {
	class, fm, n := c.u16(), c.u8(), c.u8()
	var exp uint32
	if class == oxmClassExp {
		exp = c.u32()
		n -= 4
	}
	return c.fieldOf(class, fm, n, exp)
}

// header32 reads the header of a field where there is room for four bytes only.
func (c *cursor) header32() Field {
	return c.fieldOf(c.u16(), c.u8(), c.u8(), 0)
}

func (c *cursor) fieldOf(class uint16, fm, n uint8, exp uint32) Field {
	if c.err != nil {
		return 0
	}
	f, ok := fieldByHeader(class, fm>>1, exp)
	switch {
	case !ok, f.isTunMetadata() && n != 4:
		// Of tunnel options only those of four bytes are known.
		c.fail(errUnknownField)
	case fm&1 != 0:
		c.fail(errMaskedHeader)
	case int(n) != f.Bytes():
		c.fail(fmt.Errorf("%s: %d bytes, not %d", f, n, f.Bytes()))
	default:
		return f
	}
	return 0
}

// subfield checks and makes a subfield.
func (c *cursor) subfield(f Field, ofs, n int) Subfield {
	if c.err == nil && (n < 1 || ofs+n > f.Width()) {
		c.fail(errSubfield)
	}
	return Subfield{f, uint8(ofs), uint8(n)}
}

// ofsNbits makes a subfield of f of the form in which Nicira actions name bits.
func (c *cursor) ofsNbits(f Field, v uint16) Subfield {
	return c.subfield(f, int(v>>6), int(v&0x3f)+1)
}

// action is one action, taken off a list.
type action struct {
	typ     uint16 // atExperiment: see subtype
	subtype uint16 // of Nicira actions; otherwise 0
	nicira  bool
	raw     string // all of it
	body    cursor // what follows the type and length, or the subtype
}

// nextAction takes the first action off s.
func nextAction(s string) (a action, rest string, err error) {
	c := cursor{s: s}
	a.typ = c.u16()
	n := int(c.u16())
	if c.err != nil {
		return a, "", errTruncated
	}
	if n < 8 || n%8 != 0 || n > len(s) {
		return a, "", fmt.Errorf("action of %d bytes in %d", n, len(s))
	}
	a.raw = s[:n]
	a.body.s = s[4:n]
	if a.typ == atExperiment {
		if a.body.u32() == niciraVendor && n >= 16 {
			a.nicira = true
			a.subtype = a.body.u16()
		}
	}
	return a, s[n:], nil
}

package openflow

// oxmHeader is the header of an OXM or NXM TLV without a mask, as Open vSwitch
// holds it:
//
//	63    48 47   41 40      39    32 31        0
//	+-------+-------+-------+--------+------------+
//	| class | field | mask? | length | experimenter |
//	+-------+-------+-------+--------+------------+
//
// On the wire the experimenter follows only if class is 0xffff, and length then
// counts it. Here length never does.
type oxmHeader uint64

const (
	oxmClassNXM0   = 0x0000
	oxmClassNXM1   = 0x0001
	oxmClassEric   = 0x1000
	oxmClassBasic  = 0x8000
	oxmClassPktReg = 0x8001
	oxmClassExp    = 0xffff
)

func makeOXM(class uint16, field, n uint8, exp uint32) oxmHeader {
	return oxmHeader(class)<<48 | oxmHeader(field)<<41 | oxmHeader(n)<<32 | oxmHeader(exp)
}

func nxm0(field, n uint8) oxmHeader      { return makeOXM(oxmClassNXM0, field, n, 0) }
func nxm1(field, n uint8) oxmHeader      { return makeOXM(oxmClassNXM1, field, n, 0) }
func oxmBasic(field, n uint8) oxmHeader  { return makeOXM(oxmClassBasic, field, n, 0) }
func oxmPktReg(field, n uint8) oxmHeader { return makeOXM(oxmClassPktReg, field, n, 0) }
func oxmEric(field, n uint8) oxmHeader   { return makeOXM(oxmClassEric, field, n, 0) }
func oxmExp(exp uint32, field, n uint8) oxmHeader {
	return makeOXM(oxmClassExp, field, n, exp)
}

func (h oxmHeader) class() uint16        { return uint16(h >> 48) }
func (h oxmHeader) field() uint8         { return uint8(h>>41) & 0x7f }
func (h oxmHeader) length() int          { return int(uint8(h >> 32)) }
func (h oxmHeader) experimenter() uint32 { return uint32(h) }

// append writes the header with, if masked, room declared for a mask.
func (h oxmHeader) append(dst []byte, masked bool) []byte {
	n := h.length()
	var m byte
	if masked {
		n *= 2
		m = 1
	}
	c := h.class()
	if c == oxmClassExp {
		n += 4
	}
	dst = append(dst, byte(c>>8), byte(c), h.field()<<1|m, byte(n))
	if c == oxmClassExp {
		e := h.experimenter()
		dst = append(dst, byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
	}
	return dst
}

// u32 is the header as the four bytes that some Nicira actions have room for; 0
// if it does not fit.
func (h oxmHeader) u32() uint32 {
	if h.class() == oxmClassExp {
		return 0
	}
	return uint32(h >> 32)
}

// Tables from what a header says to the field, plus one; 0: unknown.
var (
	fieldByNXM0, fieldByNXM1, fieldByBasic, fieldByPktReg, fieldByEric [128]uint8
	fieldByNicira, fieldByONF, fieldByNSH, fieldByNone                 [128]uint8

	fieldNames = make(map[string]Field)
)

// fieldIndex is the place in those tables of one header.
func fieldIndex(class uint16, field uint8, exp uint32) *uint8 {
	switch class {
	case oxmClassNXM0:
		return &fieldByNXM0[field&0x7f]
	case oxmClassNXM1:
		return &fieldByNXM1[field&0x7f]
	case oxmClassBasic:
		return &fieldByBasic[field&0x7f]
	case oxmClassPktReg:
		return &fieldByPktReg[field&0x7f]
	case oxmClassEric:
		return &fieldByEric[field&0x7f]
	case oxmClassExp:
		switch exp {
		case 0x2320: // Nicira
			return &fieldByNicira[field&0x7f]
		case 0x4f4e4600: // ONF
			return &fieldByONF[field&0x7f]
		case 0x5ad650: // Nicira, NSH
			return &fieldByNSH[field&0x7f]
		}
	}
	return &fieldByNone[0]
}

// fieldByHeader finds the field a TLV is about; ok is false if this package
// does not know it.
func fieldByHeader(class uint16, field uint8, exp uint32) (f Field, ok bool) {
	i := *fieldIndex(class, field, exp)
	return Field(i - 1), i != 0
}

// Width is the number of significant bits.
func (f Field) Width() int { return int(fields[f].bits) }

// Bytes is the length of a value on the wire.
func (f Field) Bytes() int { return int(fields[f].bytes) }

// Name is the name ovs-ofctl prints in actions, e.g. "eth_src".
func (f Field) Name() string {
	if f >= numFields {
		return "unknown"
	}
	return fields[f].name
}

func (f Field) String() string { return f.Name() }

// Maskable tells whether a match may test single bits.
func (f Field) Maskable() bool { return fields[f].maskable }

// Writable tells whether actions may change the field.
func (f Field) Writable() bool { return fields[f].writable }

// FieldByName finds a field by either of its names, e.g. "eth_src" or "dl_src".
func FieldByName(name string) (Field, bool) {
	f, ok := fieldNames[name]
	return f, ok
}

// Subfield is Bits bits of a field, from bit Ofs on.
type Subfield struct {
	Field     Field
	Ofs, Bits uint8
}

// Whole is all of a field.
func Whole(f Field) Subfield { return Subfield{f, 0, fields[f].bits} }

// Bits is n bits of f from bit ofs on.
func Bits(f Field, ofs, n int) Subfield { return Subfield{f, uint8(ofs), uint8(n)} }

// Mask is the bits of the field that s covers.
func (s Subfield) Mask() U128 { return MaskN(int(s.Bits)).Shl(int(s.Ofs)) }

// ofsNbits is the form in which Nicira actions name a range of bits.
func (s Subfield) ofsNbits() uint16 { return uint16(s.Ofs)<<6 | uint16(s.Bits-1)&0x3f }

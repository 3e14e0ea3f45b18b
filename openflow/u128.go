package openflow

import (
	"encoding/binary"
	"math/bits"
)

// U128 is the value or mask of a field of up to 128 bits, right-aligned: bit 0
// is the field's least significant bit.
type U128 struct{ Hi, Lo uint64 }

// U64 is v as a U128.
func U64(v uint64) U128 { return U128{Lo: v} }

// MaskN is the mask of the n low bits; n outside 0..128 is clamped.
func MaskN(n int) U128 {
	switch {
	case n <= 0:
		return U128{}
	case n < 64:
		return U128{Lo: 1<<uint(n) - 1}
	case n == 64:
		return U128{Lo: ^uint64(0)}
	case n < 128:
		return U128{Hi: 1<<uint(n-64) - 1, Lo: ^uint64(0)}
	}
	return U128{Hi: ^uint64(0), Lo: ^uint64(0)}
}

func (a U128) And(b U128) U128    { return U128{a.Hi & b.Hi, a.Lo & b.Lo} }
func (a U128) AndNot(b U128) U128 { return U128{a.Hi &^ b.Hi, a.Lo &^ b.Lo} }
func (a U128) Or(b U128) U128     { return U128{a.Hi | b.Hi, a.Lo | b.Lo} }
func (a U128) Xor(b U128) U128    { return U128{a.Hi ^ b.Hi, a.Lo ^ b.Lo} }
func (a U128) Not() U128          { return U128{^a.Hi, ^a.Lo} }
func (a U128) IsZero() bool       { return a.Hi|a.Lo == 0 }

// Shl shifts left by n bits; bits shifted beyond 128 are lost.
func (a U128) Shl(n int) U128 {
	switch {
	case n <= 0:
		return a
	case n < 64:
		return U128{a.Hi<<uint(n) | a.Lo>>uint(64-n), a.Lo << uint(n)}
	case n < 128:
		return U128{Hi: a.Lo << uint(n-64)}
	}
	return U128{}
}

// Shr shifts right by n bits, filling with zeros.
func (a U128) Shr(n int) U128 {
	switch {
	case n <= 0:
		return a
	case n < 64:
		return U128{a.Hi >> uint(n), a.Lo>>uint(n) | a.Hi<<uint(64-n)}
	case n < 128:
		return U128{Lo: a.Hi >> uint(n-64)}
	}
	return U128{}
}

// Cmp compares as numbers: -1, 0 or 1.
func (a U128) Cmp(b U128) int {
	switch {
	case a.Hi < b.Hi, a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Bit is bit i, 0 or 1.
func (a U128) Bit(i int) uint { return uint(a.Shr(i).Lo & 1) }

// OnesCount is the number of one bits.
func (a U128) OnesCount() int { return bits.OnesCount64(a.Hi) + bits.OnesCount64(a.Lo) }

// Len is the number of bits needed to hold a: 0 for zero.
func (a U128) Len() int {
	if a.Hi != 0 {
		return 64 + bits.Len64(a.Hi)
	}
	return bits.Len64(a.Lo)
}

// TrailingZeros is the number of zero bits below the lowest one bit: 128 for
// zero.
func (a U128) TrailingZeros() int {
	if a.Lo != 0 {
		return bits.TrailingZeros64(a.Lo)
	}
	return 64 + bits.TrailingZeros64(a.Hi)
}

// U128FromBytes reads up to 16 big-endian bytes; of a longer slice, the last 16.
func U128FromBytes(b []byte) U128 {
	if len(b) > 16 {
		b = b[len(b)-16:]
	}
	var u U128
	for _, c := range b {
		u = U128{u.Hi<<8 | u.Lo>>56, u.Lo<<8 | uint64(c)}
	}
	return u
}

// appendBE appends the n low bytes of a, most significant first.
func (a U128) appendBE(dst []byte, n int) []byte {
	switch n {
	case 1:
		return append(dst, byte(a.Lo))
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(a.Lo))
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(a.Lo))
	case 8:
		return binary.BigEndian.AppendUint64(dst, a.Lo)
	}
	for i := n - 1; i >= 0; i-- {
		switch {
		case i >= 16:
			dst = append(dst, 0)
		case i >= 8:
			dst = append(dst, byte(a.Hi>>uint(8*(i-8))))
		default:
			dst = append(dst, byte(a.Lo>>uint(8*i)))
		}
	}
	return dst
}

package openflow

// DecodeHeader reads the header of an unmasked OXM or NXM TLV, as AppendHeader
// writes it, and tells how many bytes it took. ok is false if b is too short or
// names no field that this package knows.
func DecodeHeader(b []byte) (f Field, n int, ok bool) {
	if len(b) < 4 || b[2]&1 != 0 {
		return 0, 0, false
	}
	class := uint16(b[0])<<8 | uint16(b[1])
	var exp uint32
	n = 4
	if class == oxmClassExp {
		if len(b) < 8 {
			return 0, 0, false
		}
		exp = uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7])
		n = 8
	}
	f, ok = fieldByHeader(class, b[2]>>1, exp)
	return f, n, ok
}

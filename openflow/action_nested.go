package openflow

// ControllerNested is Controller with userdata that ends in the actions that
// nested holds, in OpenFlow 1.5 form, for the controller to put on a packet. The
// symbols in them become symbols of b.
func (b *ActionBuilder) ControllerNested(c ControllerSpec, nested *ActionBuilder) {
	end := len(nested.buf)
	for _, s := range nested.syms {
		if s.Kind == SymGroup || s.Kind == SymMeter {
			s.Offset -= uint32(end) // from the end of the userdata
		}
		b.syms = append(b.syms, s)
	}
	moved := b.syms[len(b.syms)-len(nested.syms):]
	before := len(b.syms)
	n := len(c.UserData)
	// The clipped header makes append copy: the caller's bytes stay as they are.
	c.UserData = append(c.UserData[:n:n], nested.buf...)
	start := len(b.buf)
	b.Controller(c)
	base := uint32(userdataOffset(b.buf[start:]) + start + n + end)
	for i := range moved {
		if moved[i].Kind == SymGroup || moved[i].Kind == SymMeter {
			b.syms[before-len(moved)+i].Offset += base
		}
	}
}

// userdataOffset is where the userdata begins in an encoded controller action
// that has some.
func userdataOffset(a []byte) int {
	const firstProp = 16
	for i := firstProp; i+4 <= len(a); {
		typ := int(a[i])<<8 | int(a[i+1])
		if typ == 3 {
			return i + 4
		}
		i += (int(a[i+2])<<8 | int(a[i+3]) + 7) &^ 7
	}
	return len(a)
}

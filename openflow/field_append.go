package openflow

// AppendHeader writes the header of an unmasked OXM TLV of f (OpenFlow 1.5,
// section 7.2.3.2): how a controller action's userdata names the field that the
// controller is to set. Four bytes, eight for the few experimenter fields.
func (f Field) AppendHeader(dst []byte) []byte { return fields[f].oxm.append(dst, false) }

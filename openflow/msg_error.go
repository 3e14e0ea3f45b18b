package openflow

import (
	"fmt"
)

const errTypeExperimenter = 0xffff

// ErrorMsg is OFPT_ERROR. Its transaction id is that of the message it refuses.
// It is an error value.
type ErrorMsg struct {
	ErrType uint16
	Code    uint16
	// Vendor is set if ErrType is 0xffff; Code is then the vendor's number.
	Vendor uint32
	// Data is the offending message, or as much of it as the switch sent, or a
	// text if the negotiation of a version failed.
	Data []byte
}

func (*ErrorMsg) msgType() uint8 { return TypeError }

func (m *ErrorMsg) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendU16(appendU16(b, m.ErrType), m.Code)
	if m.ErrType == errTypeExperimenter {
		b = appendU32(b, m.Vendor)
	}
	return append(b, m.Data...), nil
}

func decodeError(r *reader) (*ErrorMsg, error) {
	m := &ErrorMsg{ErrType: r.u16(), Code: r.u16()}
	if m.ErrType == errTypeExperimenter {
		m.Vendor = r.u32()
	}
	m.Data = r.rest()
	return m, r.err
}

// Name is the name ovs-ofctl gives this error, such as OFPBAC_BAD_OUT_GROUP.
func (m *ErrorMsg) Name() string {
	if m.ErrType == errTypeExperimenter {
		if m.Vendor == vendorNicira {
			if n, ok := niciraErrorNames[m.Code]; ok {
				return n
			}
		}
		return fmt.Sprintf("error %d of vendor 0x%08x", m.Code, m.Vendor)
	}
	if n, ok := errorNames[[2]uint16{m.ErrType, m.Code}]; ok {
		return n
	}
	return fmt.Sprintf("error type %d code %d", m.ErrType, m.Code)
}

// Error is Name with the kind of message that was refused.
func (m *ErrorMsg) Error() string {
	if h, err := ParseHeader(m.Data); err == nil && m.ErrType != 0 {
		return fmt.Sprintf("%s (in reply to message type %d)", m.Name(), h.Type)
	}
	return m.Name()
}

// Is lets errors.Is compare with the errors below by type and code.
func (m *ErrorMsg) Is(target error) bool {
	t, ok := target.(*ErrorMsg)
	return ok && t.ErrType == m.ErrType && t.Code == m.Code && t.Vendor == m.Vendor
}

// Errors that callers tell apart with errors.Is.
var (
	ErrTLVAlreadyMapped = &ErrorMsg{ErrType: errTypeExperimenter, Vendor: vendorNicira, Code: 20} // NXTTMFC_ALREADY_MAPPED
	ErrTLVDupEntry      = &ErrorMsg{ErrType: errTypeExperimenter, Vendor: vendorNicira, Code: 21} // NXTTMFC_DUP_ENTRY
	ErrBundleMsgFailed  = &ErrorMsg{ErrType: 17, Code: 13}                                        // OFPBFC_MSG_FAILED
	ErrMeterExists      = &ErrorMsg{ErrType: 12, Code: 1}                                         // OFPMMFC_METER_EXISTS
)

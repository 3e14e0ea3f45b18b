package openflow

// Reserved ports in the 32-bit form that OpenFlow 1.1 and later use.
const (
	PortMax    = 0xffffff00
	PortUnset  = 0xfffffff7
	PortInPort = 0xfffffff8
	PortTable  = 0xfffffff9
	PortNormal = 0xfffffffa
	PortFlood  = 0xfffffffb
	PortAll    = 0xfffffffc
	PortLocal  = 0xfffffffe
	PortAny    = 0xffffffff // also "none"
)

// Port32 turns a 16-bit port number, in which the reserved ports start at
// 0xff00, into a 32-bit one. 32-bit numbers stay as they are.
func Port32(port uint32) uint32 {
	if port >= 0xff00 && port <= 0xffff {
		return port | 0xffff0000
	}
	return port
}

// Package pipeline declares, once, the OpenFlow tables, registers, flag bits,
// connection-tracking bits and packet-in opcodes that make up OVN's logical
// pipeline on br-int, as ovn-architecture(7) of OVN 26.03 gives them.
//
// Every number here is seen from outside: by tools that read `ovs-ofctl
// dump-flows`, by ovn-detrace, by the flows of another agent that is being
// replaced. No other package may repeat one.
package pipeline

import "github.com/ovn-chassis/ovn-chassis/openflow"

// OpenFlow tables, ovn-architecture(7) "Architectural Physical Life Cycle of a
// Packet".
const (
	TablePhyToLog              = 0
	TableIngress               = 8 // first of IngressLen logical ingress tables
	TableOutputLargePktDetect  = 42
	TableOutputLargePktProcess = 43
	TableRemoteOutput          = 44
	TableRemoteVtepOutput      = 45
	TableLocalOutput           = 46
	TableCheckLoopback         = 47
	TableEgress                = 48 // first of EgressLen logical egress tables
	TableSaveInport            = 64
	TableLogToPhy              = 65
	TableMACBinding            = 66
	TableMACLookup             = 67
	TableChkLBHairpin          = 68
	TableChkLBHairpinReply     = 69
	TableCtSNATHairpin         = 70
	TableGetFDB                = 71
	TableLookupFDB             = 72
	TableChkInPortSec          = 73
	TableChkInPortSecND        = 74
	TableChkOutPortSec         = 75
	TableECMPNexthopMAC        = 76
	TableECMPNexthop           = 77
	TableChkLBAffinity         = 78
	TableMACCacheUse           = 79
	TableCtZoneLookup          = 80
	TableCtOrigNwDstLoad       = 81
	TableCtOrigIP6DstLoad      = 82
	TableCtOrigTpDstLoad       = 83
	TableFloodRemoteChassis    = 84
	TableCtStateSave           = 85
	TableCtOrigProtoLoad       = 86
	TableGetRemoteFDB          = 87
	TableLearnRemoteFDB        = 88

	// TableOutputInit is where the logical action "output" of the ingress
	// pipeline continues.
	TableOutputInit = TableOutputLargePktDetect

	IngressLen = TableOutputLargePktDetect - TableIngress // 34
	EgressLen  = TableSaveInport - TableEgress            // 16
)

// Registers that carry a packet's place in the logical network, all as fields of
// the match and of move and set-field actions.
const (
	RegDatapath = openflow.FieldMetadata // tunnel key of the logical datapath
	RegFlags    = openflow.FieldReg10    // Flag* bits
	RegDNATZone = openflow.FieldReg11    // conntrack zone, DNAT
	RegSNATZone = openflow.FieldReg12    // conntrack zone, SNAT
	RegCtZone   = openflow.FieldReg13    // bits 0-15: conntrack zone of the logical port
	RegEncapID  = openflow.FieldReg13    // bits 16-31: encapsulation of the logical port
	RegInport   = openflow.FieldReg14    // tunnel key of the logical input port
	RegOutport  = openflow.FieldReg15    // tunnel key of the logical output port
	RegTunPort  = openflow.FieldReg5     // bits 16-31: OpenFlow port of the tunnel

	RegLBOrigDstIPv4 = openflow.FieldReg4
	RegLBOrigDstPort = openflow.FieldReg2
	RegLBOrigDstIPv6 = openflow.FieldXXReg1
	RegLBAffIPv4     = openflow.FieldReg4
	RegLBAffIPv6     = openflow.FieldXXReg1
	RegLBAffPort     = openflow.FieldReg2
	RegResult        = openflow.FieldXXReg1
	RegCtSavedState  = openflow.FieldReg4
	RegRemoteOutport = openflow.FieldReg1

	// Used instead when northd does not set SB_Global option
	// register_consolidation.
	RegLBOrigDstIPv4Old   = openflow.FieldReg1
	RegLBAffPortOld       = openflow.FieldReg8
	RegLBAffSwitchIPv6Old = openflow.FieldXXReg0
)

// LogicalRegs is the number of 32-bit registers the logical flow language can
// name (reg0 to reg9).
const LogicalRegs = 10

// Widths and places of parts of the registers above, in bits.
const (
	CtZoneOfs, CtZoneBits   = 0, 16
	EncapIDOfs, EncapIDBits = 16, 16
	TunPortOfs, TunPortBits = 16, 16
)

// EVPNKeyBit is set in the tunnel key of a port or datapath made locally for a
// remote VTEP.
const EVPNKeyBit = 31

// Bits of RegFlags.
const (
	FlagAllowLoopbackBit      = 0
	FlagRcvFromRampBit        = 1
	FlagForceSNATForDNATBit   = 2
	FlagForceSNATForLBBit     = 3
	FlagLocalOnlyBit          = 4
	FlagNestedContainerBit    = 5
	FlagLookupMACBit          = 6
	FlagLookupLBHairpinBit    = 7
	FlagLookupFDBBit          = 8
	FlagSkipSNATForLBBit      = 9
	FlagLocalportBit          = 10
	FlagUseSNATZoneBit        = 11
	FlagCheckPortSecBit       = 12
	FlagLookupCommitECMPNHBit = 13
	FlagUseLBAffSessionBit    = 14
	FlagLocalnetBit           = 15
	FlagRxFromTunnelBit       = 16
	FlagICMPSNATBit           = 17
	FlagOverrideLocalOnlyBit  = 18
	FlagFromCtrlBit           = 19
	FlagUnSNATNewBit          = 20
	FlagUnSNATNotTrackedBit   = 21
	FlagIGMPSnoopInjectBit    = 22
	FlagPktSampledBit         = 23
	FlagRecircBit             = 24
	FlagNetworkIDOfs          = 28
	FlagNetworkIDBits         = 4
	FlagAllowLoopback         = 1 << FlagAllowLoopbackBit
	FlagRcvFromRamp           = 1 << FlagRcvFromRampBit
	FlagLocalOnly             = 1 << FlagLocalOnlyBit
	FlagNestedContainer       = 1 << FlagNestedContainerBit
	FlagLocalport             = 1 << FlagLocalportBit
	FlagLocalnet              = 1 << FlagLocalnetBit
	FlagRxFromTunnel          = 1 << FlagRxFromTunnelBit
	FlagOverrideLocalOnly     = 1 << FlagOverrideLocalOnlyBit
	FlagFromCtrl              = 1 << FlagFromCtrlBit
	FlagIGMPSnoopInject       = 1 << FlagIGMPSnoopInjectBit
	FlagRecirc                = 1 << FlagRecircBit
)

// Bits of ct_mark and ct_label (OVN uses the same places in both).
const (
	CtBlockedBit          = 0
	CtNATtedBit           = 1
	CtLBSkipSNATBit       = 2
	CtLBForceSNATBit      = 3
	CtObsStageOfs         = 4
	CtObsStageBits        = 2
	CtAllowEstablishedBit = 6
	CtNFBit               = 7
	CtTunIfBit            = 8
	CtNFIDOfs             = 17
	CtNFIDBits            = 8
	CtECMPEthOfs          = 32
	CtECMPEthBits         = 48
	CtTunIfIDOfs          = 80
	CtTunIfIDBits         = 16
)

// Geneve option that carries logical ports between chassis: class, type, length
// in bytes; bits 0-15 the output port, bits 16-30 the input port.
const (
	GeneveClass = 0x0102
	GeneveType  = 0x80
	GeneveLen   = 4

	GeneveOutportOfs, GeneveOutportBits = 0, 16
	GeneveInportOfs, GeneveInportBits   = 16, 15
)

// VXLAN has 24 bits for both keys.
const (
	VXLANDatapathOfs, VXLANDatapathBits = 0, 12
	VXLANOutportOfs, VXLANOutportBits   = 12, 12
)

// Keys of multicast groups start here; keys of ports are below.
const (
	MinMulticastKey = 32768
	MaxMulticastKey = 65535
)

// Opcode tells the packet-in loop which logical action punted a packet. It is
// the first four bytes, big-endian, of the controller action's userdata, followed
// by four bytes of padding. The numbers are those of the C agent so that flows
// compare equal.
type Opcode uint32

const (
	OpARP Opcode = iota
	OpPutARP
	OpPutDHCPOpts
	OpNDNA
	OpPutND
	OpPutDHCPv6Opts
	OpDNSLookup
	OpLog
	OpPutNDRAOpts
	OpNDNS
	OpICMP
	OpTCPReset
	OpNDNARouter
	OpPutICMP4FragMTU
	OpICMP4Error
	OpEvent
	OpIGMP
	OpBindVport
	OpHandleSvcCheck
	OpDHCP6Server
	OpICMP6Error
	OpPutICMP6FragMTU
	OpReject
	OpBFDMsg
	OpSCTPAbort
	OpPutFDB
	OpActivationStrategy
	OpSplitBuf
	OpDHCPRelayReqChk
	OpDHCPRelayRespChk
)

// OpRouterQuery is this agent's own: a copy of an ARP request or a neighbour
// solicitation that came out of a tunnel (ovn-mac-binding-tracking).
const OpRouterQuery Opcode = 63

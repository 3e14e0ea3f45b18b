package openflow

// Field is a field of a packet or of its metadata, as Open vSwitch knows it
// (ovs-fields(7)).
//
// The fields up to FieldMetadata are those that a canonical match is made of,
// numbered in the order in which ovs-vswitchd writes them in an OpenFlow 1.5
// match. The others are views of them: a register is half of an extended
// register, and so on (see MatchBuilder).
type Field uint8

// NumTunMetadata is the number of tunnel option fields.
const NumTunMetadata = 64

const (
	FieldPacketType Field = iota
	FieldDPHash
	FieldRecircID
	FieldConjID
	FieldInPortOXM // 32-bit OpenFlow 1.1+ port
	FieldActsetOutput
	FieldEthSrc
	FieldEthDst
	FieldEthType
	FieldVLANVID // 12 bits; bit 12 set if a tag is present
	FieldVLANPCP
	FieldMPLSTC
	FieldMPLSBOS
	FieldMPLSTTL
	FieldMPLSLabel
	FieldIPv4Src
	FieldIPv4Dst
	FieldIPv6Src
	FieldIPv6Dst
	FieldIPFrag
	FieldIPDSCP // 6 bits, right-aligned
	FieldIPECN
	FieldIPTTL
	FieldIPv6Label
	FieldIPProto
	FieldTCPSrc
	FieldTCPDst
	FieldTCPFlags
	FieldUDPSrc
	FieldUDPDst
	FieldSCTPSrc
	FieldSCTPDst
	FieldICMPv4Type
	FieldICMPv4Code
	FieldICMPv6Type
	FieldICMPv6Code
	FieldNDReserved
	FieldNDTarget
	FieldNDOptionsType
	FieldNDSLL
	FieldNDTLL
	FieldARPOp
	FieldARPSPA
	FieldARPTPA
	FieldARPSHA
	FieldARPTHA
	FieldTunID
	FieldTunFlags
	FieldTunSrc
	FieldTunDst
	FieldTunIPv6Src
	FieldTunIPv6Dst
	FieldTunGBPID
	FieldTunGBPFlags

	// FieldTunMetadata0 and the 63 fields after it are tunnel options. The
	// length of each is what the switch's TLV map says; this package knows
	// options of four bytes, which is what OVN uses.
	FieldTunMetadata0
)

const (
	FieldTunERSPANIdx = FieldTunMetadata0 + NumTunMetadata + iota
	FieldTunERSPANVer
	FieldTunERSPANDir
	FieldTunERSPANHWID
	FieldTunGTPUFlags
	FieldTunGTPUMsgType
	FieldNSHFlags
	FieldNSHTTL
	FieldNSHMDType
	FieldNSHNP
	FieldNSHSPI
	FieldNSHSI
	FieldNSHC1
	FieldNSHC2
	FieldNSHC3
	FieldNSHC4
	FieldXReg0 // reg0 (high half) and reg1
	FieldXReg1
	FieldXReg2
	FieldXReg3
	FieldXReg4
	FieldXReg5
	FieldXReg6
	FieldXReg7
	FieldPktMark
	FieldCtState
	FieldCtZone
	FieldCtMark
	FieldCtLabel
	FieldCtNwSrc
	FieldCtIPv6Src
	FieldCtNwDst
	FieldCtIPv6Dst
	FieldCtNwProto
	FieldCtTpSrc
	FieldCtTpDst
	FieldMetadata

	// Views.

	FieldReg0
	FieldReg1
	FieldReg2
	FieldReg3
	FieldReg4
	FieldReg5
	FieldReg6
	FieldReg7
	FieldReg8
	FieldReg9
	FieldReg10
	FieldReg11
	FieldReg12
	FieldReg13
	FieldReg14
	FieldReg15
	FieldXXReg0 // reg0 (highest) to reg3
	FieldXXReg1
	FieldXXReg2
	FieldXXReg3
	FieldInPort  // 16-bit port
	FieldVLANTCI // PCP, present bit, VID
	FieldIPTOS   // DSCP in the high 6 of 8 bits

	numFields
	// numSlots is the number of fields that matches store.
	numSlots = FieldMetadata + 1
)

// TunMetadata is the field of tunnel option n, 0 to NumTunMetadata-1.
func TunMetadata(n int) Field {
	if n < 0 || n >= NumTunMetadata {
		panic("openflow: no such tunnel option")
	}
	return FieldTunMetadata0 + Field(n)
}

// Reg is register n, 0 to 15.
func Reg(n int) Field {
	if n < 0 || n > 15 {
		panic("openflow: no such register")
	}
	return FieldReg0 + Field(n)
}

func (f Field) isTunMetadata() bool {
	return f >= FieldTunMetadata0 && f < FieldTunMetadata0+NumTunMetadata
}

// Bits of FieldCtState (ovs-fields(7)).
const (
	CsNew  = 1 << 0
	CsEst  = 1 << 1
	CsRel  = 1 << 2
	CsRpl  = 1 << 3
	CsInv  = 1 << 4
	CsTrk  = 1 << 5
	CsSnat = 1 << 6
	CsDnat = 1 << 7
)

// Bits of FieldIPFrag.
const (
	FragAny   = 1 << 0
	FragLater = 1 << 1
)

// TunFlagOAM is the one bit of FieldTunFlags.
const TunFlagOAM = 1

package openflow

// metaFlowOrder ranks f as Open vSwitch numbers fields (meta-flow.h): the order in
// which it writes lists of fields, where that of matches does not apply.
func (f Field) metaFlowOrder() int { return int(metaFlowRank[f]) }

var metaFlowRank = func() (rank [numFields]uint8) {
	n := uint8(0)
	add := func(fs ...Field) {
		for _, f := range fs {
			rank[f] = n
			n++
		}
	}
	add(
		FieldDPHash, FieldRecircID, FieldPacketType, FieldConjID, FieldTunID,
		FieldTunSrc, FieldTunDst, FieldTunIPv6Src, FieldTunIPv6Dst, FieldTunFlags,
		FieldTunGBPID, FieldTunGBPFlags, FieldTunERSPANIdx, FieldTunERSPANVer, FieldTunERSPANDir,
		FieldTunERSPANHWID, FieldTunGTPUFlags, FieldTunGTPUMsgType,
	)
	for i := range NumTunMetadata {
		add(TunMetadata(i))
	}
	add(
		FieldMetadata, FieldInPort, FieldInPortOXM, FieldActsetOutput,
		FieldPktMark, FieldCtState, FieldCtZone, FieldCtMark, FieldCtLabel,
		FieldCtNwProto, FieldCtNwSrc, FieldCtNwDst, FieldCtIPv6Src, FieldCtIPv6Dst,
		FieldCtTpSrc, FieldCtTpDst, FieldReg0, FieldReg1, FieldReg2,
		FieldReg3, FieldReg4, FieldReg5, FieldReg6, FieldReg7,
		FieldReg8, FieldReg9, FieldReg10, FieldReg11, FieldReg12,
		FieldReg13, FieldReg14, FieldReg15, FieldXReg0, FieldXReg1,
		FieldXReg2, FieldXReg3, FieldXReg4, FieldXReg5, FieldXReg6,
		FieldXReg7, FieldXXReg0, FieldXXReg1, FieldXXReg2, FieldXXReg3,
		FieldEthSrc, FieldEthDst, FieldEthType, FieldVLANTCI, FieldVLANVID,
		FieldVLANPCP, FieldMPLSLabel, FieldMPLSTC, FieldMPLSBOS, FieldMPLSTTL,
		FieldIPv4Src, FieldIPv4Dst, FieldIPv6Src, FieldIPv6Dst, FieldIPv6Label,
		FieldIPProto, FieldIPTOS, FieldIPDSCP, FieldIPECN, FieldIPTTL,
		FieldIPFrag, FieldARPOp, FieldARPSPA, FieldARPTPA, FieldARPSHA,
		FieldARPTHA, FieldTCPSrc, FieldTCPDst, FieldTCPFlags, FieldUDPSrc,
		FieldUDPDst, FieldSCTPSrc, FieldSCTPDst, FieldICMPv4Type, FieldICMPv4Code,
		FieldICMPv6Type, FieldICMPv6Code, FieldNDTarget, FieldNDSLL, FieldNDTLL,
		FieldNDReserved, FieldNDOptionsType, FieldNSHFlags, FieldNSHMDType, FieldNSHNP,
		FieldNSHSPI, FieldNSHSI, FieldNSHC1, FieldNSHC2, FieldNSHC3,
		FieldNSHC4, FieldNSHTTL,
	)
	return rank
}()

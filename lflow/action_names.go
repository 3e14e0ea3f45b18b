package lflow

import "github.com/ovn-chassis/ovn-chassis/pipeline"

// statement reads the action of that name, which stands at its beginning, and
// tells whether there is one.
func (p *actionParser) statement(name string) bool {
	read := statements(name)
	if read == nil {
		return false
	}
	p.lex.Next()
	read(p)
	return true
}

// statements finds the reader of an action that is not an assignment. The reader
// starts after the name and ends before the semicolon.
func statements(name string) func(*actionParser) {
	switch name {
	case "output":
		return (*actionParser).output
	case "next":
		return (*actionParser).next
	case "clone":
		return (*actionParser).clone
	case "push":
		return (*actionParser).push
	case "pop":
		return (*actionParser).pop
	case "ip.ttl":
		return (*actionParser).decTTL
	case "mirror":
		return (*actionParser).mirror
	case "flood_remote":
		return resubmitTo(pipeline.TableFloodRemoteChassis)
	case "mac_cache_use":
		return resubmitTo(pipeline.TableMACCacheUse)
	case "ct_snat_to_vip":
		return resubmitTo(pipeline.TableCtSNATHairpin)

	case "ct_next":
		return (*actionParser).ctNext
	case "ct_commit":
		return (*actionParser).ctCommit
	case "ct_commit_to_zone":
		return (*actionParser).ctCommitToZone
	case "ct_commit_nat":
		return (*actionParser).ctCommitNAT
	case "ct_dnat":
		return func(p *actionParser) { p.ctNAT(true, natZoneDNAT) }
	case "ct_snat":
		return func(p *actionParser) { p.ctNAT(false, natZoneSNAT) }
	case "ct_dnat_in_czone":
		return func(p *actionParser) { p.ctNAT(true, natZoneCommon) }
	case "ct_snat_in_czone":
		return func(p *actionParser) { p.ctNAT(false, natZoneCommon) }
	case "ct_clear":
		return (*actionParser).ctClear
	case "ct_lb":
		return func(p *actionParser) { p.ctLB(lbLabel) }
	case "ct_lb_mark":
		return func(p *actionParser) { p.ctLB(lbMark) }
	case "ct_lb_mark_local":
		return func(p *actionParser) { p.ctLB(lbMarkLocal) }
	case "commit_lb_aff":
		return (*actionParser).commitLBAff
	case "commit_ecmp_nh":
		return (*actionParser).commitECMPNexthop
	case "fwd_group":
		return (*actionParser).fwdGroup

	case "get_arp":
		return func(p *actionParser) { p.getNeighbour(neighbour4) }
	case "get_nd":
		return func(p *actionParser) { p.getNeighbour(neighbour6) }
	case "put_arp":
		return func(p *actionParser) { p.putNeighbour(neighbour4) }
	case "put_nd":
		return func(p *actionParser) { p.putNeighbour(neighbour6) }
	case "put_fdb":
		return (*actionParser).putFDB

	case "arp":
		return punt(pipeline.OpARP, "ip")
	case "nd_ns":
		return punt(pipeline.OpNDNS, "ip")
	case "nd_na":
		return punt(pipeline.OpNDNA, "nd_ns")
	case "nd_na_router":
		return punt(pipeline.OpNDNARouter, "nd_ns")
	case "icmp4":
		return punt(pipeline.OpICMP, "ip4")
	case "icmp4_error":
		return punt(pipeline.OpICMP4Error, "ip4")
	case "icmp6":
		return punt(pipeline.OpICMP, "ip6")
	case "icmp6_error":
		return punt(pipeline.OpICMP6Error, "ip6")
	case "tcp_reset":
		return punt(pipeline.OpTCPReset, "tcp")
	case "sctp_abort":
		return punt(pipeline.OpSCTPAbort, "sctp")
	case "reject":
		return punt(pipeline.OpReject, "")
	case "igmp":
		return puntPlain(pipeline.OpIGMP)
	case "handle_dhcpv6_reply":
		return puntPlain(pipeline.OpDHCP6Server)
	case "handle_bfd_msg":
		return (*actionParser).handleBFD
	case "bind_vport":
		return (*actionParser).bindVport
	case "handle_svc_check":
		return (*actionParser).handleSvcCheck
	case "trigger_event":
		return (*actionParser).triggerEvent

	case "log":
		return (*actionParser).log
	case "sample":
		return (*actionParser).sample
	case "set_queue":
		return (*actionParser).setQueue
	case "set_meter":
		return (*actionParser).setMeter
	}
	return nil
}

// function reads "name(…)" that leaves its result in lhs, and tells whether
// there is one of that name.
func (p *actionParser) function(lhs FieldRef, name string) bool {
	read := functions(name)
	if read == nil {
		return false
	}
	p.call()
	read(p, lhs)
	return true
}

// functions finds the reader of what follows "lhs = name(".
func functions(name string) func(*actionParser, FieldRef) {
	switch name {
	case "select":
		return (*actionParser).selectValue
	case "check_pkt_larger":
		return (*actionParser).checkPktLarger

	case "lookup_arp":
		return func(p *actionParser, lhs FieldRef) { p.lookupNeighbour(lhs, neighbour4) }
	case "lookup_nd":
		return func(p *actionParser, lhs FieldRef) { p.lookupNeighbour(lhs, neighbour6) }
	case "lookup_arp_ip":
		return func(p *actionParser, lhs FieldRef) { p.lookupNeighbourIP(lhs, neighbour4) }
	case "lookup_nd_ip":
		return func(p *actionParser, lhs FieldRef) { p.lookupNeighbourIP(lhs, neighbour6) }
	case "get_fdb":
		return func(p *actionParser, lhs FieldRef) { p.getFDB(lhs, pipeline.TableGetFDB, pipeline.RegOutport) }
	case "get_remote_fdb":
		return func(p *actionParser, lhs FieldRef) {
			p.getFDB(lhs, pipeline.TableGetRemoteFDB, pipeline.RegRemoteOutport)
		}
	case "lookup_fdb":
		return (*actionParser).lookupFDB

	case "chk_lb_hairpin":
		return lookupFlag(pipeline.TableChkLBHairpin, pipeline.FlagLookupLBHairpinBit)
	case "chk_lb_hairpin_reply":
		return lookupFlag(pipeline.TableChkLBHairpinReply, pipeline.FlagLookupLBHairpinBit)
	case "chk_lb_aff":
		return lookupFlag(pipeline.TableChkLBAffinity, pipeline.FlagUseLBAffSessionBit)
	case "chk_ecmp_nh":
		return lookupFlag(pipeline.TableECMPNexthop, pipeline.FlagLookupCommitECMPNHBit)
	case "chk_ecmp_nh_mac":
		return lookupFlag(pipeline.TableECMPNexthopMAC, pipeline.FlagLookupCommitECMPNHBit)
	case "check_in_port_sec":
		return lookupFlag(pipeline.TableChkInPortSec, pipeline.FlagCheckPortSecBit)
	case "check_out_port_sec":
		return lookupFlag(pipeline.TableChkOutPortSec, pipeline.FlagCheckPortSecBit)

	case "ct_nw_dst":
		return lookupRegister(pipeline.TableCtOrigNwDstLoad, pipeline.RegResult, 32)
	case "ct_ip6_dst":
		return lookupRegister(pipeline.TableCtOrigIP6DstLoad, pipeline.RegResult, 128)
	case "ct_tp_dst":
		return lookupRegister(pipeline.TableCtOrigTpDstLoad, pipeline.RegResult, 16)
	case "ct_proto":
		return lookupRegister(pipeline.TableCtOrigProtoLoad, pipeline.RegResult, 8)
	case "ct_state_save":
		return (*actionParser).ctStateSave

	case "put_dhcp_opts":
		return (*actionParser).putDHCPv4
	case "put_dhcpv6_opts":
		return (*actionParser).putDHCPv6
	case "put_nd_ra_opts":
		return (*actionParser).putNDRA
	case "dns_lookup":
		return (*actionParser).dnsLookup
	case "dhcp_relay_req_chk":
		return func(p *actionParser, lhs FieldRef) { p.dhcpRelay(lhs, pipeline.OpDHCPRelayReqChk) }
	case "dhcp_relay_resp_chk":
		return func(p *actionParser, lhs FieldRef) { p.dhcpRelay(lhs, pipeline.OpDHCPRelayRespChk) }
	}
	return nil
}

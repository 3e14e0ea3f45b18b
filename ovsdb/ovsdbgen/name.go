package main

import "strings"

// initialisms are the words that Go names spell in other than Title case. OVN's
// and Open vSwitch's own abbreviations count.
var initialisms = map[string]string{
	"acl": "ACL", "bfd": "BFD", "ca": "CA", "cfm": "CFM", "ct": "CT", "db": "DB",
	"dhcp": "DHCP", "dhcpv6": "DHCPv6", "dns": "DNS", "dp": "DP", "dpdk": "DPDK",
	"dscp": "DSCP", "ecmp": "ECMP", "fdb": "FDB", "ha": "HA", "id": "ID", "ids": "IDs",
	"igmp": "IGMP", "ip": "IP", "ip4": "IP4", "ip6": "IP6", "ipfix": "IPFIX",
	"ipsec": "IPsec", "lacp": "LACP", "lldp": "LLDP", "lr": "LR", "ls": "LS",
	"mac": "MAC", "mpid": "MPID", "mpids": "MPIDs", "mtu": "MTU", "netflow": "NetFlow",
	"ovs": "OVS", "qos": "QoS", "rbac": "RBAC", "rstp": "RSTP", "sb": "SB", "sflow": "SFlow",
	"ssl": "SSL", "stp": "STP", "udp": "UDP", "tcp": "TCP", "uuid": "UUID", "vips": "VIPs",
	"vlan": "VLAN", "vlans": "VLANs", "cvlans": "CVLANs", "vswitch": "VSwitch",
	"autoattach": "AutoAttach", "icmp": "ICMP", "vtep": "VTEP",
}

// goName turns the name of a table or column into an exported Go name.
func goName(name string) string {
	var b strings.Builder
	for _, word := range words(name) {
		if s, ok := initialisms[strings.ToLower(word)]; ok {
			b.WriteString(s)
		} else {
			b.WriteString(strings.ToUpper(word[:1]) + strings.ToLower(word[1:]))
		}
	}
	return b.String()
}

// unexported turns the name of a table into an unexported Go name.
func unexported(name string) string {
	first, rest := words(name)[0], words(name)[1:]
	return strings.ToLower(first) + goName(strings.Join(rest, "_"))
}

func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' })
}

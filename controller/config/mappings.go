package config

import (
	"fmt"
	"net"
	"strings"
)

// Mapping is one entry of ovn-bridge-mappings.
type Mapping struct{ Network, Bridge string }

// ParseBridgeMappings reads "net:bridge,…". Malformed entries are left out and
// named in problems; of two entries for one network the first counts.
func ParseBridgeMappings(s string) (out []Mapping, problems []string) {
	seen := map[string]bool{}
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		network, bridge, ok := strings.Cut(e, ":")
		if !ok || network == "" || bridge == "" {
			problems = append(problems, fmt.Sprintf("bridge mappings: not of the form network:bridge: %q", e))
			continue
		}
		if !seen[network] {
			seen[network] = true
			out = append(out, Mapping{network, bridge})
		}
	}
	return out, problems
}

// ParseChassisMACs reads "net:aa:bb:cc:dd:ee:ff,…" of one chassis.
func ParseChassisMACs(s string) (map[string]net.HardwareAddr, []string) {
	out := map[string]net.HardwareAddr{}
	var problems []string
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		network, text, _ := strings.Cut(e, ":")
		mac, err := net.ParseMAC(text)
		if err != nil || len(mac) != 6 || network == "" {
			problems = append(problems, fmt.Sprintf("chassis mac mappings: not of the form network:mac: %q", e))
			continue
		}
		if _, ok := out[network]; !ok {
			out[network] = mac
		}
	}
	return out, problems
}

package maccache

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Thresholds say how long an address may go unused before northd takes its row
// away: ENTRY[;ENTRY...], each [CIDR:]SECONDS, 0 for never (ovn-nb(5), Logical_Router
// option mac_binding_age_threshold). northd gives chassis the shortest alone; the
// long form is read as well.
type Thresholds struct {
	prefixes []prefixThreshold // longest prefix first
	rest     time.Duration
}

type prefixThreshold struct {
	prefix netip.Prefix
	age    time.Duration
}

// ParseThresholds reads the value of a datapath's external id; "" is no threshold.
func ParseThresholds(s string) (t Thresholds, err error) {
	for entry := range strings.SplitSeq(s, ";") {
		if entry == "" {
			continue
		}
		cidr, seconds := "", entry
		if i := strings.LastIndexByte(entry, ':'); i >= 0 {
			cidr, seconds = entry[:i], entry[i+1:]
		}
		n, err := strconv.ParseUint(seconds, 10, 32)
		if err != nil {
			return Thresholds{}, fmt.Errorf("%q is not a number of seconds", seconds)
		}
		age := time.Duration(n) * time.Second
		if cidr == "" {
			t.rest = age
			continue
		}
		p, err := parsePrefix(cidr)
		if err != nil {
			return Thresholds{}, err
		}
		if p.Bits() == 0 {
			t.rest = age
			continue
		}
		t.prefixes = append(t.prefixes, prefixThreshold{p, age})
	}
	slices.SortStableFunc(t.prefixes, func(a, b prefixThreshold) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return t, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network", s)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// Of is the threshold of an address, 0 if it does not age. The invalid address has
// that of addresses in none of the networks.
func (t *Thresholds) Of(ip netip.Addr) time.Duration {
	for _, p := range t.prefixes {
		if p.prefix.Contains(ip) {
			return p.age
		}
	}
	return t.rest
}

// Shortest is the shortest threshold, 0 if nothing ages.
func (t *Thresholds) Shortest() time.Duration {
	shortest := t.rest
	for _, p := range t.prefixes {
		if p.age != 0 && (shortest == 0 || p.age < shortest) {
			shortest = p.age
		}
	}
	return shortest
}

// share is the part of a threshold between two looks at the statistics, and again
// between two updates of one row. A row that is used to send only is asked for one
// such time before it is seen again, so that twice the sum of both must stay below
// the threshold, with a tenth left for the way of the answer.
func share(threshold time.Duration) time.Duration { return 3 * threshold / 16 }

package portaddr

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "none",
		"unknown":           "none",
		"router":            "none",
		"02:00:00:00:00:0a": "02:00:00:00:00:0a [] invalid IP invalid IP",
		"02:00:00:00:00:0a 10.0.0.1 10.0.0.2/24 fd00::1/64":      "02:00:00:00:00:0a [10.0.0.1 10.0.0.2 fd00::1] 10.0.0.1 fd00::1",
		"02:00:00:00:00:0a fd00::1 is_chassis_resident 10.0.0.1": "02:00:00:00:00:0a [fd00::1] invalid IP fd00::1",
		"02:00:00:00:00:0a fe80::1%eth0":                         "02:00:00:00:00:0a [] invalid IP invalid IP",
	} {
		got := "none"
		if a, ok := Parse(in); ok {
			got = fmt.Sprintf("%v %v %v %v", a.MAC, a.IPs, a.First(netip.IPv4Unspecified()), a.First(netip.IPv6Unspecified()))
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestLinkLocal(t *testing.T) {
	a, _ := Parse("00:00:00:00:ff:04")
	if got := LinkLocal(a.MAC).String(); got != "fe80::200:ff:fe00:ff04" {
		t.Error(got)
	}
}

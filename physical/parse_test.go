package physical

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestParse shows what each parser makes of a line:
//
//	port_security   an element of the column port_security
//	mac             an element of the column mac
//	vip             KEY VALUE of the column vips
//	snat            option hairpin_snat_ip
func TestParse(t *testing.T) {
	datadriven.RunTest(t, "testdata/parse", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		for line := range strings.Lines(d.Input) {
			line = strings.TrimSuffix(line, "\n")
			switch d.Cmd {
			case "port_security":
				e, err := parseSecurityEntry(line)
				if err != nil {
					fmt.Fprintf(&b, "error: %v\n", err)
					continue
				}
				fmt.Fprintf(&b, "%s%s\n", eth(e.mac), entryText(e))
			case "mac":
				p, ok := parsePortAddresses(line)
				fmt.Fprintf(&b, "%t %s %v\n", ok, eth(p.mac), p.ips)
			case "vip":
				key, value, _ := strings.Cut(line, " ")
				v, err := parseVIP(key, value)
				if err != nil {
					fmt.Fprintf(&b, "error: %v\n", err)
					continue
				}
				fmt.Fprintf(&b, "%v -> %v\n", v.addr, v.backends)
			case "snat":
				v4, v6, err := parseHairpinSNAT(line)
				fmt.Fprintln(&b, v4, v6, err)
			default:
				t.Fatalf("unknown command %q", d.Cmd)
			}
		}
		return b.String()
	})
}

func eth(a ethAddr) string {
	var s []string
	for i := 40; i >= 0; i -= 8 {
		s = append(s, fmt.Sprintf("%02x", byte(a>>i)))
	}
	return strings.Join(s, ":")
}

func entryText(e securityEntry) string {
	var b strings.Builder
	for _, ip := range e.ip4 {
		fmt.Fprintf(&b, " %v/%d", ipText(ip.addr, 32), ip.mask.OnesCount())
		if ip.broadcast != 0 {
			fmt.Fprintf(&b, "(broadcast %v)", ipText(u128(uint64(ip.broadcast)), 32))
		}
	}
	for _, ip := range e.ip6 {
		fmt.Fprintf(&b, " %v/%d", ipText(ip.addr, 128), ip.mask.OnesCount())
	}
	for _, m := range append(e.vrrp4, e.vrrp6...) {
		fmt.Fprintf(&b, " vrrp %s/%d", eth(m.addr), m.prefixLen())
	}
	return b.String()
}

func ipText(v openflow.U128, width int) netip.Addr {
	if width == 32 {
		return netip.AddrFrom4([4]byte{byte(v.Lo >> 24), byte(v.Lo >> 16), byte(v.Lo >> 8), byte(v.Lo)})
	}
	var b [16]byte
	for i := range b {
		b[i] = byte(v.Shr(8 * (15 - i)).Lo)
	}
	return netip.AddrFrom16(b)
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"00:00:00:00:01:01 10.0.0.11 fd00::11", "VRRPv3 00:00:00:00:11:02 00:00:5e:00:01:0a 00:00:5e:00:02:00/40",
		"[fd09::1]:80", "10.0.0.1:80,10.0.0.2:80", "unknown", "phys:aa:bb:cc:dd:ee:11,other:x", "0:0:0:0:0:0/48 ::/0 1.2.3.4/255.0.0.0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := parseSecurityEntry(s); err == nil {
			if e.mac > ethExact {
				t.Errorf("MAC of %d bits", 64)
			}
			for _, ip := range e.ip4 {
				if ip.mask.OnesCount() > 32 || !ip.addr.AndNot(prefixMask(32, 32)).IsZero() {
					t.Errorf("IPv4 too wide: %+v", ip)
				}
			}
			for _, m := range append(e.vrrp4, e.vrrp6...) {
				if m.addr&^m.mask != 0 || m.prefixLen() < 40 {
					t.Errorf("virtual router: %+v", m)
				}
			}
		}
		if p, ok := parsePortAddresses(s); ok {
			for _, ip := range p.ips {
				if !ip.IsValid() || ip.Is4In6() {
					t.Errorf("address %v", ip)
				}
			}
		}
		key, value, _ := strings.Cut(s, " ")
		if v, err := parseVIP(key, value); err == nil {
			for _, b := range v.backends {
				if b.Addr().Is4() != v.addr.Addr().Is4() || (b.Port() == 0) != (v.addr.Port() == 0) {
					t.Errorf("VIP %v with backend %v", v.addr, b)
				}
			}
		}
		parseHairpinSNAT(s)
		mappedMAC(s, key)
		firstEth(s)
	})
}

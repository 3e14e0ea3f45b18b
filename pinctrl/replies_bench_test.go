package pinctrl

import (
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// discard is a switch that forgets.
type discard struct{}

func (discard) Send(openflow.Message) (uint32, error) { return 0, nil }

// BenchmarkReplies is one answer of each kind, from packet-in to message.
func BenchmarkReplies(b *testing.B) {
	cases := map[string]replyCase{}
	for _, c := range allCases(&testing.T{}) {
		cases[c.name] = c
	}
	for _, name := range []string{
		"put_dhcp_opts/type-1", "put_dhcp_opts/type-3", "put_dhcpv6_opts/type-1", "dns_lookup/vm1.ovn.org-1-false",
		"put_nd_ra_opts/plain", "reject/tcp-syn-false", "reject/udp-4", "icmp6_error/mtu-1400-6", "log/tcp",
	} {
		c, ok := cases[name]
		if !ok {
			b.Fatalf("no case %s", name)
		}
		b.Run(name, func(b *testing.B) {
			now := time.Unix(0, 0)
			l := New(Config{Names: names(testNames), Now: func() time.Time { return now }})
			l.conn = discard{}
			in := c.in()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second / answersPerSecond)
				l.packetIn(in)
			}
		})
	}
}

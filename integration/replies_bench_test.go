package integration_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// BenchmarkReplies is how fast packet-ins are answered, by both agents in one run.
// 10,000 at a time wait for their answers.
func BenchmarkReplies(b *testing.B) {
	text, err := os.ReadFile(repliesFile)
	if err != nil {
		b.Fatal(err)
	}
	cases := map[string]map[string]string{}
	for p := range strings.SplitSeq(string(text), "\n\n") {
		f := fields(p)
		cases[f["case"]] = f
	}
	const batch = 10_000
	for _, kind := range []integration.AgentKind{integration.Reference, integration.Ours} {
		b.Run(kind.String(), func(b *testing.B) {
			_, tap := tapped(b, kind)
			for name, of := range map[string][]string{
				"DHCP":   {"put_dhcp_opts/type-1", "put_dhcp_opts/type-3"},
				"DHCPv6": {"put_dhcpv6_opts/type-1", "put_dhcpv6_opts/type-3"},
				"DNS":    {"dns_lookup/case-false", "dns_lookup/ptr-false"},
				"RA":     {"put_nd_ra_opts/plain"},
			} {
				var messages [][]byte
				for _, c := range of {
					messages = append(messages, packetIn(b, cases[c]))
				}
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						tap.AskFor(batch, messages...)
					}
					b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "answers/s")
				})
			}
		})
	}
}

package pinctrl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// ask is the answer to a question about the addresses of a name, by a library's
// reading, and how often which event was counted.
func ask(t *testing.T, data string) (*layers.DNS, map[string]int, []byte) {
	t.Helper()
	b := newBench(t)
	events := map[string]int{}
	b.Loop.cfg.Names = names{"vm": {Data: data}}
	b.Loop.cfg.Count = func(e string) { events[e]++ }
	c := &cases{t: t}
	in := punt(pipeline.OpDNSLookup, c.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(40000, 53, question("VM", dnsA, nil))}), func(*openflow.MatchBuilder) {})
	in.Userdata = append(in.Userdata[:opcodeLen:opcodeLen], result()...)
	b.packetIn(in)
	r := b.sent[0].(*openflow.Resume)
	p := gopacket.NewPacket(r.Packet, layers.LayerTypeEthernet, gopacket.Default)
	d, ok := p.Layer(layers.LayerTypeDNS).(*layers.DNS)
	if !ok {
		t.Fatalf("not DNS: %v", p)
	}
	return d, events, r.Packet
}

// The order of addresses varies, so that each gets its share of clients.
func TestDNSOrder(t *testing.T) {
	first := map[string]int{}
	for range 200 {
		d, events, _ := ask(t, "10.0.0.1 10.0.0.2 fd00::3 10.0.0.4/24")
		if len(d.Answers) != 3 || !d.QR || d.ResponseCode != 0 {
			t.Fatalf("answer %+v", d)
		}
		first[d.Answers[0].IP.String()]++
		if events["dns_query_total"] != 1 || events["dns_query_type_a"] != 1 || events["dns_cache_hit"] != 1 || events["dns_response_sent"] != 1 {
			t.Fatalf("counted %v", events)
		}
	}
	for _, a := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.4"} {
		if first[a] < 20 {
			t.Errorf("%s was first %d times of 200", a, first[a])
		}
	}
}

// A name with thousands of addresses has an answer that can be sent.
func TestDNSBound(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "10.0.%d.%d ", i>>8, i&255)
	}
	d, _, packet := ask(t, b.String())
	if len(packet) > maxAnswer || len(packet) < maxAnswer/2 || int(d.ANCount) != len(d.Answers) {
		t.Errorf("%d bytes with %d of %d answers", len(packet), len(d.Answers), d.ANCount)
	}
}

// TestDNSCounters: every query is counted as the C agent counts it.
func TestDNSCounters(t *testing.T) {
	known := names{"vm": {Data: "10.0.0.1", Owned: true}, "1.0.0.10.in-addr.arpa": {Data: "vm"}}
	for _, c := range []struct {
		message []byte
		want    string
	}{
		{question("vm", dnsA, nil), "dns_cache_hit dns_query_type_a dns_response_sent"},
		{question("vm", dnsAAAA, nil), "dns_cache_hit dns_query_type_aaaa dns_response_sent dns_unsupported_ovn_owned"},
		{question("vm", dnsANY, nil), "dns_cache_hit dns_query_type_any dns_response_sent"},
		{question("1.0.0.10.in-addr.arpa", dnsPTR, nil), "dns_cache_hit dns_query_type_ptr dns_response_sent"},
		{question("other", dnsA, nil), "dns_cache_miss dns_query_type_a"},
		{question("vm", 15, nil), "dns_query_type_other"},
		{question("vm", dnsA, func(b []byte) { b[dnsFlags] |= dnsResponse }), "dns_skipped_not_request"},
		{question("vm", dnsA, func(b []byte) { b[dnsQDCount+1] = 0 }), "dns_error_no_query"},
		{question("vm", dnsA, func(b []byte) { b[dnsHeader] = 60 }), "dns_error_parse_failure"},
		{question("vm", dnsA, nil)[:dnsHeader-1], "dns_error_truncated"},
	} {
		b := newBench(t)
		var got []string
		b.Loop.cfg.Names = known
		b.Loop.cfg.Count = func(e string) {
			if strings.HasPrefix(e, "dns_") {
				got = append(got, e)
			}
		}
		cs := &cases{t: t}
		in := punt(pipeline.OpDNSLookup, cs.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(40000, 53, c.message)}), func(*openflow.MatchBuilder) {})
		in.Userdata = append(in.Userdata[:opcodeLen:opcodeLen], result()...)
		b.packetIn(in)
		slices.Sort(got)
		if i := slices.Index(got, "dns_query_total"); i < 0 || strings.Join(slices.Delete(got, i, i+1), " ") != c.want {
			t.Errorf("%q: counted %v, want %s and dns_query_total", c.message, got, c.want)
		}
	}
}

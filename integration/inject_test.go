package integration_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

const injectNetwork = `
ls-add sw0
lsp-add sw0 p1
lsp-set-addresses p1 unknown
lsp-add sw0 p2
lsp-set-addresses p2 "00:00:00:00:01:02 10.0.0.2 fd00::2"
create Address_Set name=one addresses="192.0.2.1"
create Address_Set name=two addresses="192.0.2.1,192.0.2.2"
`

// injected are microflows behind inport, eth.src and eth.dst.
var injected = []string{
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && ip.ttl == 64 && udp && udp.src == 53 && udp.dst == 4369",
	"ip4.src == $one && ip4.dst == 10.0.0.2 && ip.ttl == 3 && tcp && tcp.src == 1 && tcp.dst == 80 && tcp.flags == 2",
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && tcp && tcp.flags == 0x18",
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && icmp4.type == 8 && icmp4.code == 0",
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && icmp4.type == 3 && icmp4.code == 4",
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && ip.proto == 2",
	"ip4 && ip4.src == 192.0.2.1 && ip4.dst == 10.0.0.2 && ip.proto == 17 && ip.is_frag && ip.later_frag",
	"ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 255 && icmp6.type == 128 && icmp6.code == 0",
	"ip6.src == fd00::1 && ip6.dst == fd00::2 && udp.src == 546 && udp.dst == 547",
	"ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 255 && nd_ns && nd.target == fd00::9 && nd.sll == 02:00:00:00:00:09",
	"ip6.src == fd00::1 && ip6.dst == fd00::2 && ip.ttl == 255 && nd_na && nd.target == fd00::9 && nd.tll == 02:00:00:00:00:09",
	"arp.op == 1 && arp.spa == 192.0.2.1 && arp.sha == 02:00:00:00:00:09 && arp.tpa == 192.0.2.77",
	"eth.type == 0x1234",
}

// notInjected are microflows that are refused, with what ours says.
var notInjected = map[string]string{
	`inport == "p1" && tcp.src == 80`:          "ambiguous",
	`inport == "p1" && ip4.src == $two`:        "ambiguous",
	`inport == "p1" && ip4.src == $none`:       "none",
	`inport == "p1" && ip4 && ip6`:             "contradictory",
	`inport == "p9" && ip4`:                    "ingress port not found on hypervisor",
	`ip4`:                                      "ingress port not found on hypervisor",
	`inport == "p1" && ip4.src == 10.0.0.`:     "10.0.0.",
	`inport == "p1" && ip4.src == 192.0.2.1 )`: ")",
}

// TestInjectPacket: a microflow becomes the packet that the C agent makes of it, and
// goes where a packet of that port would.
func TestInjectPacket(t *testing.T) {
	t.Parallel()
	var got [2][]string
	for k, kind := range []integration.AgentKind{integration.Reference, integration.Ours} {
		c := integration.NewCluster(t, integration.Options{Agent: kind, NoVerify: true})
		ch := c.AddChassis("hv1")
		c.NB(injectNetwork)
		ch.AddGuest(guest(0, 1))
		received := ch.AddGuest(guest(0, 2)).Capture()
		c.WaitUp("p1", "p2")
		c.WaitHV()
		for i, text := range injected {
			src := []byte{2, 0, 0, 0, 1, byte(i)}
			reply, err := ch.Agent.Ctl("inject-pkt", fmt.Sprintf(
				`inport == "p1" && eth.src == 02:00:00:00:01:%02x && eth.dst == 00:00:00:00:01:02 && %s`, i, text))
			if err != nil || reply != "" {
				t.Fatalf("%v, %s: %v %s", kind, text, err, reply)
			}
			var packet string
			received.WaitFor(10*time.Second, 1, text, func(p []byte) bool {
				if !bytes.Equal(p[6:12], src) {
					return false
				}
				packet = hex.EncodeToString(p)
				return true
			})
			got[k] = append(got[k], packet)
		}
		for text, want := range notInjected {
			reply, err := ch.Agent.Ctl("inject-pkt", text)
			if err == nil || kind == integration.Ours && !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %s: reply %q, error %v", kind, text, reply, err)
			}
		}
	}
	for i, text := range injected {
		if got[0][i] != got[1][i] {
			t.Errorf("%s:\nreference %s\nours      %s", text, got[0][i], got[1][i])
		}
	}
}

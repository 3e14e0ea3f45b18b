package integration_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Messages and options of DHCPv6, RFC 8415.
const (
	solicit, advertise, request, renew, rebind, reply = 1, 2, 3, 5, 6, 7

	optClientID, optServerID, optIAPD, optIAPrefix = 1, 2, 25, 26
)

// delegator is a delegating router: it gives any client the same prefix, to be
// renewed after a second.
type delegator struct {
	prefix netip.Prefix

	mu   sync.Mutex // guards what follows
	seen []byte     // messages
	mute bool       // it does not answer RENEW
	hint netip.Prefix
}

// options are the options of a message by code.
func options(b []byte) map[uint16][]byte {
	out := map[uint16][]byte{}
	for len(b) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			break
		}
		out[binary.BigEndian.Uint16(b)], b = b[4:n], b[n:]
	}
	return out
}

func appendOption(b []byte, code uint16, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

// answer is the answer to a message, nil for none.
func (d *delegator) answer(m []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(m) < 4 {
		return nil
	}
	o := options(m[4:])
	ia := o[optIAPD]
	if len(ia) < 12 || o[optClientID] == nil {
		return nil
	}
	d.seen = append(d.seen, m[0])
	typ := byte(reply)
	switch m[0] {
	case solicit:
		typ = advertise
		if p := options(ia[12:])[optIAPrefix]; len(p) >= 25 {
			d.hint = netip.PrefixFrom(netip.AddrFrom16([16]byte(p[9:25])), int(p[8]))
		}
	case renew:
		if d.mute {
			return nil
		}
	}
	p := []byte{0, 0, 0, 60, 0, 0, 0, 60, byte(d.prefix.Bits())}
	p = append(p, d.prefix.Addr().AsSlice()...)
	given := append(slices.Clone(ia[:4]), 0, 0, 0, 1, 0, 0, 0, 3)
	b := append([]byte{typ}, m[1:4]...)
	b = appendOption(b, optClientID, o[optClientID])
	b = appendOption(b, optServerID, []byte{0, 3, 0, 1, 0, 0, 0, 0, 0xee, 1})
	return appendOption(b, optIAPD, appendOption(given, optIAPrefix, p))
}

// waitFor waits until a message has been seen n times.
func (d *delegator) waitFor(t *testing.T, message byte, n int) {
	t.Helper()
	integration.WaitFor(t, 20*time.Second, fmt.Sprintf("message %d", message), func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		got := 0
		for _, m := range d.seen {
			if m == message {
				got++
			}
		}
		if got < n {
			return fmt.Errorf("messages %v", d.seen)
		}
		return nil
	})
}

func (d *delegator) set(fn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn()
}

// serve answers on a host until the test ends.
func (d *delegator) serve(t *testing.T, host *integration.Guest) {
	t.Helper()
	var conn *net.UDPConn
	if err := host.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = net.ListenMulticastUDP("udp6", i, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 2048)
		for {
			n, peer, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if a := d.answer(buf[:n]); a != nil {
				_, _ = conn.WriteToUDP(a, peer)
			}
		}
	}()
}

// TestPrefixDelegation: a router port gets a prefix from a delegating router on the
// physical network, renews it, asks others when that one is silent, and after a
// restart asks for the same again.
func TestPrefixDelegation(t *testing.T) {
	c, hv1, _ := start(t, integration.Options{})
	hv1.AddPhysical("physnet1")
	host := c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01", IPs: []string{"192.0.2.100/24", "2001:db8::100/64"}})
	d := &delegator{prefix: netip.MustParsePrefix("2001:db8:100::/56")}
	d.serve(t, host)
	c.NB(gateway + `
set Logical_Router_Port gw0-ext options:prefix_delegation=true
set Logical_Router_Port gw0-join options:prefix=true
`)
	given := func(want string) {
		t.Helper()
		integration.WaitFor(t, 20*time.Second, "prefix", func() error {
			list := c.SB("--bare", "get", "Port_Binding", "gw0-join", "options:ipv6_ra_pd_list")
			_, got, _ := strings.Cut(strings.Trim(list, `"`), ":")
			if nb := c.NB("--bare", "get", "Logical_Router_Port", "gw0-join", "ipv6_prefix"); got != want || !strings.Contains(nb, want) {
				return fmt.Errorf("southbound %s, northbound %s", list, nb)
			}
			return nil
		})
	}
	d.waitFor(t, request, 1)
	integration.WaitFor(t, 10*time.Second, "ipv6_ra_pd_list", func() error {
		if c.SB("--bare", "--columns=_uuid", "find", "Port_Binding", "logical_port=gw0-join", "options:ipv6_ra_pd_list!=none") == "" {
			return fmt.Errorf("no option yet")
		}
		return nil
	})
	given("2001:db8:100::/56")
	d.waitFor(t, renew, 2)
	// The server is silent, then somebody else gives another prefix.
	d.set(func() { d.mute = true })
	d.waitFor(t, rebind, 1)
	d.set(func() { d.mute, d.prefix = false, netip.MustParsePrefix("2001:db8:200::/60") })
	given("2001:db8:200::/60")
	hv1.Agent.Kill()
	d.set(func() { d.seen = nil })
	hv1.StartAgent()
	d.waitFor(t, solicit, 1)
	d.waitFor(t, request, 1)
	d.set(func() {
		if d.hint != d.prefix {
			t.Errorf("after a restart %v is asked for", d.hint)
		}
	})
	given("2001:db8:200::/60")
}

package pinctrl

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// run lets the clock go on by ticks and returns the times, in milliseconds from
// now on, at which packets were sent.
func (b *bench) run(d time.Duration) (at []int64) {
	start := b.now
	for b.now.Before(start.Add(d)) {
		b.now = b.now.Add(100 * time.Millisecond)
		n := len(b.sent)
		b.sendDue()
		for range len(b.sent) - n {
			at = append(at, b.now.Sub(start).Milliseconds())
		}
	}
	return at
}

func TestAnnouncements4(t *testing.T) {
	b := newBench(t)
	a := Announcement{PortKey{3, 7}, macA, netip.MustParseAddr("10.0.0.1")}
	b.Announce(nil, []Announcement{a})
	b.sendDue()
	// A second after, then at intervals of 1, 2, 4 and 8 seconds, and then no more.
	if got, want := fmt.Sprint(b.run(100*time.Second)), "[1000 2000 4000 8000 16000]"; got != want {
		t.Errorf("sent at %s, want %s", got, want)
	}
	b.sent = b.sent[:1]
	p, po := b.packetOut()
	eth, arp := p.LinkLayer().(*layers.Ethernet), p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if eth.DstMAC.String() != "ff:ff:ff:ff:ff:ff" || eth.SrcMAC.String() != macA.String() || arp.Operation != layers.ARPRequest ||
		!bytes.Equal(arp.SourceHwAddress, macA[:]) || !bytes.Equal(arp.DstHwAddress, make([]byte, 6)) ||
		!bytes.Equal(arp.SourceProtAddress, []byte{10, 0, 0, 1}) || !bytes.Equal(arp.DstProtAddress, []byte{10, 0, 0, 1}) {
		t.Errorf("not a gratuitous request: %v", p)
	}
	const want = "set_field:0x3->metadata,set_field:0x7->reg14,resubmit(,8)"
	if got := po.Actions.String(); got != want || po.InPort != openflow.PortController {
		t.Errorf("sent by %s, want %s", got, want)
	}

	b.Announce([]Announcement{a}, nil)
	b.Announce(nil, []Announcement{a})
	b.sendDue()
	if got := b.run(3 * time.Second); len(got) != 2 {
		t.Errorf("removed and added, it was sent at %v", got)
	}
	b.Announce([]Announcement{a}, nil)
	if got := b.run(10 * time.Second); len(got) != 0 {
		t.Errorf("removed, it was sent at %v", got)
	}
}

// What may begin is sent at once, and as often as what had to wait.
func TestAnnouncementsBegin(t *testing.T) {
	b := newBench(t)
	first := Announcement{PortKey{3, 7}, macA, netip.MustParseAddr("10.0.0.1")}
	waits := Announcement{PortKey{3, 8}, macA, netip.MustParseAddr("10.0.0.2")}
	b.Announce(nil, []Announcement{first, waits})
	b.BeginAnnouncing([]Announcement{first, {In: PortKey{3, 9}, MAC: macA}})
	b.sendDue()
	if len(b.sent) != 1 {
		t.Fatalf("%d packets are sent at once, want the one that may begin", len(b.sent))
	}
	b.Announce([]Announcement{waits}, nil)
	if got, want := fmt.Sprint(b.run(100*time.Second)), "[1000 3000 7000 15000]"; got != want {
		t.Errorf("sent again at %s, want %s", got, want)
	}
	b.Announce([]Announcement{first}, nil)
	b.BeginAnnouncing([]Announcement{first})
	b.sendDue()
	if got := b.run(3 * time.Second); len(b.sent) != 5 || len(got) != 0 {
		t.Errorf("removed, it was sent at %v", got)
	}
}

func TestAnnouncementsForEver(t *testing.T) {
	b := newBench(t)
	b.Announce(nil, []Announcement{{PortKey{3, 7}, macA, netip.Addr{}}})
	b.run(60 * time.Second)
	b.sent = nil
	b.SetAnnounceMax(4 * time.Second)
	b.sendDue()
	if got, want := fmt.Sprint(b.run(19*time.Second)), "[1000 2000 4000 8000 12000 16000]"; got != want {
		t.Errorf("sent at %s, want %s", got, want)
	}
	packet := b.sent[0].(*openflow.PacketOut).Packet
	want := append(append(append([]byte(nil), broadcast[:]...), macA[:]...), 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3)
	want = append(append(append(want, macA[:]...), 0, 0, 0, 0), macA[:]...)
	if want = append(want, 0, 0, 0, 0); !bytes.Equal(packet, want) {
		t.Errorf("RARP packet\n%x, want\n%x", packet, want)
	}
}

// Many announcements due at once are sent in small rows, all of them.
func TestAnnouncementsDoNotBlock(t *testing.T) {
	b := newBench(t)
	var all []Announcement
	for i := range 1000 {
		all = append(all, Announcement{PortKey{1, uint32(i)}, macA, netip.MustParseAddr("10.0.0.1")})
	}
	b.Announce(nil, all)
	b.sendDue()
	b.now = b.now.Add(time.Second)
	for range 1000/sendTick + 1 {
		n := len(b.sent)
		if b.sendDue(); len(b.sent)-n > sendTick {
			t.Fatalf("%d packets in a row", len(b.sent)-n)
		}
	}
	if len(b.sent) != 1000 || b.Stats().Announced != 1000 {
		t.Errorf("%d announcements were sent", len(b.sent))
	}
}

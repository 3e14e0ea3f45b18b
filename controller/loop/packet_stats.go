package loop

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// registerPacketStats offers what the packet-in loop has counted.
func (l *Loop) registerPacketStats(s *unixctl.Server) {
	s.Register("packet-in/show", "", 0, 0, func(*unixctl.Request) (string, error) {
		loop := l.packets.loop
		return packetStats(loop.Stats(), loop.ReplyStats(), loop.ServiceStats()) + packetDrops(loop.Drops(), l.switchDrops), nil
	})
}

// packetStats is a line for each logical action that packets came from, and one
// for each other counter that is not zero.
func packetStats(s pinctrl.Stats, r pinctrl.ReplyStats, v pinctrl.ServiceStats) string {
	var b strings.Builder
	line := func(cells ...any) { fmt.Fprintf(&b, "%-20s %10v %10v %10v %10v %10v\n", cells...) }
	line("action", "received", "answered", "passed", "forbidden", "dropped")
	for _, name := range slices.Sorted(maps.Keys(s.Received)) {
		if s.Received[name] != 0 {
			line(name, s.Received[name], r.Answered[name], r.Passed[name], r.Forbidden[name], s.Dropped[name])
		}
	}
	for _, c := range []struct {
		name string
		n    uint64
	}{
		{"answers limited", r.Limited}, {"lines logged", r.Logged},
		{"packets buffered", s.Buffered}, {"buffered packets dropped", s.BufferDropped},
		{"addresses learned", s.Learned}, {"addresses not learned", s.LearnDropped},
		{"answers nobody asked for", s.Untracked}, {"questions of other chassis", s.QuestionsHeard},
		{"neighbours probed", s.Probed},
		{"requests sent", s.Requests}, {"requests withheld", s.RequestsWithheld},
		{"probes of services", v.Probes}, {"BFD packets sent", v.BFD}, {"DHCPv6 messages for prefixes", v.DHCPv6},
		{"unknown actions", s.Unknown}, {"malformed messages", s.Malformed},
		{"errors of the switch", s.Refused}, {"panics", s.Panics},
		{"queue overflows", s.Overflowed}, {"packets abandoned", s.Abandoned},
		{"bytes waiting", uint64(s.QueuedBytes)}, {"ports waiting", uint64(s.QueuedPorts)},
	} {
		if c.n != 0 {
			fmt.Fprintf(&b, "%s: %d\n", c.name, c.n)
		}
	}
	if n := sum(s.Waits[:]); n > 0 {
		fmt.Fprintf(&b, "waited on average: %v\n", s.Waited/time.Duration(n))
	}
	return b.String()
}

func sum(v []uint64) (n uint64) {
	for _, x := range v {
		n += x
	}
	return n
}

// packetDrops is a line for each reason that packets were dropped for, those of the
// switch last.
func packetDrops(drops []pinctrl.Drop, ofSwitch func() ([]switchDrop, error)) string {
	var b strings.Builder
	for _, d := range drops {
		fmt.Fprintf(&b, "dropped %s, %s: %d\n", d.Action, d.Reason, d.Packets)
	}
	all, err := ofSwitch()
	if err != nil {
		fmt.Fprintf(&b, "dropped by the switch: unknown (%v)\n", err)
	}
	for _, d := range all {
		if d.packets > 0 {
			fmt.Fprintf(&b, "dropped by the switch, queue of the %s: %d\n", d.where, d.packets)
		}
	}
	return b.String()
}

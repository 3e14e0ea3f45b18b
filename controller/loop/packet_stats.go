package loop

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// registerPacketStats offers what the packet-in loop has counted.
func (l *Loop) registerPacketStats(s *unixctl.Server) {
	s.Register("packet-in/show", "", 0, 0, func(*unixctl.Request) (string, error) {
		return packetStats(l.packets.loop.Stats(), l.packets.loop.ReplyStats(), l.packets.loop.ServiceStats()), nil
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
		{"requests sent", s.Requests}, {"requests withheld", s.RequestsWithheld},
		{"probes of services", v.Probes},
		{"unknown actions", s.Unknown}, {"malformed messages", s.Malformed},
		{"errors of the switch", s.Refused}, {"panics", s.Panics},
	} {
		if c.n != 0 {
			fmt.Fprintf(&b, "%s: %d\n", c.name, c.n)
		}
	}
	return b.String()
}

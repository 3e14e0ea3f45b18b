package integration

import (
	"slices"
	"strings"
)

// Dump is what a switch holds, one sorted line each, without anything that
// changes by itself.
type Dump struct {
	Flows  []string
	Groups []string
	Meters []string
}

// Dump reads the flows, groups and meters of br-int.
func (ch *Chassis) Dump() Dump {
	ch.t.Helper()
	return Dump{Flows: ch.DumpFlows(), Groups: ch.DumpGroups(), Meters: ch.DumpMeters()}
}

// DumpFlows reads the flows of br-int in the words of ovs-ofctl.
func (ch *Chassis) DumpFlows() []string {
	ch.t.Helper()
	return dumpLines(ch.OFCtl("--no-stats", "dump-flows", "br-int"), " actions=")
}

// DumpGroups reads the groups of br-int.
func (ch *Chassis) DumpGroups() []string {
	ch.t.Helper()
	return dumpLines(ch.OFCtl("dump-groups", "br-int"), "group_id=")
}

// DumpMeters reads the meters of br-int, each on one line.
func (ch *Chassis) DumpMeters() []string {
	ch.t.Helper()
	out := ch.OFCtl("dump-meters", "br-int")
	// A band is on a line of its own below its meter.
	return dumpLines(strings.ReplaceAll(out, "\ntype=", " type="), "meter=")
}

// dumpLines returns the lines that contain mark: others are headings. A flow's line
// need not begin with its cookie, which is left out when it is zero.
func dumpLines(out, mark string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.Contains(line, mark) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

package compare

import (
	"regexp"
	"slices"
	"strings"
)

// accepted tells whether a difference between flows of the same table, priority
// and match is one that docs/parity.md lists, with the reason.
func accepted(ours, theirs *Observation, o, r Flow) bool {
	return mirrorTarget(ours, theirs, o, r) || mirrorZone(ours, o, r) || sharedByParents(ours, theirs, o, r)
}

// sharedByParents: two ports yield the same flow of table 64, and whose cookie it
// has is by chance in the reference. What it does is the same.
func sharedByParents(ours, theirs *Observation, o, r Flow) bool {
	return o.Table == "64" && o.Actions == r.Actions &&
		ours.rowIs(o, "Port_Binding type= ") && theirs.rowIs(r, "Port_Binding type= ")
}

// mirrorZone: by the order in which its rows arrive, the reference gives the
// conntrack zone of a logical port mirror to its port, or never.
func mirrorZone(ours *Observation, o, r Flow) bool {
	zone, rest, ok := strings.Cut(o.Actions, ",")
	return ok && o.Table == "46" && rest == r.Actions && o.Cookie == r.Cookie &&
		strings.HasPrefix(zone, "set_field:<zone mp-") && ours.rowIs(o, "Port_Binding type=mirror ")
}

// mirrorTarget: the interface that a logical port mirror ends at is also that of
// a logical port. The reference makes two flows for what comes from it, one for
// each, and which wins is by chance; ours has the port's own.
func mirrorTarget(ours, theirs *Observation, o, r Flow) bool {
	return o.Table == "0" && o.Priority == "100" &&
		ours.rowIs(o, "Port_Binding type= ") && theirs.rowIs(r, "Port_Binding type=mirror ")
}

// acceptedOurs tells the same of a flow that the reference has not.
func acceptedOurs(f Flow, theirs []Flow) bool { return remoteVTEP(f) || tooBig(f, theirs) }

// remoteVTEP: 26.03.1 leaves out what northd says about packets from and to remote
// VTEPs, whose keys have bit 31 set, because no such port is local. 26.03.2 has it.
func remoteVTEP(f Flow) bool {
	return strings.HasPrefix(f.Match, "reg14=0x80000000/0x80000000,metadata=") ||
		strings.HasPrefix(f.Match, "reg15=0x80000000/0x80000000,metadata=")
}

// unusedMeter: the reference makes the meter of a logical flow even if that yields no
// flow, as on a chassis without the port it matches.
func unusedMeter(line string, flows []Flow) bool {
	content, ok := strings.CutPrefix(line, "meter ")
	name := label("meter", content)
	return ok && !slices.ContainsFunc(flows, func(f Flow) bool { return strings.Contains(f.Actions, name) })
}

var tooBigFor = regexp.MustCompile(`reg1[45]=(0x[0-9a-f]+),metadata=(0x[0-9a-f]+)$`)

// tooBig: what is too big for a tunnel, from or to a port that is on two chassis at
// once. A reference that is started when the port is here already does not learn its
// interface's MTU, and has no such flows for it; one that ran when the port came has.
func tooBig(f Flow, theirs []Flow) bool {
	port := func(f Flow) string {
		if m := tooBigFor.FindStringSubmatch(f.Match); m != nil && (f.Table == "42" || f.Table == "43") {
			return m[1] + " " + m[2]
		}
		return ""
	}
	return port(f) != "" && !slices.ContainsFunc(theirs, func(r Flow) bool { return port(r) == port(f) })
}

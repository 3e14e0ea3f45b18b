package compare

// accepted tells whether a difference between flows of the same table, priority
// and match is one that docs/parity.md lists, with the reason.
func accepted(ours, theirs *Observation, o, r Flow) bool {
	return mirrorTarget(ours, theirs, o, r)
}

// mirrorTarget: the interface that a logical port mirror ends at is also that of
// a logical port. The reference makes two flows for what comes from it, one for
// each, and which wins is by chance; ours has the port's own.
func mirrorTarget(ours, theirs *Observation, o, r Flow) bool {
	return o.Table == "0" && o.Priority == "100" &&
		ours.rowIs(o, "Port_Binding type= ") && theirs.rowIs(r, "Port_Binding type=mirror ")
}

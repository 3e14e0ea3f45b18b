package openflow

// Notes calls f with the bytes of each note in a, with their padding, until f
// returns false. Actions inside others are not looked at. An ill-formed list ends
// the walk.
func Notes(a Actions, f func(note string) bool) {
	for rest := string(a); len(rest) > 0; {
		act, next, err := nextAction(rest)
		if err != nil || act.nicira && act.subtype == nxNote && !f(act.body.s) {
			return
		}
		rest = next
	}
}

package openflow

import "strings"

// LearnTargets calls f with the table and cookie of every learn action in a,
// those inside clone and ct included. Flows that have both were, or could have
// been, made by that action. An ill-formed list ends the walk.
func LearnTargets(a Actions, f func(table uint8, cookie uint64)) {
	for rest := string(a); len(rest) > 0; {
		act, next, err := nextAction(rest)
		if err != nil {
			return
		}
		rest = next
		if !act.nicira {
			continue
		}
		switch act.subtype {
		case nxLearn, nxLearn2:
			// idle 2, hard 2, priority 2, cookie 8, flags 2, table 1
			c := act.body
			c.take(6)
			cookie := c.u64()
			c.take(2)
			if table := c.u8(); c.err == nil {
				f(table, cookie)
			}
		case nxClone:
			LearnTargets(nestedActions(act.raw, nxActCloneHeader), f)
		case nxCt:
			LearnTargets(nestedActions(act.raw, nxActCtHeader), f)
		}
	}
}

func nestedActions(raw string, header int) Actions {
	if len(raw) <= header || !strings.HasPrefix(raw, "\xff\xff") {
		return ""
	}
	return Actions(raw[header:])
}

// UsesGroup says whether a sends packets to a group, at any depth. An ill-formed
// list ends the walk.
func UsesGroup(a Actions) bool {
	for rest := string(a); len(rest) > 0; {
		act, next, err := nextAction(rest)
		if err != nil {
			return false
		}
		rest = next
		if act.typ == atGroup {
			return true
		}
		if act.nicira && (act.subtype == nxActClone && UsesGroup(nestedActions(act.raw, nxActCloneHeader)) ||
			act.subtype == nxActCt && UsesGroup(nestedActions(act.raw, nxActCtHeader))) {
			return true
		}
	}
	return false
}

package openflow

// Match is a match in canonical form: the OXM/NXM TLVs of an OpenFlow 1.5
// ofp_match, without its header and padding, in the order and encoding in which
// ovs-vswitchd gives them back in a dump. Two matches are the same match if and
// only if they are the same string. "" matches every packet.
type Match string

// Actions is an action list in canonical form: the bytes inside an OpenFlow 1.5
// apply-actions instruction as ovs-vswitchd gives them back in a dump. "" drops.
type Actions string

// Symbols lists what a flow refers to by content instead of by number: groups,
// meters, conjunctions. It is an encoded list (see SymbolList), comparable as a
// string, and "" for nearly every flow.
type Symbols string

// FlowKind is the rank of a flow among others with the same table, priority and
// match: Allow wins over Drop wins over Conjunction.
type FlowKind uint8

const (
	// FlowAllow has actions other than conjunction.
	FlowAllow FlowKind = iota
	// FlowDrop has no actions.
	FlowDrop
	// FlowConjunction has conjunction clauses only. Its Actions are empty: the
	// clauses are in Symbols, so that those of several flows can be merged.
	FlowConjunction
)

// Flow is one flow as its owner wants it. Flows are immutable once made and are
// passed by pointer; what they hold is comparable, so *a == *b tells whether two
// owners want the same.
//
// Invariants:
//  1. Match and Actions are canonical.
//  2. Numbers that Symbols stand for are zero in Match and Actions.
//  3. Kind agrees with Actions and Symbols.
type Flow struct {
	Table    uint8
	Kind     FlowKind
	Priority uint16
	// Cookie is what the switch sees: the first 32 bits of the southbound row.
	Cookie uint64
	// Owner is the UUID of the southbound row the flow comes from, zero for
	// flows that come from none.
	Owner   [16]byte
	Match   Match
	Actions Actions
	Symbols Symbols
}

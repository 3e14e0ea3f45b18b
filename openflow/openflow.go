// Package openflow speaks OpenFlow 1.5 (1.4 at the door) with the Nicira
// extensions that OVN needs, and knows nothing of OVN.
//
// What flows are made of is kept as canonical wire bytes:
//
//	MatchBuilder ──Match()──►  Match ─┐                   ┌─► String, FormatFlow
//	ActionBuilder ─Actions()─► Actions├─ Flow, GroupSpec ─┤
//	               Symbols()─► Symbols┘                   └─► FlowMod, GroupMod ──► Conn
//	                              ▲                                                 │
//	ParseFlow ────────────────────┤                                                 │
//	DecodeMatch, DecodeActions ◄──┴────────── FlowDescReply, GroupDescReply ◄───────┘
//
// Canonical means: as ovs-vswitchd gives it back in an OpenFlow 1.5 dump, so
// that what is wanted and what is installed are compared as bytes. The one
// exception is the packet type Ethernet, which the switch writes in front of
// matches that imply nothing else of it, and which is left out here. The
// builders write canonical bytes at once; the decoders make them of whatever
// else is sent; the test of both is a real switch that every field and every
// action goes through.
//
// Groups and meters in Actions, and conjunctions in Match, may be symbols: a
// zero in the bytes, and what it stands for in Symbols. Who gives the numbers
// out puts them in with PatchU32.
//
// Files: field*.go, match*.go, action*.go, group.go, symbol.go the encodings;
// text*.go the forms of ovs-ofctl(8); msg*.go the messages, of14*.go their 1.4
// forms; conn*.go the connection.
package openflow

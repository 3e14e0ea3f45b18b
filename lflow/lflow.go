// Package lflow is the logical flow language of ovn-sb(5), table Logical_Flow:
// it turns a row's match and actions into OpenFlow.
//
//	match, actions ──Compile──► *Program ──Place──► flows and rows
//	(text, stage)    once per     │        once per local datapath:
//	                 equal text   │        conditions, ports, sets
//	                              └ names of ports, sets and conditions
//	                                stay symbolic
//
// Compile parses the text, applies prerequisites and, where nothing depends on
// the datapath's contents, reduces the match to templates of OpenFlow matches.
// Place fills a template's datapath and ports in. What it asks of the world it
// asks through a View, one recorded read per question.
//
// A match is reduced to an OR of ANDs of comparisons or of ORs on one field
// (normalise). An AND with one OR becomes a flow per member; an AND with several
// becomes a conjunctive match, ovs-fields(7) "Conjunctive Match Fields". The
// reduction makes exactly the flows that the C agent makes, because agents of
// both kinds run side by side in one network and are compared flow by flow.
//
// An address set stays one Row, whatever its size, while it is the only test of
// its field; see Row.
package lflow

// Package ofbundle keeps br-int's flows, groups and meters equal to what the
// rest of the agent wants, one atomic bundle per change set.
//
//	Update, SetMeters ─► inbox ─(Commit)─► desired ──┐
//	                                                 ├─ plan ─► bundle ─► switch
//	switch ─(dump on connecting)────────► installed ─┘             │
//	                                         ▲                     │
//	                                         └── commit reply ◄────┘
//
// A flow's identity is its table, priority and match. Several flows may claim
// one identity; the winner depends on who claims it now, never on the order in
// which they came (claim.go). Groups, meters and conjunctions are wanted by
// content or name; symbols.go gives them numbers, those that the switch already
// uses wherever it can, so that an agent restarted with nothing changed sends
// no message that changes anything.
//
// A plan (plan.go) is the difference for the identities touched since the last
// commit, so its cost follows the change; only a new connection compares all.
// What others did to the switch is found by signs (a flow monitor, forwarded
// requests) and by audits (watch.go, drift.go), and goes the same way: the
// installed side is corrected, and the plan is the repair.
//
// bundle.go sends it: what the switch refuses is set aside and named, the rest
// is sent again.
//
// One goroutine, in Run, owns all state. The exported methods only hand it
// work, and never wait for the switch.
package ofbundle

import (
	"context"
	"log/slog"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Config is what a Writer needs.
type Config struct {
	// Target is the bridge's management socket, "unix:RUNDIR/br-int.mgmt"; ""
	// waits for SetTarget.
	Target string
	// Dial, if set, makes the connection instead of openflow.Dial.
	Dial func(ctx context.Context, target string) (*openflow.Conn, error)
	// Probe is the inactivity probe of the connection, 0 for none.
	Probe time.Duration
	// MinBackoff and MaxBackoff bound the time between attempts to connect;
	// 0 means 100 ms and 1 s: the switch is next door.
	MinBackoff, MaxBackoff time.Duration
	// Describe names the southbound row behind a flow's Owner for the log. It is
	// called from the Writer's goroutine. nil leaves the UUID.
	Describe func(owner [16]byte) string
	// Observe has the Writer read the switch and number what is wanted, as if it
	// were about to write, but change nothing: see Desired.
	Observe bool
	// Aside is what others may keep on the bridge; see SetAside too.
	Aside Aside
	// Audit is how long it takes to compare all flows with the switch once while
	// nothing happens; 0 means 2 minutes, or 30 s if the switch has no flow
	// monitor. Poll is the same for groups and meters; 0 means 5 s, or 1 s if the
	// switch does not tell when others change them. Both take longer if there is
	// so much to compare that it would cost more than half a per cent of the time.
	Audit, Poll time.Duration
	duty        int // see the constant duty; 0 is that
	whole       int // see the constant wholeUpTo; 0 is that
	Log         *slog.Logger
}

// Features is what the switch can do, probed on each connection.
type Features struct {
	Version    openflow.Version
	DatapathID uint64
	// MaxMeters and MaxSelectGroups are zero if the datapath has none.
	MaxMeters       uint32
	MaxSelectGroups uint32
	// GroupHash: select groups may hash chosen fields, and buckets can be
	// inserted (OpenFlow 1.5).
	GroupHash bool
	// CtFlush: connections can be flushed by tuple; CtLabelFlush: by label too.
	CtFlush      bool
	CtLabelFlush bool
	// SampleReg: the sample action takes its ids from registers.
	SampleReg bool
	// Geneve: OVN's option is mapped to the field tun_metadata<GeneveIndex>.
	Geneve      bool
	GeneveIndex uint8
}

// sameFor says whether flows translated for f are right for g too.
func (f Features) sameFor(g Features) bool {
	f.DatapathID, f.MaxMeters, f.MaxSelectGroups = g.DatapathID, g.MaxMeters, g.MaxSelectGroups
	return f == g
}

// Event is what the Writer tells its owner: one of the types below.
type Event interface{ event() }

// Connected says that a connection is up, probed and read back. Flows must be
// translated for these Features. If they differ from those of the connection
// before, the next Commit is waited for, for some seconds, before writing.
type Connected struct{ Features Features }

// Disconnected says that the connection was lost; connecting again has begun.
type Disconnected struct{ Err error }

// Committed says that the switch has acknowledged everything up to and including
// Commit(Seq), refused flows apart.
type Committed struct{ Seq uint64 }

// Refused says that the switch, or the Writer, refuses a flow or a group. It is
// left out until what it says changes, or a new connection is made.
type Refused struct {
	Flow *openflow.Flow // with its numbers; nil if it is a group or a meter
	What string         // one line for the log: kind, logical flow, text
	Err  error
}

// ZoneFlushed says that the conntrack zone is empty. Err is the switch's, if it
// refused.
type ZoneFlushed struct {
	Zone uint16
	Err  error
}

// Drift says that others changed the switch, and that the Writer has changed it
// back. All of it is in the log.
type Drift struct {
	Flows  DriftCount
	Groups DriftCount
	Meters DriftCount
	Took   time.Duration // from the first sign to the acknowledgement
}

// DriftCount counts what was found.
type DriftCount struct {
	Missing, Changed, Foreign int
}

// Total is all of it.
func (c DriftCount) Total() int { return c.Missing + c.Changed + c.Foreign }

func (Drift) event()        {}
func (Connected) event()    {}
func (Disconnected) event() {}
func (Committed) event()    {}
func (Refused) event()      {}
func (ZoneFlushed) event()  {}

// Stats counts since New, except for those marked "now".
type Stats struct {
	Connects         uint64
	Bundles          uint64 // committed
	BundlesDiscarded uint64 // because of a refused message
	FlowAdds         uint64
	FlowModifies     uint64
	FlowDeletes      uint64
	GroupAdds        uint64
	GroupDeletes     uint64
	MeterMods        uint64
	ZoneFlushes      uint64
	Refused          uint64
	Errors           uint64 // OFPT_ERROR messages that answer nothing known
	FullCompares     uint64
	DriftFlows       uint64 // found missing, changed or foreign, and repaired
	DriftGroups      uint64
	DriftMeters      uint64
	Repairs          uint64
	Looks            uint64 // requests for flows because of a sign or an audit
	Audits           uint64 // rounds through all tables
	MonitorPauses    uint64

	Desired         int // now: identities wanted
	Installed       int // now: flows on the switch
	SetAside        int // now: refused
	Learned         int // flows found on connecting that are the switch's own
	LastBundle      int // messages
	LastBundleNanos int64
}

// NamedID is one line of group-table-list or meter-table-list.
type NamedID struct {
	Name string
	ID   uint32
}

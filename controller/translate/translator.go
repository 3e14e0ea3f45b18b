// Package translate turns the southbound database and what this chassis knows
// into flows, incrementally. It is where the units and reads of OVN are named for
// the engine, which knows neither.
//
//	sbdb.Changes ──Apply──► rows added, changed, gone ─┐
//	                                                   ├─► dirty inputs and units ─► engine.Run ─► flows
//	the loop ──Set…──► interfaces, zones, tunnels… ────┘         ▲       │
//	                                                             └─ view ◄┘  reads of lflow and physical
//
// A Logical_Flow is a family of units with one child for each local datapath it
// applies to. Its text is compiled once into a lflow.Program that all rows with
// the same text share. Every other row that yields flows is one unit.
//
// What a unit reads goes through view, one method per read. What changes an input
// is found in replicas.go (tables) and local.go (everything else): for each kind
// of read in input.go there is the place that marks it dirty, and the metamorphic
// test forgets one kind after another to show that it would notice.
package translate

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/engine"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Kinds of units.
const (
	unitLogicalFlow = iota + 1 // family; children: N is the datapath's number
	unitPort
	unitMulticast
	unitMACBinding
	unitStaticMACBinding
	unitFDB
	unitLoadBalancer     // what depends on backends
	unitLoadBalancerSNAT // what does not
	unitTunnel           // N: OpenFlow port
	unitChassisMACs
	unitFlood
	unitStatic
)

// row is a flow of a logical flow with a place left open for the member of a set.
type row struct {
	base  openflow.Flow
	field openflow.Field
}

func (r *row) expand(m lflow.Member) *openflow.Flow {
	f := r.base
	f.Match = f.Match.With(r.field, m.Value, m.Mask)
	return &f
}

type flowEngine = engine.Engine[openflow.Flow, row, lflow.Member]

// Translator holds the state of the translation. All methods but those that the
// engine calls during Run belong to one goroutine, and nothing may change the
// database replica during Run.
type Translator struct {
	db  *sbdb.DB
	eng *flowEngine
	local
	tables
	sets          setRegistry
	dpSets        datapathSets
	programs      programs
	maxFlows      int // of a logical flow on a datapath; 0: not configured
	most          int // units there were since room was given up
	runs          uint64
	tunnelsByPort map[uint32]physical.Tunnel
}

// Result is the outcome of a Run.
type Result struct {
	// Removed and Added are what to take off and put on the switch. A removed flow
	// equals one that was added before, but may be another pointer.
	Removed, Added []*openflow.Flow
	// Errors names the rows that could not be translated, or not completely; what
	// they yield in spite of it is in Added.
	Errors []RowError
	// Built and Expanded count what the Run cost: see engine.Result.
	Built, Expanded int
}

// RowError is a row that could not be translated.
type RowError struct {
	Table string
	UUID  ovsdb.UUID
	Err   error
}

func (e RowError) Error() string { return fmt.Sprintf("%s %s: %v", e.Table, e.UUID, e.Err) }
func (e RowError) Unwrap() error { return e.Err }

// Options are for tests.
type Options struct {
	// Workers is the number of goroutines that translate; 0 means one a processor.
	Workers int
	// Yield, when set, tells whether others need the processors now.
	Yield func() bool
	// Forget leaves out the record of reads of that kind of input.
	Forget func(kind uint8) bool
}

// New returns a Translator of db, which may be empty or not.
func New(db *sbdb.DB, o Options) *Translator {
	t := &Translator{
		db:            db,
		local:         newLocal(),
		tables:        newTables(db),
		tunnelsByPort: map[uint32]physical.Tunnel{},
	}
	cfg := engine.Config[openflow.Flow, row, lflow.Member]{
		Build:   t.build,
		Expand:  func(r row, m lflow.Member) *openflow.Flow { return r.expand(m) },
		ChildN:  func(m lflow.Member) uint64 { return m.Value.Lo },
		Workers: o.Workers,
		Yield:   o.Yield,
	}
	if o.Forget != nil {
		cfg.Forget = func(in engine.Input) bool { return o.Forget(in.Kind) }
	}
	t.eng = engine.New(cfg)
	t.sets = newSetRegistry()
	t.dpSets = newDatapathSets()
	t.programs = newPrograms()
	t.eng.AddUnit(engine.Unit{Kind: unitStatic})
	t.eng.AddUnit(engine.Unit{Kind: unitFlood})
	t.Apply(everything(db))
	return t
}

// dirty marks an input as changed.
func (t *Translator) dirty(in engine.Input) {
	t.programs.forget(in)
	t.eng.Dirty(in)
}

// Units returns the number of units.
func (t *Translator) Units() int { return t.eng.Len() }

// Recompute has everything translated anew by the next Run. What comes out the
// same is not in its Result.
func (t *Translator) Recompute() {
	t.programs.clear()
	t.eng.DirtyAll()
}

// Run translates what changed since the last Run.
func (t *Translator) Run() Result {
	t.runs++
	r := t.eng.Run()
	res := Result{Removed: r.Removed, Added: r.Added, Built: r.Built, Expanded: r.Expanded}
	for i := range r.Errors {
		res.Errors = append(res.Errors, rowErrors(&r.Errors[i])...)
	}
	t.most = max(t.most, t.eng.Len())
	if t.most > 1024 && t.eng.Len() <= t.most/4 {
		t.most = t.eng.Len()
		t.programs.shrink()
		t.sets.sweepAt = 0
	}
	t.sets.sweep(t)
	t.dpSets.sweep(t)
	return res
}

var unitTables = map[uint8]string{
	unitLogicalFlow:      sbdb.TableLogicalFlow,
	unitPort:             sbdb.TablePortBinding,
	unitMulticast:        sbdb.TableMulticastGroup,
	unitMACBinding:       sbdb.TableMACBinding,
	unitStaticMACBinding: sbdb.TableStaticMACBinding,
	unitFDB:              sbdb.TableFDB,
	unitLoadBalancer:     sbdb.TableLoadBalancer,
	unitLoadBalancerSNAT: sbdb.TableLoadBalancer,
	unitTunnel:           "tunnel",
	unitChassisMACs:      sbdb.TableChassis,
	unitFlood:            sbdb.TableChassis,
	unitStatic:           "fixed flows",
}

func rowErrors(e *engine.UnitError) []RowError {
	one := func(err error) RowError {
		return RowError{Table: unitTables[e.Unit.Kind], UUID: e.Unit.ID, Err: err}
	}
	if joined, ok := e.Err.(interface{ Unwrap() []error }); ok {
		var out []RowError
		for _, err := range joined.Unwrap() {
			out = append(out, one(err))
		}
		return out
	}
	return []RowError{one(e.Err)}
}

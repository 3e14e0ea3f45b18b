// Package engine is an incremental build system for flows.
//
// A unit yields flows. Building it is a pure function of inputs that it reads
// through Reads, and every read, also of what was not found, is recorded. When
// inputs change, exactly the units that read them are built again, in parallel,
// and the difference of what they yield is the result:
//
//	Dirty(input) ─┐
//	AddUnit ──────┼─► Run ─► build dirty units ─► diff with what each gave before ─► Removed, Added
//	SetAdd ───────┘              │    ▲
//	                             └────┘ Reads: input → units
//
// Two things keep the cost of a change as small as the change. A unit may yield
// rows: each stands for one flow per member of a set, so that a member more or
// less costs one flow in each row of that set and builds nothing. And a family
// of units has one child for each member of a set, so that a member more builds
// one unit in each family of that set.
//
// There is no second path for starting over: from scratch is the same code with
// every unit dirty.
//
// An Engine is not safe for concurrent use; only Config.Build is called from
// several goroutines, during Run, and whatever it reads must not change meanwhile.
// Config.Build may call NewSet, SetAdd on a set it just made, and SetMembers, all
// under one lock of its own.
package engine

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Input names something that units read. Which fields of it are used, and what
// they mean, is up to the kind.
type Input struct {
	Kind uint8
	N    uint64
	S    string
	ID   [16]byte
}

// Unit names a unit. Children of a family differ from their family in N only.
type Unit struct {
	Kind uint8
	N    uint64
	ID   [16]byte
}

// SetID is a handle on a set, given by NewSet.
type SetID uint32

// Output is what a unit yields.
type Output[F, R comparable] struct {
	// Flows are immutable once they are here.
	Flows []*F
	// Rows stand for one flow per member of a set.
	Rows []Row[R]
}

// Row is a flow with a place left open for the member of a set.
type Row[R comparable] struct {
	Set SetID
	Row R
}

// Config holds what the engine is told about the domain.
type Config[F, R, M comparable] struct {
	// Build appends what u yields to out. It runs on several goroutines at once.
	// On an error the unit yields what was appended before.
	Build func(u Unit, r *Reads, out *Output[F, R]) error
	// Expand makes the flow of one member of a row.
	Expand func(row R, m M) *F
	// ChildN is the N of the child that a family has for m.
	ChildN func(m M) uint64
	// Workers is the number of goroutines that build; 0 means GOMAXPROCS.
	Workers int
	// Yield, when set, tells whether others need the processors now: then half of
	// the workers build, at least one. It is called often, from several goroutines.
	Yield func() bool
	// Forget, when set, leaves out the record of reads of the inputs it returns
	// true for. Only tests use it, to show that a missing record is noticed.
	Forget func(Input) bool
}

// Result is the outcome of a Run.
type Result[F comparable] struct {
	Removed, Added []*F
	// Built is the number of units built, Expanded the number of flows made or
	// taken back for members of sets without building a unit.
	Built, Expanded int
	Errors          []UnitError
}

// UnitError says that a unit could not be built (completely).
type UnitError struct {
	Unit Unit
	Err  error
}

func (e *UnitError) Error() string {
	return fmt.Sprintf("unit %d/%x: %v", e.Unit.Kind, e.Unit.ID[:4], e.Err)
}
func (e *UnitError) Unwrap() error { return e.Err }

// Engine holds units, what they read and what they yielded.
//
// Invariants, between calls:
//  1. Every unit that is alive is known by its index in units once: from unitIDs by its
//     name, or from the family that it is a child of.
//  2. An input's readers hold at least every unit whose reads hold the input;
//     surplus entries are stale and are dropped when met.
//  3. A set's rows hold exactly the alive units that have a row on it.
//  4. A family has one child for each member of its set, sorted by N.
type Engine[F, R, M comparable] struct {
	cfg Config[F, R, M]

	units    []unit[F, R]
	unitIDs  map[Unit]uint32 // those that are no children
	freeUnit []uint32
	alive    int // units

	inputs    map[Input]uint32
	readers   []readers
	freeInput []uint32

	families   []family
	familyIDs  map[Unit]uint32
	freeFamily []uint32

	sets    []set[M]
	freeSet []SetID
	changed []SetID // sets with a difference not yet run

	dirty   []uint32 // units, each once (unit.dirty)
	removed []*F     // flows of units that were removed since the last Run
	retired []Row[R] // rows of such units

	ids []uint32 // scratch
	// before is what the unit before read, and beforeIDs are its inputs, during Run.
	before    []Input
	beforeIDs []uint32
	builds    []built[F, R] // scratch, cleared after each batch
	desks     sync.Pool     // of *desk

	leastRoom int
}

type unit[F, R comparable] struct {
	key   Unit
	alive bool
	dirty bool
	reads []uint32 // input indexes, ascending
	flows []*F
	rows  []Row[R]
}

type readers struct {
	units []uint32 // may hold stale entries and duplicates
	stale int      // entries known to have become stale
}

type set[M comparable] struct {
	alive    bool
	changed  bool
	members  map[M]struct{}
	delta    map[M]bool     // true: added, false: removed, since the last Run
	rows     map[uint32]int // units with rows on this set, and how many
	families map[uint32]struct{}
}

// family is known by its number from the set that it has children for. Its children
// are looked up in a list of their own, not among all units: most units are children,
// and to find one in a map of all is to wait for memory several times.
type family struct {
	key      Unit
	set      SetID
	children []child // ascending
}

type child struct {
	n  uint64 // of its name
	id uint32 // unit
}

// New returns an engine without units.
func New[F, R, M comparable](cfg Config[F, R, M]) *Engine[F, R, M] {
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	return &Engine[F, R, M]{
		cfg:       cfg,
		unitIDs:   map[Unit]uint32{},
		inputs:    map[Input]uint32{},
		familyIDs: map[Unit]uint32{},

		leastRoom: leastRoom,
	}
}

// Len returns the number of units.
func (e *Engine[F, R, M]) Len() int { return e.alive }

// AddUnit adds u, to be built by the next Run. Adding it again has no effect. Children
// of families come and go with the members of their set, not one by one.
func (e *Engine[F, R, M]) AddUnit(u Unit) {
	if _, ok := e.unitIDs[u]; !ok {
		e.unitIDs[u] = e.newUnit(u)
	}
}

func (e *Engine[F, R, M]) newUnit(u Unit) (id uint32) {
	if n := len(e.freeUnit); n > 0 {
		id, e.freeUnit = e.freeUnit[n-1], e.freeUnit[:n-1]
	} else {
		id = uint32(len(e.units))
		e.units = append(e.units, unit[F, R]{})
	}
	p := &e.units[id]
	wasDirty := p.dirty // a freed slot may still wait in e.dirty
	*p = unit[F, R]{key: u, alive: true, dirty: true}
	if !wasDirty {
		e.dirty = append(e.dirty, id)
	}
	e.alive++
	return id
}

// RemoveUnit removes u and, with the next Run, what it yielded.
func (e *Engine[F, R, M]) RemoveUnit(u Unit) {
	if id, ok := e.unitIDs[u]; ok {
		delete(e.unitIDs, u)
		e.dropUnit(id)
	}
}

func (e *Engine[F, R, M]) dropUnit(id uint32) {
	p := &e.units[id]
	e.removed = append(e.removed, p.flows...)
	for _, r := range p.rows {
		e.dropRow(id, r.Set)
		e.retired = append(e.retired, r)
	}
	for _, in := range p.reads {
		e.readers[in].stale++
	}
	*p = unit[F, R]{dirty: p.dirty}
	e.freeUnit = append(e.freeUnit, id)
	e.alive--
}

// DirtyUnit has u built by the next Run, for instance because its own row changed.
func (e *Engine[F, R, M]) DirtyUnit(u Unit) {
	if id, ok := e.unitIDs[u]; ok {
		e.markDirty(id)
	}
}

// Dirty has every unit that read in built by the next Run.
func (e *Engine[F, R, M]) Dirty(in Input) {
	i, ok := e.inputs[in]
	if !ok {
		return
	}
	r := &e.readers[i]
	if r.stale > len(r.units)/2 {
		e.compact(i)
	}
	for _, id := range r.units {
		if e.reads(id, i) {
			e.markDirty(id)
		}
	}
	if len(r.units) == 0 {
		delete(e.inputs, in)
		*r = readers{}
		e.freeInput = append(e.freeInput, i)
	}
}

// reads tells whether a unit, which may be gone, reads the i-th input.
func (e *Engine[F, R, M]) reads(id, i uint32) bool {
	u := &e.units[id]
	_, reads := slices.BinarySearch(u.reads, i)
	return reads && u.alive
}

// compact drops the stale entries of the i-th input.
func (e *Engine[F, R, M]) compact(i uint32) {
	r := &e.readers[i]
	kept := slices.DeleteFunc(r.units, func(id uint32) bool { return !e.reads(id, i) })
	slices.Sort(kept)
	r.units, r.stale = slices.Compact(kept), 0
}

// DirtyAll has every unit built by the next Run.
func (e *Engine[F, R, M]) DirtyAll() {
	for id := range e.units {
		if e.units[id].alive {
			e.markDirty(uint32(id))
		}
	}
}

func (e *Engine[F, R, M]) markDirty(id uint32) {
	if p := &e.units[id]; !p.dirty {
		p.dirty = true
		e.dirty = append(e.dirty, id)
	}
}

// Reads is the record of what one unit reads while it is built.
type Reads struct {
	inputs []Input
	forget func(Input) bool
}

// Read records that the unit being built depends on in.
func (r *Reads) Read(in Input) {
	if r.forget != nil && r.forget(in) {
		return
	}
	r.inputs = append(r.inputs, in)
}

// ReadAll records several reads, as made earlier on behalf of this unit.
func (r *Reads) ReadAll(ins []Input) {
	for _, in := range ins {
		r.Read(in)
	}
}

// Inputs returns what was read so far. It is valid until the next read.
func (r *Reads) Inputs() []Input { return r.inputs }

// Run builds what is dirty and returns the difference since the last Run.
func (e *Engine[F, R, M]) Run() Result[F] {
	var res Result[F]
	dirty := e.takeDirty()

	res.Removed = e.removed
	e.removed = nil
	for _, r := range e.retired {
		res.Removed = e.expandOld(res.Removed, r)
	}
	e.retired = nil

	// What units read and yield is kept short of all at once.
	for rest := dirty; len(rest) > 0; {
		n := min(len(rest), batch)
		builds := slices.Grow(e.builds[:0], n)[:n]
		e.builds = builds
		used := e.build(rest[:n], builds)
		for i, id := range rest[:n] {
			b := &builds[i]
			if b.err != nil {
				res.Errors = append(res.Errors, UnitError{e.units[id].key, b.err})
			}
			e.setReads(id, b.reads)
			e.diffFlows(&res, id, b.out.Flows)
			e.diffRows(&res, id, b.out.Rows)
		}
		rest = rest[n:]
		e.before, e.beforeIDs = nil, e.beforeIDs[:0]
		clear(builds)
		e.giveBack(used)
	}
	if cap(e.builds) > keptBuilds {
		e.builds = nil
	}
	res.Built = len(dirty)

	for _, s := range e.changed {
		e.settle(&res, s)
	}
	e.changed = e.changed[:0]
	for _, id := range dirty {
		e.units[id].dirty = false
	}
	e.shrink()
	return res
}

// takeDirty returns the alive dirty units. They stay marked until the end of Run,
// which is how settle knows whose rows were dealt with already.
func (e *Engine[F, R, M]) takeDirty() []uint32 {
	dirty := make([]uint32, 0, len(e.dirty))
	for _, id := range e.dirty {
		if e.units[id].alive {
			dirty = append(dirty, id)
		} else {
			e.units[id].dirty = false
		}
	}
	e.dirty = e.dirty[:0]
	return dirty
}

type built[F, R comparable] struct {
	out   Output[F, R]
	reads []Input
	err   error
}

// chunk is how many units a worker takes at a time, batch how many are built
// before their results are taken over.
const (
	chunk = 16
	batch = 512 * chunk
)

// desk is where a worker keeps what units read until it is taken over.
type desk struct {
	reads Reads
	slab  []Input // the reads of the units built here, one unit after the other
}

// leastReaders is how many units an input is read by at least for its list to be looked
// through while none of them is to be built.
const leastReaders = 64

// keptInputs and keptBuilds are how much of a desk and of the results is kept for
// the next Run: enough for small changes, some of whose units read all ports of a
// large network; slabInputs is what a desk begins with.
const (
	slabInputs = 2048
	keptInputs = 16384
	keptBuilds = 1024
)

// giveBack keeps desks whose contents nobody needs any more.
func (e *Engine[F, R, M]) giveBack(used []*desk) {
	for _, d := range used {
		if cap(d.slab)+cap(d.reads.inputs) > keptInputs {
			continue
		}
		clear(d.slab)
		clear(d.reads.inputs[:cap(d.reads.inputs)])
		d.slab, d.reads.inputs = d.slab[:0], d.reads.inputs[:0]
		e.desks.Put(d)
	}
}

// build fills results, which are empty, one for each of dirty. The reads in them are
// valid until the desks that it returns are given back.
func (e *Engine[F, R, M]) build(dirty []uint32, results []built[F, R]) (used []*desk) {
	var next atomic.Int64
	work := func(d *desk, always bool) {
		reads, slab := &d.reads, d.slab
		defer func() { d.slab = slab }()
		for always || e.cfg.Yield == nil || !e.cfg.Yield() {
			end := int(next.Add(chunk))
			start := end - chunk
			if start >= len(dirty) {
				return
			}
			for i := start; i < min(end, len(dirty)); i++ {
				b := &results[i]
				reads.inputs = reads.inputs[:0]
				b.err = e.buildOne(e.units[dirty[i]].key, reads, &b.out)
				if cap(slab)-len(slab) < len(reads.inputs) {
					slab = make([]Input, 0, max(min(slabInputs, 16*len(dirty)), len(reads.inputs)))
				}
				from := len(slab)
				slab = append(slab, reads.inputs...)
				b.reads = slab[from:len(slab):len(slab)]
			}
		}
	}
	workers := max(1, min(e.cfg.Workers, (len(dirty)+chunk-1)/chunk))
	for range workers {
		d, ok := e.desks.Get().(*desk)
		if !ok {
			d = &desk{reads: Reads{forget: e.cfg.Forget}}
		}
		used = append(used, d)
	}
	if workers == 1 {
		work(used[0], true)
		return used
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { work(used[i], i < max(1, workers/2)) })
	}
	wg.Wait()
	return used
}

// buildOne contains a panic of a builder: one bad row may cost its own flows only.
func (e *Engine[F, R, M]) buildOne(u Unit, r *Reads, out *Output[F, R]) (err error) {
	defer func() {
		if p := recover(); p != nil {
			buf := make([]byte, 4096)
			buf = buf[:runtime.Stack(buf, false)]
			err = fmt.Errorf("panic while building: %v\n%s", p, buf)
		}
	}()
	return e.cfg.Build(u, r, out)
}

// setReads replaces what a unit is known to read.
func (e *Engine[F, R, M]) setReads(id uint32, ins []Input) {
	ids := e.ids[:0]
	for n, in := range ins {
		// Much of what a unit reads was read by its sibling before it.
		if n < len(e.before) && e.before[n] == in {
			ids = append(ids, e.beforeIDs[n])
			continue
		}
		i, ok := e.inputs[in]
		if !ok {
			i = e.newInput(in)
		}
		ids = append(ids, i)
	}
	e.before, e.beforeIDs = ins, append(e.beforeIDs[:0], ids...)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	e.ids = ids
	old := e.units[id].reads
	if slices.Equal(old, ids) {
		return
	}
	for _, i := range ids {
		if _, had := slices.BinarySearch(old, i); !had {
			r := &e.readers[i]
			// An input may never change while its readers come and go.
			if r.stale > len(r.units)/2 && len(r.units) >= leastReaders {
				e.compact(i)
			}
			r.units = append(r.units, id)
		}
	}
	for _, i := range old {
		if _, has := slices.BinarySearch(ids, i); !has {
			e.readers[i].stale++
		}
	}
	e.units[id].reads = slices.Clone(ids)
}

func (e *Engine[F, R, M]) newInput(in Input) uint32 {
	var i uint32
	if n := len(e.freeInput); n > 0 {
		i, e.freeInput = e.freeInput[n-1], e.freeInput[:n-1]
	} else {
		i = uint32(len(e.readers))
		e.readers = append(e.readers, readers{})
	}
	e.inputs[in] = i
	return i
}

// diffFlows replaces the flows of a unit. A flow that comes out as it was keeps
// its old pointer.
func (e *Engine[F, R, M]) diffFlows(res *Result[F], id uint32, flows []*F) {
	u := &e.units[id]
	old := u.flows
	u.flows = slices.Clip(flows)
	if len(old) == 0 {
		res.Added = append(res.Added, flows...)
		return
	}
	if len(old) == len(flows) {
		// Builders are deterministic: mostly the same flows come in the same order.
		same := true
		for i := range old {
			if *old[i] != *flows[i] {
				same = false
				break
			}
		}
		if same {
			u.flows = old
			return
		}
	}
	have := make(map[F][]*F, len(old))
	for _, f := range old {
		have[*f] = append(have[*f], f)
	}
	for i, f := range flows {
		if l := have[*f]; len(l) > 0 {
			u.flows[i] = l[len(l)-1]
			have[*f] = l[:len(l)-1]
		} else {
			res.Added = append(res.Added, f)
		}
	}
	for _, f := range old {
		if l := have[*f]; len(l) > 0 {
			res.Removed = append(res.Removed, l[len(l)-1])
			have[*f] = l[:len(l)-1]
		}
	}
}

// IsRead tells whether any unit reads in.
func (e *Engine[F, R, M]) IsRead(in Input) bool {
	i, ok := e.inputs[in]
	if !ok {
		return false
	}
	for _, id := range e.readers[i].units {
		if e.reads(id, i) {
			return true
		}
	}
	return false
}

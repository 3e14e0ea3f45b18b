package ovsdb

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"time"
)

// Aside remembers operations that a server refused for good: by role-based access
// control, a constraint, a reference to what is not there. They are left out of
// transactions for a while, so that they do not keep the other operations of a
// transaction from being committed.
//
//	transaction ──► Filter ──► server ──► Sort ──► the rest, sent at once
//	                   ▲                    │
//	                   └── set aside: 1 s, 2 s, 4 s … 64 s
//
// An operation is known by its table, row and columns, an insertion by its
// contents. It is tried again when its time has passed, when its row has changed,
// or when it would write something else.
//
// The zero value is ready. An Aside belongs to one goroutine.
type Aside struct {
	entries map[asideKey]*asideEntry
	// inRow counts the refusals since the last Filter by what the operations had in
	// common.
	inRow map[asideShape]int
}

// Bounds of an Aside.
const (
	asideMinDelay = time.Second
	asideMaxDelay = 64 * time.Second
	// asideForget is how long after its time has passed an operation that nobody
	// asks for is remembered.
	asideForget = 10 * time.Minute
	// asideRepeats is how many operations of one table, kind and columns are tried
	// one by one before the others like them in the transaction wait for the next.
	asideRepeats = 32
)

// asideShape is what operations of different rows have in common.
type asideShape struct {
	kind    OpKind
	table   string
	columns string
}

type asideKey struct {
	asideShape
	row    UUID   // of an update or a deletion
	values string // of an insertion
}

type asideEntry struct {
	values string // of an update
	delay  time.Duration
	tried  time.Time
	until  time.Time
	told   bool // Due has reported that until has passed
	times  int
	err    error
	id     UUID // of the operation last refused, which an insertion has anew each time
}

// Refusal is an operation that is set aside.
type Refusal struct {
	Kind    OpKind
	Table   string
	Row     UUID
	Columns string
	Err     error
	// Until is when it is tried again, Times how often it was refused.
	Until time.Time
	Times int
}

// Len returns how many operations are remembered.
func (a *Aside) Len() int { return len(a.entries) }

// Filter returns the transaction without the operations that are set aside: tx
// itself when there are none, nil when nothing is left of it.
func (a *Aside) Filter(tx *Txn, now time.Time) *Txn {
	clear(a.inRow)
	if len(a.entries) == 0 {
		return tx
	}
	fresh := tx.inserted()
	return tx.without(func(op *Op) bool {
		e := a.entries[op.asideKey(fresh)]
		if e == nil || !now.Before(e.until) {
			return false
		}
		if op.Kind == OpUpdate && e.values != op.asideValues(fresh) {
			// Something else is wanted by now.
			e.hasten()
		}
		return now.Before(e.until)
	})
}

// Sort takes in the result of a transaction. If operations were refused for good it
// sets them aside and returns what is to be sent instead, one transaction after the
// other. Nil for both means that the result does not concern it: the transaction was
// committed, met a conflict, or found no server to judge it.
func (a *Aside) Sort(r *Result, now time.Time) (next []*Txn, refused []Refusal) {
	if r.Err == nil {
		if len(a.entries) > 0 {
			fresh := r.Txn.inserted()
			for _, op := range r.Txn.ops {
				delete(a.entries, op.asideKey(fresh))
			}
		}
		return nil, nil
	}
	e, ok := r.Err.(*Error)
	if !ok {
		return nil, nil
	}
	switch e.Kind {
	case Conflict, ReadOnly, Unavailable, NotOwner:
		return nil, nil
	}
	guilty := r.guilty(e)
	if guilty == nil {
		// The server does not say which: ask about each half.
		return r.Txn.halves(), nil
	}
	if guilty.Kind == OpVerify || guilty.Kind == OpVerifyNone {
		return nil, nil
	}
	fresh := r.Txn.inserted()
	refused = append(refused, a.add(guilty, fresh, e, now))
	shape := guilty.asideShape()
	if a.inRow == nil {
		a.inRow = map[asideShape]int{}
	}
	a.inRow[shape]++
	more := a.inRow[shape] >= asideRepeats
	rest := r.Txn.without(func(op *Op) bool {
		if op == guilty {
			return true
		}
		if !more || op.asideShape() != shape {
			return false
		}
		if k := op.asideKey(fresh); a.entries[k] == nil {
			a.entries[k] = &asideEntry{
				values: op.asideValues(fresh), tried: now, until: now.Add(asideMinDelay), err: e, id: op.ID}
		}
		return true
	})
	if rest != nil {
		next = []*Txn{rest}
	}
	return next, refused
}

func (a *Aside) add(op *Op, fresh []UUID, err error, now time.Time) Refusal {
	if a.entries == nil {
		a.entries = map[asideKey]*asideEntry{}
	}
	a.forget(now)
	k := op.asideKey(fresh)
	e := a.entries[k]
	if e == nil {
		e = &asideEntry{}
		a.entries[k] = e
	}
	e.delay = min(max(2*e.delay, asideMinDelay), asideMaxDelay)
	e.values, e.tried, e.until, e.told, e.err, e.id = op.asideValues(fresh), now, now.Add(e.delay), false, err, op.ID
	e.times++
	return e.refusal(k)
}

func (e *asideEntry) refusal(k asideKey) Refusal {
	return Refusal{Kind: k.kind, Table: k.table, Row: e.id, Columns: k.columns, Err: e.err, Until: e.until, Times: e.times}
}

// hasten has the operation tried soon, but not as fast as it can be refused.
func (e *asideEntry) hasten() {
	if soon := e.tried.Add(asideMinDelay); soon.Before(e.until) {
		e.until, e.told = soon, false
	}
}

func (a *Aside) forget(now time.Time) {
	for k, e := range a.entries {
		if now.Sub(e.until) > asideForget {
			delete(a.entries, k)
		}
	}
}

// Next returns when Due has something to report, zero when never.
func (a *Aside) Next() time.Time {
	var next time.Time
	for _, e := range a.entries {
		if !e.told && (next.IsZero() || e.until.Before(next)) {
			next = e.until
		}
	}
	return next
}

// Due reports, once for each, whether the time of operations has passed: what they
// were for is to be looked at again.
func (a *Aside) Due(now time.Time) (due bool) {
	for _, e := range a.entries {
		if !e.told && !now.Before(e.until) {
			e.told, due = true, true
		}
	}
	return due
}

// Changed has the operations on rows that changed tried again soon. rows returns
// those of a table.
func (a *Aside) Changed(rows func(table string) iter.Seq[UUID]) {
	if len(a.entries) == 0 {
		return
	}
	byRow := map[string]map[UUID][]*asideEntry{}
	for k, e := range a.entries {
		if k.kind == OpInsert {
			continue
		}
		if byRow[k.table] == nil {
			byRow[k.table] = map[UUID][]*asideEntry{}
		}
		byRow[k.table][k.row] = append(byRow[k.table][k.row], e)
	}
	for table, m := range byRow {
		for id := range rows(table) {
			for _, e := range m[id] {
				e.hasten()
			}
		}
	}
}

// Reconnected has everything tried again soon: another server, or the same one with
// other rules.
func (a *Aside) Reconnected() {
	for _, e := range a.entries {
		e.hasten()
	}
}

// List returns what is set aside, in order.
func (a *Aside) List() []Refusal {
	list := make([]Refusal, 0, len(a.entries))
	for k, e := range a.entries {
		list = append(list, e.refusal(k))
	}
	slices.SortFunc(list, func(x, y Refusal) int {
		if c := strings.Compare(x.Table, y.Table); c != 0 {
			return c
		}
		return bytes.Compare(x.Row[:], y.Row[:])
	})
	return list
}

// guilty is the operation that a result blames: the one with an error, or the last
// whose row the error of the whole names; nil when there is no telling.
func (r *Result) guilty(e *Error) *Op {
	if e.Op != nil {
		return e.Op
	}
	var only *Op
	n := 0
	for _, op := range slices.Backward(r.Txn.ops) {
		if op.Kind == OpVerify || op.Kind == OpVerifyNone {
			continue
		}
		if strings.Contains(e.Details, op.ID.String()) {
			return op
		}
		only = op
		n++
	}
	if n == 1 {
		return only
	}
	return nil
}

// inserted are the rows that the transaction, or the one it is a part of, makes.
func (t *Txn) inserted() (ids []UUID) {
	if t.whole != nil {
		return t.whole.inserted()
	}
	for _, op := range t.ops {
		if op.Kind == OpInsert {
			ids = append(ids, op.ID)
		}
	}
	return ids
}

// without returns the transaction without some of its operations: itself when it is
// none of them, nil when nothing is left that changes anything.
func (t *Txn) without(drop func(*Op) bool) *Txn {
	kept := make([]*Op, 0, len(t.ops))
	changes := false
	for _, op := range t.ops {
		verify := op.Kind == OpVerify || op.Kind == OpVerifyNone
		if !verify && drop(op) {
			continue
		}
		changes = changes || !verify
		kept = append(kept, op)
	}
	switch {
	case !changes:
		return nil
	case len(kept) == len(t.ops):
		return t
	}
	whole := t.whole
	if whole == nil {
		whole = t
	}
	return &Txn{comment: t.comment, ops: kept, whole: whole}
}

// halves splits the operations that change something, of which there are at least
// two; both halves verify all. None for fewer.
func (t *Txn) halves() []*Txn {
	n := 0
	for _, op := range t.ops {
		if op.Kind != OpVerify && op.Kind != OpVerifyNone {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	i := 0
	first := t.without(func(*Op) bool { i++; return i > n/2 })
	i = 0
	second := t.without(func(*Op) bool { i++; return i <= n/2 })
	return []*Txn{first, second}
}

// Columns names the columns the operation writes, with commas between.
func (o *Op) Columns() string {
	var b strings.Builder
	add := func(name string) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
	}
	for _, v := range o.set {
		add(v.column)
	}
	last := ""
	for _, m := range o.mut {
		if m.column != last {
			add(m.column)
		}
		last = m.column
	}
	return b.String()
}

func (o *Op) asideShape() asideShape { return asideShape{o.Kind, o.Table, o.Columns()} }

func (o *Op) asideKey(fresh []UUID) asideKey {
	k := asideKey{asideShape: o.asideShape()}
	if o.Kind == OpInsert {
		k.values = o.asideValues(fresh)
	} else {
		k.row = o.ID
	}
	return k
}

// asideValues is what the operation writes, the same for one that is made anew:
// without times, and without the UUIDs that rows of the same transaction are given.
func (o *Op) asideValues(fresh []UUID) string {
	var b []byte
	add := func(v []byte) {
		for _, id := range fresh {
			v = bytes.ReplaceAll(v, []byte(id.String()), []byte("new"))
		}
		b = append(appendTimeless(b, v), ';')
	}
	for _, v := range o.set {
		add(v.value)
	}
	for _, m := range o.mut {
		b = append(append(b, m.mutator...), ' ')
		add(m.value)
	}
	return string(b)
}

// timeDigits is how many digits a time in milliseconds has, from 2001 on. Keys and
// counters have fewer.
const timeDigits = 13

// appendTimeless appends a value with its times replaced.
func appendTimeless(b, v []byte) []byte {
	digits := 0
	for i := 0; i <= len(v); i++ {
		if i < len(v) && v[i] >= '0' && v[i] <= '9' {
			digits++
			continue
		}
		if digits >= timeDigits {
			b = append(b, "time"...)
		} else {
			b = append(b, v[i-digits:i]...)
		}
		digits = 0
		if i < len(v) {
			b = append(b, v[i])
		}
	}
	return b
}

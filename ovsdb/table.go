package ovsdb

import (
	"fmt"
	"iter"
	"maps"
)

// Table is a replica of one table. Only Apply changes it; between two calls any
// number of goroutines may read it.
//
// Invariants:
//  1. Every row is stored under its own UUID.
//  2. A row is never changed after it has been stored, only replaced.
//  3. No UUID is both in rows and in skipped.
//  4. A row that an update leaves as it was keeps its identity.
type Table[R any] struct {
	kind    *RowType[R]
	rows    map[UUID]*R
	skipped map[UUID]bool // rows that could not be understood
	indexes []indexOf[R]
	room    int // rows that the map has had room for
}

// Change is one row's part in an update.
type Change[R any] struct {
	Old  *R        // nil: the row is new
	New  *R        // nil: the row is gone
	Cols ColumnSet // the columns that differ; all for a new or deleted row
}

// NewTable returns an empty table.
func NewTable[R any](kind *RowType[R]) *Table[R] {
	return &Table[R]{kind: kind, rows: map[UUID]*R{}}
}

// Get returns the row, nil when there is none.
func (t *Table[R]) Get(id UUID) *R { return t.rows[id] }

// Len returns the number of rows.
func (t *Table[R]) Len() int { return len(t.rows) }

// All iterates over the rows in no particular order.
func (t *Table[R]) All() iter.Seq[*R] {
	return func(yield func(*R) bool) {
		for _, r := range t.rows {
			if !yield(r) {
				return
			}
		}
	}
}

// Apply brings the table up to date and returns what changed, one Change for each
// row, rows that are gone first. With replace the updates are the whole contents. Updates that do not fit
// the present contents are reported and passed over; after such an error the
// replica is not to be trusted until Session.Resync has brought everything anew.
func (t *Table[R]) Apply(updates []RowUpdate[R], replace bool) ([]Change[R], []error) {
	if replace {
		return t.replace(updates)
	}
	if len(updates) == 0 {
		return nil, nil
	}
	var errs []error
	changes := make([]Change[R], 0, len(updates))
	var twice bool
	var seen map[UUID]bool
	if len(updates) > 1 {
		seen = make(map[UUID]bool, len(updates))
	}
	for i := range updates {
		u := &updates[i]
		if seen != nil {
			twice = twice || seen[u.ID]
			seen[u.ID] = true
		}
		c, err := t.one(u)
		if err != nil {
			errs = append(errs, fmt.Errorf("table %s: row %s: %w", t.kind.Table, u.ID, err))
		}
		if c.Old != c.New {
			changes = append(changes, c)
		}
	}
	if twice {
		changes = mergeChanges(t.kind, changes, func(old *R) { t.rows[*t.kind.ID(old)] = old })
	}
	t.rows = fitting(t.rows, &t.room)
	changes = goneFirst(changes)
	t.reindex(changes)
	return changes, errs
}

// goneFirst puts the rows that are gone before the others, whose order stays. A row may
// be replaced by another of the same name in one update, and always is when the server
// comes back with another database: who knows rows by name must not be left with
// neither.
func goneFirst[R any](changes []Change[R]) []Change[R] {
	gone := 0
	for i := range changes {
		if changes[i].New == nil {
			gone++
		}
	}
	if gone == 0 || gone == len(changes) {
		return changes
	}
	sorted := make([]Change[R], len(changes))
	first, rest := sorted[:0:gone], sorted[gone:gone]
	for _, c := range changes {
		if c.New == nil {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	return sorted
}

// fitting is m, or a copy that takes less room once three of four of its elements
// are gone: a map does not get smaller by itself. room is how many it has had since
// the last copy.
func fitting[K comparable, V any](m map[K]V, room *int) map[K]V {
	*room = max(*room, len(m))
	if *room < 1024 || len(m) > *room/4 {
		return m
	}
	c := make(map[K]V, len(m))
	maps.Copy(c, m)
	*room = len(m)
	return c
}

func (t *Table[R]) one(u *RowUpdate[R]) (Change[R], error) {
	old := t.rows[u.ID]
	switch u.Kind {
	case RowInsert, RowFull:
		delete(t.skipped, u.ID)
		c := Change[R]{Old: old, New: u.Row, Cols: AllColumns}
		if old != nil {
			c.Cols = t.kind.Diff(old, u.Row)
			if c.Cols == 0 {
				return Change[R]{}, nil
			}
		}
		t.rows[u.ID] = u.Row
		return c, nil
	case RowModify:
		if old == nil {
			if t.skipped[u.ID] {
				return Change[R]{}, nil
			}
			return Change[R]{}, fmt.Errorf("a change of a row that was never sent")
		}
		row := new(R)
		*row = *old
		t.kind.Patch(row, u.Row, u.Cols)
		cols := t.kind.Diff(old, row)
		if cols == 0 {
			return Change[R]{}, nil
		}
		t.rows[u.ID] = row
		return Change[R]{Old: old, New: row, Cols: cols}, nil
	case RowDelete:
		delete(t.skipped, u.ID)
		if old == nil {
			// Servers say so of rows that came and went within what a resumed session
			// missed.
			return Change[R]{}, nil
		}
		delete(t.rows, u.ID)
		return Change[R]{Old: old, Cols: AllColumns}, nil
	case RowSkipped:
		if old != nil {
			// The last version that was understood stays: the server still has the row.
			return Change[R]{}, nil
		}
		if t.skipped == nil {
			t.skipped = map[UUID]bool{}
		}
		t.skipped[u.ID] = true
	}
	return Change[R]{}, nil
}

// replace makes updates the whole contents. Rows that are the same as before keep
// their identity and are no change.
func (t *Table[R]) replace(updates []RowUpdate[R]) ([]Change[R], []error) {
	before, skipped := t.rows, t.skipped
	t.rows, t.room = make(map[UUID]*R, len(updates)), 0
	t.skipped = nil
	changes := make([]Change[R], 0, max(0, len(updates)-len(before)))
	for i := range updates {
		u := &updates[i]
		old := before[u.ID]
		switch {
		case u.Kind == RowSkipped:
			if old != nil {
				t.rows[u.ID] = old
				continue
			}
			if t.skipped == nil {
				t.skipped = make(map[UUID]bool, len(skipped))
			}
			t.skipped[u.ID] = true
		case u.Row == nil:
		case old == nil:
			t.rows[u.ID] = u.Row
			changes = append(changes, Change[R]{New: u.Row, Cols: AllColumns})
		default:
			cols := t.kind.Diff(old, u.Row)
			if cols == 0 {
				t.rows[u.ID] = old
				continue
			}
			t.rows[u.ID] = u.Row
			changes = append(changes, Change[R]{Old: old, New: u.Row, Cols: cols})
		}
	}
	for id, old := range before {
		if t.rows[id] == nil {
			changes = append(changes, Change[R]{Old: old, Cols: AllColumns})
		}
	}
	changes = goneFirst(changes)
	t.reindex(changes)
	return changes, nil
}

// MergeChanges returns the net effect of changes that happened one after the
// other: at most one for each row, none for a row that ended as it began. Rows that
// are gone are first; else the order is that of each row's first change.
func MergeChanges[R any](kind *RowType[R], changes []Change[R]) []Change[R] {
	return goneFirst(mergeChanges(kind, changes, func(*R) {}))
}

// mergeChanges calls same with each row that ended as it began.
func mergeChanges[R any](kind *RowType[R], changes []Change[R], same func(old *R)) []Change[R] {
	at := make(map[UUID]int, len(changes))
	out := make([]Change[R], 0, len(changes))
	for _, c := range changes {
		var id UUID
		if c.New != nil {
			id = *kind.ID(c.New)
		} else {
			id = *kind.ID(c.Old)
		}
		if i, ok := at[id]; ok {
			out[i].New = c.New
		} else {
			at[id] = len(out)
			out = append(out, c)
		}
	}
	n := 0
	for _, c := range out {
		switch {
		case c.Old == nil && c.New == nil:
			continue
		case c.Old == nil || c.New == nil:
			c.Cols = AllColumns
		default:
			if c.Cols = kind.Diff(c.Old, c.New); c.Cols == 0 {
				same(c.Old)
				continue
			}
		}
		out[n] = c
		n++
	}
	clear(out[n:])
	return out[:n]
}

func (t *Table[R]) reindex(changes []Change[R]) {
	if len(changes) > 0 {
		for _, x := range t.indexes {
			x.update(changes)
		}
	}
}

// valid checks the invariants.
func (t *Table[R]) valid() error {
	for id, r := range t.rows {
		if *t.kind.ID(r) != id {
			return fmt.Errorf("table %s: row %s is stored under %s", t.kind.Table, *t.kind.ID(r), id)
		}
		if t.skipped[id] {
			return fmt.Errorf("table %s: row %s is both stored and skipped", t.kind.Table, id)
		}
	}
	return nil
}

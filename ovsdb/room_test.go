package ovsdb

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
)

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestRoomIsGivenUp: a table that was large takes no more than one that never was.
func TestRoomIsGivenUp(t *testing.T) {
	const most, left = 100_000, 500
	update := func(n int, kind RowKind) RowUpdate[thing] {
		u := RowUpdate[thing]{Kind: kind}
		binary.BigEndian.PutUint32(u.ID[:], uint32(n))
		if kind == RowInsert {
			u.Row = &thing{UUID: u.ID, Name: fmt.Sprint(n)}
		}
		return u
	}
	updates := func(from, to int, kind RowKind) (list []RowUpdate[thing]) {
		for n := from; n < to; n++ {
			list = append(list, update(n, kind))
		}
		return list
	}
	before := heap()
	table := NewTable(&thingType)
	byName := AddIndex(table, func(r *thing) (string, bool) { return r.Name, true })
	table.Apply(updates(0, most, RowInsert), false)
	full := heap() - before
	table.Apply(updates(left, most, RowDelete), false)
	// 500 rows with their names and their place in table and index.
	if now := heap() - before; now > 400_000 {
		t.Errorf("%d bytes for %d rows, and %d for %d", now, left, full, most)
	}
	if err := table.valid(); err != nil || !byName.valid() || table.Len() != left || byName.Len() != left {
		t.Errorf("%d rows, %d names, %v", table.Len(), byName.Len(), err)
	}
	if r := byName.One("7"); r == nil || r != table.Get(update(7, RowDelete).ID) {
		t.Errorf("row %v", r)
	}
	table.Apply(updates(left, 2*left, RowInsert), false)
	if r := byName.One(fmt.Sprint(left + 1)); r == nil || table.Len() != 2*left {
		t.Errorf("row %v of %d", r, table.Len())
	}
}

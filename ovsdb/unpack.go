package ovsdb

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Unpacker reads what a Packer wrote. After the first thing that cannot be right it
// yields zero values, and Err says what that was.
type Unpacker struct {
	buf     []byte
	strings []string
	err     error
}

// NewUnpacker returns an Unpacker of b, of which nothing is kept.
func NewUnpacker(b []byte) *Unpacker { return &Unpacker{buf: b} }

// Err returns what was wrong.
func (u *Unpacker) Err() error { return u.err }

// Left returns how many bytes have not been read.
func (u *Unpacker) Left() int { return len(u.buf) }

var errShort = errors.New("it ends too early")

func (u *Unpacker) fail(err error) {
	if u.err == nil {
		u.err = err
	}
	u.buf = nil
}

func (u *Unpacker) take(n uint64) []byte {
	if n > uint64(len(u.buf)) {
		u.fail(errShort)
		return nil
	}
	b := u.buf[:n]
	u.buf = u.buf[n:]
	return b
}

// Count reads a number that is not negative.
func (u *Unpacker) Count() uint64 {
	v, n := binary.Uvarint(u.buf)
	if n <= 0 {
		u.fail(errShort)
		return 0
	}
	u.buf = u.buf[n:]
	return v
}

// Elements reads the number of elements that follow, each of at least size bytes.
func (u *Unpacker) Elements(size int) int {
	n := u.Count()
	if n > uint64(len(u.buf)/size) {
		u.fail(errShort)
		return 0
	}
	return int(n)
}

// Columns reads which of a table's n columns follow.
func (u *Unpacker) Columns(n int) ColumnSet {
	c := ColumnSet(u.Count())
	if n < 64 && c>>n != 0 {
		u.fail(fmt.Errorf("columns %#x of a table that has %d", uint64(c), n))
		return 0
	}
	return c
}

func (u *Unpacker) string() string {
	v := u.Count()
	if v&1 != 0 {
		if v >>= 1; v >= uint64(len(u.strings)) {
			u.fail(fmt.Errorf("string %d of %d", v, len(u.strings)))
			return ""
		}
		return u.strings[v]
	}
	s := string(u.take(v >> 1))
	if len(s) == 0 || len(s) > packedStringMax {
		return s
	}
	if len(u.strings) == packedStrings {
		clear(u.strings)
		u.strings = u.strings[:0]
	}
	u.strings = append(u.strings, s)
	return s
}

func (u *Unpacker) bool() bool { return u.Count() != 0 }

func (u *Unpacker) int() int64 {
	v, n := binary.Varint(u.buf)
	if n <= 0 {
		u.fail(errShort)
		return 0
	}
	u.buf = u.buf[n:]
	return v
}

func (u *Unpacker) real() float64 {
	b := u.take(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

func (u *Unpacker) uuid() (id UUID) {
	copy(id[:], u.take(uint64(len(id))))
	return id
}

// String reads a string.
func (u *Unpacker) String(p *string) { *p = u.string() }

// Bool reads a boolean.
func (u *Unpacker) Bool(p *bool) { *p = u.bool() }

// Int reads an integer.
func (u *Unpacker) Int(p *int64) { *p = u.int() }

// Real reads a real number.
func (u *Unpacker) Real(p *float64) { *p = u.real() }

// UUID reads a reference.
func (u *Unpacker) UUID(p *UUID) { *p = u.uuid() }

// OptString, OptBool, OptInt, OptReal and OptUUID read the value of an optional
// column that is set.
func (u *Unpacker) OptString(p *Optional[string]) { *p = Some(u.string()) }

// OptBool reads an optional boolean that is set.
func (u *Unpacker) OptBool(p *Optional[bool]) { *p = Some(u.bool()) }

// OptInt reads an optional integer that is set.
func (u *Unpacker) OptInt(p *Optional[int64]) { *p = Some(u.int()) }

// OptReal reads an optional real number that is set.
func (u *Unpacker) OptReal(p *Optional[float64]) { *p = Some(u.real()) }

// OptUUID reads an optional reference that is set.
func (u *Unpacker) OptUUID(p *UUID) { *p = u.uuid() }

// StringSet reads a set of strings.
func (u *Unpacker) StringSet(p *[]string) {
	*p = unpackSet(u, 1, (*Unpacker).string, cmp.Compare[string])
}

// IntSet reads a set of integers.
func (u *Unpacker) IntSet(p *[]int64) { *p = unpackSet(u, 1, (*Unpacker).int, cmp.Compare[int64]) }

// UUIDSet reads a set of references.
func (u *Unpacker) UUIDSet(p *[]UUID) { *p = unpackSet(u, len(UUID{}), (*Unpacker).uuid, UUID.Compare) }

// StringStringMap reads a map of strings to strings.
func (u *Unpacker) StringStringMap(p *Map) { *p = unpackMap(u, (*Unpacker).string, (*Unpacker).string) }

// StringIntMap reads a map of strings to integers.
func (u *Unpacker) StringIntMap(p *MapOf[string, int64]) {
	*p = unpackMap(u, (*Unpacker).string, (*Unpacker).int)
}

// StringUUIDMap reads a map of strings to references.
func (u *Unpacker) StringUUIDMap(p *MapOf[string, UUID]) {
	*p = unpackMap(u, (*Unpacker).string, (*Unpacker).uuid)
}

// IntIntMap reads a map of integers to integers.
func (u *Unpacker) IntIntMap(p *MapOf[int64, int64]) {
	*p = unpackMap(u, (*Unpacker).int, (*Unpacker).int)
}

// IntStringMap reads a map of integers to strings.
func (u *Unpacker) IntStringMap(p *MapOf[int64, string]) {
	*p = unpackMap(u, (*Unpacker).int, (*Unpacker).string)
}

// IntUUIDMap reads a map of integers to references.
func (u *Unpacker) IntUUIDMap(p *MapOf[int64, UUID]) {
	*p = unpackMap(u, (*Unpacker).int, (*Unpacker).uuid)
}

var errOrder = errors.New("elements of a set or map are out of order")

func unpackSet[T any](u *Unpacker, size int, atom func(*Unpacker) T, compare func(a, b T) int) []T {
	n := u.Elements(size)
	if n == 0 {
		return nil
	}
	out := make([]T, n)
	for i := range out {
		out[i] = atom(u)
		if i > 0 && u.err == nil && compare(out[i-1], out[i]) >= 0 {
			u.fail(errOrder)
		}
	}
	return out
}

func unpackMap[K cmp.Ordered, V comparable](u *Unpacker, key func(*Unpacker) K, value func(*Unpacker) V) MapOf[K, V] {
	n := u.Elements(2)
	if n == 0 {
		return MapOf[K, V]{}
	}
	pairs := make([]Pair[K, V], n)
	for i := range pairs {
		pairs[i] = Pair[K, V]{key(u), value(u)}
		if i > 0 && u.err == nil && pairs[i-1].Key >= pairs[i].Key {
			u.fail(errOrder)
		}
	}
	return MapOf[K, V]{pairs}
}

// Unpack reads n packed rows and appends them to list.
func (t *RowType[R]) Unpack(list *[]RowUpdate[R], u *Unpacker, n int) {
	out := make([]RowUpdate[R], 0, n)
	for i := range n {
		// One by one, not all in one piece: rows go one by one, too.
		row := new(R)
		id := u.uuid()
		*t.ID(row) = id
		t.UnpackRow(row, u)
		if u.err != nil {
			u.err = fmt.Errorf("table %s: row %d of %d: %w", t.Table, i, n, u.err)
			return
		}
		out = append(out, RowUpdate[R]{ID: id, Kind: RowInsert, Row: row})
	}
	*list = append(*list, out...)
}

package ovsdb

import (
	"cmp"
	"encoding/binary"
	"io"
	"math"
)

// The packed form of rows, which snapshots are made of. A row is its UUID, the set
// of its columns that are not empty, and these columns in the schema's order.
//
//	number   uvarint, or varint where it may be negative
//	string   uvarint(length<<1) and the bytes, or uvarint(index<<1|1) for one of the
//	         strings before: those of 1 to 1024 bytes, forgotten when there are 32768
//	UUID     16 bytes
//	set, map uvarint(elements) and the elements, sorted
const (
	packedStrings   = 32 << 10
	packedStringMax = 1 << 10
)

// Packer writes the packed form. An error of the writer stops it; Flush returns it.
type Packer struct {
	w    io.Writer
	buf  []byte
	seen map[string]uint64
	err  error
}

// packBuffer is how many bytes a Packer collects before it writes.
const packBuffer = 64 << 10

// NewPacker returns a Packer that writes to w in large pieces.
func NewPacker(w io.Writer) *Packer {
	return &Packer{w: w, buf: make([]byte, 0, packBuffer+4<<10), seen: map[string]uint64{}}
}

// Flush writes what is left and returns the first error.
func (p *Packer) Flush() error {
	if p.err == nil && len(p.buf) > 0 {
		_, p.err = p.w.Write(p.buf)
	}
	p.buf = p.buf[:0]
	return p.err
}

func (p *Packer) room() {
	if len(p.buf) >= packBuffer {
		_ = p.Flush() // the error is kept
	}
}

// Count writes a number that is not negative.
func (p *Packer) Count(n uint64) {
	p.room()
	p.buf = binary.AppendUvarint(p.buf, n)
}

// Columns writes which columns follow.
func (p *Packer) Columns(c ColumnSet) { p.Count(uint64(c)) }

// String writes a string.
func (p *Packer) String(s string) {
	if len(s) == 0 || len(s) > packedStringMax {
		p.Count(uint64(len(s)) << 1)
		p.buf = append(p.buf, s...)
		return
	}
	if i, ok := p.seen[s]; ok {
		p.Count(i<<1 | 1)
		return
	}
	p.Count(uint64(len(s)) << 1)
	p.buf = append(p.buf, s...)
	if len(p.seen) == packedStrings {
		clear(p.seen)
	}
	p.seen[s] = uint64(len(p.seen))
}

// Bool writes a boolean.
func (p *Packer) Bool(v bool) {
	n := uint64(0)
	if v {
		n = 1
	}
	p.Count(n)
}

// Int writes an integer.
func (p *Packer) Int(v int64) {
	p.room()
	p.buf = binary.AppendVarint(p.buf, v)
}

// Real writes a real number.
func (p *Packer) Real(v float64) {
	p.room()
	p.buf = binary.BigEndian.AppendUint64(p.buf, math.Float64bits(v))
}

// UUID writes a reference.
func (p *Packer) UUID(v UUID) {
	p.room()
	p.buf = append(p.buf, v[:]...)
}

// OptString, OptBool, OptInt and OptReal write the value of an optional column
// that is set; which ones are is in Columns.
func (p *Packer) OptString(v Optional[string]) { p.String(v.v) }

// OptBool writes an optional boolean that is set.
func (p *Packer) OptBool(v Optional[bool]) { p.Bool(v.v) }

// OptInt writes an optional integer that is set.
func (p *Packer) OptInt(v Optional[int64]) { p.Int(v.v) }

// OptReal writes an optional real number that is set.
func (p *Packer) OptReal(v Optional[float64]) { p.Real(v.v) }

// OptUUID writes an optional reference that is set.
func (p *Packer) OptUUID(v UUID) { p.UUID(v) }

// StringSet writes a set of strings.
func (p *Packer) StringSet(v []string) { packSet(p, v, (*Packer).String) }

// IntSet writes a set of integers.
func (p *Packer) IntSet(v []int64) { packSet(p, v, (*Packer).Int) }

// UUIDSet writes a set of references.
func (p *Packer) UUIDSet(v []UUID) { packSet(p, v, (*Packer).UUID) }

// StringStringMap writes a map of strings to strings.
func (p *Packer) StringStringMap(m Map) { packMap(p, m, (*Packer).String, (*Packer).String) }

// StringIntMap writes a map of strings to integers.
func (p *Packer) StringIntMap(m MapOf[string, int64]) { packMap(p, m, (*Packer).String, (*Packer).Int) }

// StringUUIDMap writes a map of strings to references.
func (p *Packer) StringUUIDMap(m MapOf[string, UUID]) {
	packMap(p, m, (*Packer).String, (*Packer).UUID)
}

// IntIntMap writes a map of integers to integers.
func (p *Packer) IntIntMap(m MapOf[int64, int64]) { packMap(p, m, (*Packer).Int, (*Packer).Int) }

// IntStringMap writes a map of integers to strings.
func (p *Packer) IntStringMap(m MapOf[int64, string]) { packMap(p, m, (*Packer).Int, (*Packer).String) }

// IntUUIDMap writes a map of integers to references.
func (p *Packer) IntUUIDMap(m MapOf[int64, UUID]) { packMap(p, m, (*Packer).Int, (*Packer).UUID) }

func packSet[T any](p *Packer, v []T, atom func(*Packer, T)) {
	p.Count(uint64(len(v)))
	for _, x := range v {
		atom(p, x)
	}
}

func packMap[K cmp.Ordered, V comparable](p *Packer, m MapOf[K, V], key func(*Packer, K), value func(*Packer, V)) {
	p.Count(uint64(len(m.pairs)))
	for _, x := range m.pairs {
		key(p, x.Key)
		value(p, x.Value)
	}
}

// Frozen is the rows of a table as they were at one moment. Any goroutine may use
// it while the table goes on changing: rows themselves never do.
type Frozen interface {
	Table() string
	Len() int
	Pack(*Packer)
}

type frozen[R any] struct {
	kind *RowType[R]
	rows []*R
}

// Freeze takes down which rows there are, in no particular order.
func (t *Table[R]) Freeze() Frozen {
	rows := make([]*R, 0, len(t.rows))
	for _, r := range t.rows {
		rows = append(rows, r)
	}
	return &frozen[R]{t.kind, rows}
}

func (f *frozen[R]) Table() string { return f.kind.Table }
func (f *frozen[R]) Len() int      { return len(f.rows) }

func (f *frozen[R]) Pack(p *Packer) {
	for _, r := range f.rows {
		if p.err != nil {
			return
		}
		p.UUID(*f.kind.ID(r))
		f.kind.PackRow(r, p)
	}
}

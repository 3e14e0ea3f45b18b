package ovsdb

import (
	"cmp"
	"fmt"
	"slices"
)

// RowDecoder reads the columns of one <row> (RFC 7047 section 5.1), an object
// that jsontext has already checked. Generated code drives it:
//
//	for d.Next() {
//		switch string(d.Column()) {
//		case "name":
//			if d.String(&row.Name) { cols |= ColName }
//
// A value of the wrong kind is recorded in Err, its column is skipped, and the
// next one is read.
type RowDecoder struct {
	strings *Interner
	buf     []byte
	pos     int
	value   int // where the value of the present column begins
	column  []byte
	err     error
	note    error
	scratch []byte
	ints    []int64
	strs    []string
	uuids   []UUID
}

// NewRowDecoder returns a decoder that interns strings in in.
func NewRowDecoder(in *Interner) *RowDecoder { return &RowDecoder{strings: in} }

// Reset makes d read row. A JSON null is read as a row without columns.
func (d *RowDecoder) Reset(row []byte) {
	d.buf, d.pos, d.err, d.note, d.column = row, 0, nil, nil, nil
	d.space()
	if d.peek() == '{' {
		d.pos++
	} else {
		if d.peek() != 'n' {
			d.err = fmt.Errorf("a row must be an object")
		}
		d.pos = len(d.buf)
	}
}

// Err returns the first value that was not what the schema says.
func (d *RowDecoder) Err() error { return d.err }

// Note returns the first optional value that was left out because it is not one
// this schema knows. The row is good without it.
func (d *RowDecoder) Note() error { return d.note }

// Column returns the name of the present column, valid until the next call.
func (d *RowDecoder) Column() []byte { return d.column }

// Next moves to the next column, false after the last.
func (d *RowDecoder) Next() bool {
	d.separator()
	if d.peek() != '"' {
		return false
	}
	name, ok := d.quoted()
	if !ok {
		d.pos = len(d.buf)
		return false
	}
	d.column = name
	d.space()
	if d.peek() != ':' {
		d.pos = len(d.buf)
		return false
	}
	d.pos++
	d.space()
	d.value = d.pos
	return true
}

// Skip passes over the present column.
func (d *RowDecoder) Skip() { d.pos = d.end(d.value) }

// Reject records that the value of the present column is not acceptable and
// skips it.
func (d *RowDecoder) Reject(want string) bool {
	if d.err == nil {
		d.err = d.complaint(want)
	}
	d.Skip()
	return false
}

func (d *RowDecoder) complaint(want string) error {
	text := d.buf[d.value:d.end(d.value)]
	if len(text) > 80 {
		text = append(slices.Clone(text[:80]), "..."...)
	}
	return fmt.Errorf("column %s: %s is not %s", d.column, text, want)
}

// String reads a string.
func (d *RowDecoder) String(p *string) bool { return one(d, p, (*RowDecoder).str, "a string") }

// Enum reads one of the given strings.
func (d *RowDecoder) Enum(p *string, known ...string) bool {
	var v string
	if !d.String(&v) {
		return false
	}
	if !slices.Contains(known, v) {
		return d.Reject("a value that this schema knows")
	}
	*p = v
	return true
}

// OptEnum reads at most one of the given strings. An unknown one is noted and left
// out.
func (d *RowDecoder) OptEnum(p *Optional[string], known ...string) bool {
	var o Optional[string]
	if !d.OptString(&o) {
		return false
	}
	if o.ok && !slices.Contains(known, o.v) {
		if d.note == nil {
			d.note = d.complaint("a value that this schema knows")
		}
		o = Optional[string]{}
	}
	*p = o
	return true
}

// Bool reads a boolean.
func (d *RowDecoder) Bool(p *bool) bool { return one(d, p, (*RowDecoder).boolean, "a boolean") }

// Int reads an integer.
func (d *RowDecoder) Int(p *int64) bool { return one(d, p, (*RowDecoder).integer, "an integer") }

// IntRange reads an integer from lo to hi.
func (d *RowDecoder) IntRange(p *int64, lo, hi int64) bool {
	var v int64
	if !d.Int(&v) {
		return false
	}
	if v < lo || v > hi {
		return d.Reject(fmt.Sprintf("within %d to %d", lo, hi))
	}
	*p = v
	return true
}

// Real reads a real number.
func (d *RowDecoder) Real(p *float64) bool { return one(d, p, (*RowDecoder).real, "a number") }

// UUID reads a reference.
func (d *RowDecoder) UUID(p *UUID) bool { return one(d, p, (*RowDecoder).uuid, "a UUID") }

// OptString, OptBool, OptInt, OptReal and OptUUID read a set of at most one
// element.
func (d *RowDecoder) OptString(p *Optional[string]) bool {
	return optional(d, p, (*RowDecoder).str, "at most one string")
}

// OptBool reads a set of at most one boolean.
func (d *RowDecoder) OptBool(p *Optional[bool]) bool {
	return optional(d, p, (*RowDecoder).boolean, "at most one boolean")
}

// OptInt reads a set of at most one integer.
func (d *RowDecoder) OptInt(p *Optional[int64]) bool {
	return optional(d, p, (*RowDecoder).integer, "at most one integer")
}

// OptReal reads a set of at most one real number.
func (d *RowDecoder) OptReal(p *Optional[float64]) bool {
	return optional(d, p, (*RowDecoder).real, "at most one number")
}

// OptUUID reads a set of at most one reference, zero when empty.
func (d *RowDecoder) OptUUID(p *UUID) bool {
	var o Optional[UUID]
	if !optional(d, &o, (*RowDecoder).uuid, "at most one UUID") {
		return false
	}
	*p = o.v
	return true
}

// StringSet reads a set of strings, sorted.
func (d *RowDecoder) StringSet(p *[]string) bool {
	return set(d, p, &d.strs, (*RowDecoder).str, cmp.Compare[string], "a set of strings")
}

// IntSet reads a set of integers, sorted.
func (d *RowDecoder) IntSet(p *[]int64) bool {
	return set(d, p, &d.ints, (*RowDecoder).integer, cmp.Compare[int64], "a set of integers")
}

// UUIDSet reads a set of references, sorted.
func (d *RowDecoder) UUIDSet(p *[]UUID) bool {
	return set(d, p, &d.uuids, (*RowDecoder).uuid, UUID.Compare, "a set of UUIDs")
}

// StringStringMap, StringIntMap, StringUUIDMap, IntIntMap, IntStringMap and
// IntUUIDMap read maps.
func (d *RowDecoder) StringStringMap(p *Map) bool {
	return mapping(d, p, (*RowDecoder).str, (*RowDecoder).str, "a map of strings to strings")
}

// StringIntMap reads a map of strings to integers.
func (d *RowDecoder) StringIntMap(p *MapOf[string, int64]) bool {
	return mapping(d, p, (*RowDecoder).str, (*RowDecoder).integer, "a map of strings to integers")
}

// StringUUIDMap reads a map of strings to references.
func (d *RowDecoder) StringUUIDMap(p *MapOf[string, UUID]) bool {
	return mapping(d, p, (*RowDecoder).str, (*RowDecoder).uuid, "a map of strings to UUIDs")
}

// IntIntMap reads a map of integers to integers.
func (d *RowDecoder) IntIntMap(p *MapOf[int64, int64]) bool {
	return mapping(d, p, (*RowDecoder).integer, (*RowDecoder).integer, "a map of integers to integers")
}

// IntStringMap reads a map of integers to strings.
func (d *RowDecoder) IntStringMap(p *MapOf[int64, string]) bool {
	return mapping(d, p, (*RowDecoder).integer, (*RowDecoder).str, "a map of integers to strings")
}

// IntUUIDMap reads a map of integers to references.
func (d *RowDecoder) IntUUIDMap(p *MapOf[int64, UUID]) bool {
	return mapping(d, p, (*RowDecoder).integer, (*RowDecoder).uuid, "a map of integers to UUIDs")
}

func one[T any](d *RowDecoder, p *T, atom func(*RowDecoder) (T, bool), want string) bool {
	// A set of exactly one element is an allowed notation of that element.
	inSet := d.enter("set")
	v, ok := atom(d)
	if !ok || inSet && !d.leave() {
		return d.Reject(want)
	}
	*p = v
	return true
}

func optional[T comparable](d *RowDecoder, p *Optional[T], atom func(*RowDecoder) (T, bool), want string) bool {
	if !d.enter("set") {
		v, ok := atom(d)
		if !ok {
			return d.Reject(want)
		}
		*p = Some(v)
		return true
	}
	d.separator()
	if d.peek() == ']' {
		if !d.leave() {
			return d.Reject(want)
		}
		*p = Optional[T]{}
		return true
	}
	v, ok := atom(d)
	if !ok || !d.leave() {
		return d.Reject(want)
	}
	*p = Some(v)
	return true
}

func set[T any](d *RowDecoder, p *[]T, scratch *[]T, atom func(*RowDecoder) (T, bool), compare func(a, b T) int, want string) bool {
	if !d.enter("set") {
		v, ok := atom(d)
		if !ok {
			return d.Reject(want)
		}
		*p = []T{v}
		return true
	}
	list := (*scratch)[:0]
	defer func() {
		// Large sets are rare: what one needed is not kept for all rows to come.
		if clear(list); cap(list) < 1<<12 {
			*scratch = list[:0]
		}
	}()
	for d.more() {
		v, ok := atom(d)
		if !ok {
			return d.Reject(want)
		}
		list = append(list, v)
	}
	if !d.leave() {
		return d.Reject(want)
	}
	if len(list) == 0 {
		*p = nil
		return true
	}
	out := make([]T, len(list))
	copy(out, list)
	for i := 1; i < len(out); i++ {
		if compare(out[i-1], out[i]) >= 0 {
			slices.SortFunc(out, compare)
			out = slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
			break
		}
	}
	*p = out
	return true
}

func mapping[K cmp.Ordered, V comparable](d *RowDecoder, p *MapOf[K, V],
	key func(*RowDecoder) (K, bool), value func(*RowDecoder) (V, bool), want string) bool {
	if !d.enter("map") {
		// An empty set is also how an empty map may be written.
		if d.enter("set") && !d.more() && d.leave() {
			*p = MapOf[K, V]{}
			return true
		}
		return d.Reject(want)
	}
	n := d.count()
	var pairs []Pair[K, V]
	if n > 0 {
		pairs = make([]Pair[K, V], 0, n)
	}
	for d.more() {
		if d.peek() != '[' {
			return d.Reject(want)
		}
		d.pos++
		d.space()
		k, ok := key(d)
		if !ok {
			return d.Reject(want)
		}
		d.separator()
		v, ok := value(d)
		if !ok {
			return d.Reject(want)
		}
		d.space()
		if d.peek() != ']' {
			return d.Reject(want)
		}
		d.pos++
		pairs = append(pairs, Pair[K, V]{k, v})
	}
	if !d.leave() {
		return d.Reject(want)
	}
	*p = MapOfPairs(pairs)
	return true
}

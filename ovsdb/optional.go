package ovsdb

import "fmt"

// Optional is the value of a column that holds at most one element. Optional
// references are plain UUIDs instead, zero when unset.
type Optional[T comparable] struct {
	v  T
	ok bool
}

// Some returns an Optional that is set to v.
func Some[T comparable](v T) Optional[T] { return Optional[T]{v, true} }

// Get returns the value and whether it is set.
func (o Optional[T]) Get() (T, bool) { return o.v, o.ok }

// Value returns the value, zero when unset.
func (o Optional[T]) Value() T { return o.v }

// Or returns the value, or otherwise when unset.
func (o Optional[T]) Or(otherwise T) T {
	if o.ok {
		return o.v
	}
	return otherwise
}

// IsSet tells whether there is a value.
func (o Optional[T]) IsSet() bool { return o.ok }

// String returns the value as ovs-vsctl prints it, [] when unset.
func (o Optional[T]) String() string {
	if !o.ok {
		return "[]"
	}
	return fmt.Sprint(o.v)
}

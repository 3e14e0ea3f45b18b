package ovsdb

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// The append functions write column values in the notation of RFC 7047 section
// 5.1. Each takes what the generated row types hold.

// AppendString appends a string.
func AppendString(b []byte, v string) []byte {
	out, err := jsontext.AppendQuote(b, v)
	if err != nil {
		// The only error is invalid UTF-8, which AppendQuote has replaced.
		return out
	}
	return out
}

// AppendInt appends an integer.
func AppendInt(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }

// AppendBool appends a boolean.
func AppendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// AppendReal appends a real number.
func AppendReal(b []byte, v float64) []byte { return strconv.AppendFloat(b, v, 'g', -1, 64) }

// AppendUUID appends a reference.
func AppendUUID(b []byte, v UUID) []byte {
	b = append(b, `["uuid","`...)
	b = v.AppendText(b)
	return append(b, `"]`...)
}

// AppendOptional appends a set of at most one element.
func AppendOptional[T comparable](b []byte, v Optional[T], atom func([]byte, T) []byte) []byte {
	if !v.ok {
		return append(b, `["set",[]]`...)
	}
	return atom(b, v.v)
}

// AppendOptUUID appends a set of at most one reference, empty for the zero UUID.
func AppendOptUUID(b []byte, v UUID) []byte {
	if v.IsZero() {
		return append(b, `["set",[]]`...)
	}
	return AppendUUID(b, v)
}

// AppendSet appends a set.
func AppendSet[T any](b []byte, v []T, atom func([]byte, T) []byte) []byte {
	b = append(b, `["set",[`...)
	for i, e := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = atom(b, e)
	}
	return append(b, "]]"...)
}

// AppendMap appends a map.
func AppendMap[K mapKey, V comparable](b []byte, v MapOf[K, V], key func([]byte, K) []byte, value func([]byte, V) []byte) []byte {
	b = append(b, `["map",[`...)
	for i, p := range v.pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = key(b, p.Key)
		b = append(b, ',')
		b = value(b, p.Value)
		b = append(b, ']')
	}
	return append(b, "]]"...)
}

// mapKey is what keys of maps may be.
type mapKey interface{ string | int64 }

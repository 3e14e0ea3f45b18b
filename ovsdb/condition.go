package ovsdb

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Condition is one clause that rows are monitored by. The value is JSON.
type Condition struct {
	Column, Function, Value string
}

// Where selects the rows of one table that are monitored: those for which any
// clause holds. An empty, non-nil Where selects none, nil selects all.
type Where []Condition

// Conditions say which rows of which tables are monitored. Tables that are not in
// it are monitored whole.
type Conditions map[string]Where

// WhereString selects rows whose column equals a string.
func WhereString(column, value string) Condition {
	return Condition{column, "==", string(AppendString(nil, value))}
}

// WhereUUID selects rows that refer to a row.
func WhereUUID(column string, value UUID) Condition {
	return Condition{column, "==", string(AppendUUID(nil, value))}
}

// WhereInt selects rows whose column equals an integer.
func WhereInt(column string, value int64) Condition {
	return Condition{column, "==", string(AppendInt(nil, value))}
}

// WhereEmpty selects rows whose optional column has no value.
func WhereEmpty(column string) Condition { return Condition{column, "==", `["set",[]]`} }

// normal returns w sorted and without duplicates, so that equal ones compare
// equal.
func (w Where) normal() Where {
	if w == nil {
		return nil
	}
	out := slices.Clone(w)
	slices.SortFunc(out, func(a, b Condition) int {
		return cmp.Or(strings.Compare(a.Column, b.Column), strings.Compare(a.Function, b.Function), strings.Compare(a.Value, b.Value))
	})
	out = slices.Compact(out)
	if out == nil {
		out = Where{}
	}
	return out
}

func (w Where) equal(v Where) bool { return (w == nil) == (v == nil) && slices.Equal(w, v) }

func (c Conditions) normal() Conditions { return c.normalLike(nil, nil) }

// normalLike is normal. Of lists that are the same in given, it takes what they
// became in its normal form.
func (c Conditions) normalLike(given, normal Conditions) Conditions {
	out := make(Conditions, len(c))
	for t, w := range c {
		if g := given[t]; len(w) > 0 && len(w) == len(g) && &w[0] == &g[0] {
			out[t] = normal[t]
		} else {
			out[t] = w.normal()
		}
	}
	return out
}

func (c Conditions) equal(d Conditions) bool {
	return maps.EqualFunc(c, d, Where.equal)
}

// appendWhere writes the "where" of a table as the server's schema allows: a
// clause about a column it lacks selects nothing.
func appendWhere(b []byte, w Where, table string, schema *ServerSchema) []byte {
	if w == nil {
		return append(b, "[true]"...)
	}
	b = append(b, '[')
	n := 0
	for _, c := range w {
		if c.Column != "_uuid" && !schema.HasColumn(table, c.Column) {
			continue
		}
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = append(b, '[')
		b = AppendString(b, c.Column)
		b = append(b, `,"`...)
		b = append(b, c.Function...)
		b = append(b, `",`...)
		b = append(b, c.Value...)
		b = append(b, ']')
	}
	if n == 0 {
		// An empty list would select everything.
		b = append(b, "false"...)
	}
	return append(b, ']')
}

package ovsdb

import (
	"github.com/go-json-experiment/json/jsontext"
)

// Txn is a transaction being built: a list of operations that take effect
// together or not at all. Generated functions (sbdb.UpdatePortBinding and so on)
// add operations. A Txn is built once, sent once, and not changed after that: a
// caller whose transaction met a conflict looks at the rows again and builds
// another.
type Txn struct {
	comment string
	ops     []*Op
	whole   *Txn // that this is a part of, if it is one
}

// NewTxn returns an empty transaction. The comment goes into the database's log.
func NewTxn(comment string) *Txn { return &Txn{comment: comment} }

// AddComment adds a line to the comment.
func (t *Txn) AddComment(line string) {
	if t.comment != "" {
		t.comment += "\n"
	}
	t.comment += line
}

// Comment returns the comment.
func (t *Txn) Comment() string { return t.comment }

// Len returns the number of operations, not counting the comment.
func (t *Txn) Len() int { return len(t.ops) }

// OpKind is a kind of operation.
type OpKind uint8

const (
	// OpInsert adds a row.
	OpInsert OpKind = iota
	// OpUpdate sets or mutates columns of a row.
	OpUpdate
	// OpDelete deletes a row.
	OpDelete
	// OpVerify makes the transaction fail with a conflict unless columns of a row
	// have given values.
	OpVerify
	// OpVerifyNone makes it fail with a conflict if rows with given values exist.
	OpVerifyNone
)

var opKinds = [...]string{OpInsert: "insert", OpUpdate: "update", OpDelete: "delete", OpVerify: "wait", OpVerifyNone: "wait"}

// String returns the name of the operation in RFC 7047.
func (k OpKind) String() string { return opKinds[k] }

// Op is one operation of a transaction on one row.
type Op struct {
	Kind  OpKind
	Table string
	ID    UUID
	set   []columnValue
	mut   []mutation
}

type columnValue struct {
	column string
	value  []byte // JSON
}

type mutation struct {
	column, mutator string
	value           []byte // JSON
}

// Add adds an operation. For OpInsert the client chooses the UUID, so that other
// operations may refer to the row at once (ovsdb-server(7) section 5.2.1).
func (t *Txn) Add(kind OpKind, table string, id UUID) *Op {
	o := &Op{Kind: kind, Table: table, ID: id}
	t.ops = append(t.ops, o)
	return o
}

// Set gives a column a value; of several values for a column the last counts.
func (o *Op) Set(column string, value []byte) {
	for i := range o.set {
		if o.set[i].column == column {
			o.set[i].value = value
			return
		}
	}
	o.set = append(o.set, columnValue{column, value})
}

// Mutate adds elements to a set or map column ("insert") or removes them
// ("delete"). Mutations happen in order, after what Set sets.
func (o *Op) Mutate(column, mutator string, value []byte) {
	o.mut = append(o.mut, mutation{column, mutator, value})
}

// encodedTxn is a transaction as it is sent.
type encodedTxn struct {
	params []byte // JSON: database name, operations
	// of says which of Txn.ops each operation sent belongs to, -1 for the comment.
	of []int
	// dropped counts columns and operations left out because the server lacks
	// their column or table.
	dropped int
}

// encode writes the transaction for a server with the schema and a replica that
// holds some columns.
func (t *Txn) encode(db string, schema *ServerSchema, replicated func(table, column string) bool) encodedTxn {
	e := encodedTxn{params: AppendString([]byte{'['}, db)}
	begin := func(op, table string, i int) {
		e.params = append(e.params, `,{"op":"`...)
		e.params = append(e.params, op...)
		e.params = append(e.params, '"')
		if table != "" {
			e.params = append(e.params, `,"table":`...)
			e.params = AppendString(e.params, table)
		}
		e.of = append(e.of, i)
	}
	where := func(id UUID) {
		e.params = append(e.params, `,"where":[["_uuid","==",`...)
		e.params = AppendUUID(e.params, id)
		e.params = append(e.params, "]]"...)
	}
	row := func(values []columnValue) {
		e.params = append(e.params, '{')
		for i, v := range values {
			if i > 0 {
				e.params = append(e.params, ',')
			}
			e.params = AppendString(e.params, v.column)
			e.params = append(e.params, ':')
			e.params = append(e.params, v.value...)
		}
		e.params = append(e.params, '}')
	}
	for i, o := range t.ops {
		if !schema.Has(o.Table) {
			e.dropped++
			continue
		}
		set := make([]columnValue, 0, len(o.set))
		for _, v := range o.set {
			switch {
			case !schema.HasColumn(o.Table, v.column):
				e.dropped++
			case o.Kind == OpVerify && !replicated(o.Table, v.column):
				// Its value is not known.
			default:
				set = append(set, v)
			}
		}
		if o.Kind == OpVerifyNone && len(set) < len(o.set) {
			continue // with fewer columns it would mean other rows
		}
		switch o.Kind {
		case OpInsert:
			begin("insert", o.Table, i)
			e.params = append(e.params, `,"uuid":"`...)
			e.params = o.ID.AppendText(e.params)
			e.params = append(e.params, `","row":`...)
			row(set)
			e.params = append(e.params, '}')
		case OpUpdate:
			if len(set) > 0 {
				begin("update", o.Table, i)
				where(o.ID)
				e.params = append(e.params, `,"row":`...)
				row(set)
				e.params = append(e.params, '}')
			}
		case OpDelete:
			begin("delete", o.Table, i)
			where(o.ID)
			e.params = append(e.params, '}')
		case OpVerify, OpVerifyNone:
			begin("wait", o.Table, i)
			e.params = append(e.params, `,"timeout":0`...)
			if o.Kind == OpVerify {
				where(o.ID)
			} else {
				e.params = append(e.params, `,"where":[`...)
				for i, v := range set {
					if i > 0 {
						e.params = append(e.params, ',')
					}
					e.params = append(e.params, '[')
					e.params = AppendString(e.params, v.column)
					e.params = append(e.params, `,"==",`...)
					e.params = append(e.params, v.value...)
					e.params = append(e.params, ']')
				}
				e.params = append(e.params, ']')
				set = nil
			}
			e.params = append(e.params, `,"until":"==","columns":[`...)
			for i, v := range set {
				if i > 0 {
					e.params = append(e.params, ',')
				}
				e.params = AppendString(e.params, v.column)
			}
			e.params = append(e.params, `],"rows":[`...)
			if o.Kind == OpVerify {
				row(set)
			}
			e.params = append(e.params, "]}"...)
		}
		e.encodeMutations(o, schema, func() { begin("mutate", o.Table, i); where(o.ID) })
	}
	if t.comment != "" && len(e.of) > 0 {
		begin("comment", "", -1)
		e.params = append(e.params, `,"comment":`...)
		e.params = AppendString(e.params, t.comment)
		e.params = append(e.params, '}')
	}
	e.params = append(e.params, ']')
	return e
}

func (e *encodedTxn) encodeMutations(o *Op, schema *ServerSchema, begin func()) {
	first := true
	for _, m := range o.mut {
		if !schema.HasColumn(o.Table, m.column) {
			e.dropped++
			continue
		}
		if first {
			begin()
			e.params = append(e.params, `,"mutations":[`...)
		} else {
			e.params = append(e.params, ',')
		}
		first = false
		e.params = append(e.params, '[')
		e.params = AppendString(e.params, m.column)
		e.params = append(e.params, `,"`...)
		e.params = append(e.params, m.mutator...)
		e.params = append(e.params, `",`...)
		e.params = append(e.params, m.value...)
		e.params = append(e.params, ']')
	}
	if !first {
		e.params = append(e.params, "]}"...)
	}
}

// String returns the operations as JSON, as a server with every column gets them.
func (t *Txn) String() string {
	every := &ServerSchema{Tables: map[string]map[string]bool{}}
	for _, o := range t.ops {
		cols := every.Tables[o.Table]
		if cols == nil {
			cols = map[string]bool{}
			every.Tables[o.Table] = cols
		}
		for _, v := range o.set {
			cols[v.column] = true
		}
		for _, m := range o.mut {
			cols[m.column] = true
		}
	}
	v := jsontext.Value(t.encode("", every, func(string, string) bool { return true }).params)
	return v.String()
}

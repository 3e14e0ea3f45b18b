package ovsdb

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonOptions: RFC 7047 has no use for the checks left out here, and on a large
// database they would cost a third of the time.
var jsonOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// updateFormat is how a row is wrapped in an update.
type updateFormat uint8

const (
	// updateV1 is <table-updates> of RFC 7047: {"old": …, "new": …}.
	updateV1 updateFormat = 1
	// updateV2 is <table-updates2> of ovsdb-server(7): {"insert": …} and so on.
	updateV2 updateFormat = 2
)

// rowSink is where decoded rows go.
type rowSink interface {
	// table selects the table of the rows to come, false if it is not wanted.
	table(name []byte) bool
	// row decodes the row that d has been reset to.
	row(d *RowDecoder, id UUID, kind RowKind)
	// reject takes a row whose wrapping was wrong.
	reject(name []byte, id string, problem string)
}

// updateSink adds rows to an update of a Model.
type updateSink[U any] struct {
	model  *Model[U]
	wanted func(table string) bool // those that are monitored; nil for all
	now    *TableModel[U]
	update *U
	// problems are what was wrong with rows, at most maxProblems of them, and bad
	// counts all.
	problems []error
	bad      int
}

// maxProblems bounds what is kept of a message full of rows that make no sense.
const maxProblems = 16

func newUpdateSink[U any](m *Model[U], wanted func(table string) bool) *updateSink[U] {
	return &updateSink[U]{model: m, wanted: wanted, update: m.New()}
}

func (s *updateSink[U]) table(name []byte) bool {
	s.now = nil
	for i := range s.model.Tables {
		if t := &s.model.Tables[i]; t.Name == string(name) && (s.wanted == nil || s.wanted(t.Name)) {
			s.now = t
			break
		}
	}
	return s.now != nil
}

func (s *updateSink[U]) row(d *RowDecoder, id UUID, kind RowKind) {
	if err := s.now.Add(s.update, d, id, kind); err != nil {
		s.problem(err)
	}
}

func (s *updateSink[U]) reject(name []byte, id, problem string) {
	s.problem(fmt.Errorf("table %s: row %s: %s", name, id, problem))
}

func (s *updateSink[U]) problem(err error) {
	s.bad++
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, err)
	}
}

// decodeUpdates reads <table-updates> or <table-updates2> from dec. An error means
// that the JSON is broken or not an update at all; rows that are wrong go to the
// sink's problems.
func decodeUpdates(dec *jsontext.Decoder, d *RowDecoder, sink rowSink, format updateFormat) error {
	if err := expect(dec, '{', "table updates"); err != nil {
		return err
	}
	var table []byte
	for dec.PeekKind() == '"' {
		name, err := readString(dec)
		if err != nil {
			return err
		}
		wanted := sink.table(name)
		if !wanted || dec.PeekKind() != '{' {
			if wanted && dec.PeekKind() != 'n' {
				sink.reject(name, "", "a table's updates must be an object")
			}
			if err := dec.SkipValue(); err != nil {
				return err
			}
			continue
		}
		table = append(table[:0], name...)
		if err := expect(dec, '{', "updates of a table"); err != nil {
			return err
		}
		for dec.PeekKind() == '"' {
			if err := decodeRow(dec, d, sink, table, format); err != nil {
				return err
			}
		}
		if err := expect(dec, '}', "end of a table's updates"); err != nil {
			return err
		}
	}
	return expect(dec, '}', "end of table updates")
}

func decodeRow(dec *jsontext.Decoder, d *RowDecoder, sink rowSink, table []byte, format updateFormat) error {
	name, err := readString(dec)
	if err != nil {
		return err
	}
	id, ok := parseUUID(name)
	if !ok || dec.PeekKind() != '{' {
		if !ok {
			sink.reject(table, string(name), "that is not a UUID")
		} else {
			sink.reject(table, id.String(), "a row's update must be an object")
		}
		return dec.SkipValue()
	}
	if err := expect(dec, '{', "update of a row"); err != nil {
		return err
	}
	had, has := false, false
	for dec.PeekKind() == '"' {
		what, err := readString(dec)
		if err != nil {
			return err
		}
		kind, known := rowKind(what, format)
		if format == updateV1 && string(what) == "old" {
			had = true
		}
		row, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if !known || has {
			continue
		}
		has = true
		d.Reset(row)
		sink.row(d, id, kind)
	}
	switch {
	case has:
	case had:
		sink.row(d, id, RowDelete)
	default:
		sink.reject(table, id.String(), "an update of no known kind")
	}
	return expect(dec, '}', "end of a row's update")
}

func rowKind(what []byte, format updateFormat) (RowKind, bool) {
	switch string(what) {
	case "new":
		return RowFull, format == updateV1
	case "initial", "insert":
		return RowInsert, format == updateV2
	case "modify":
		return RowModify, format == updateV2
	case "delete":
		return RowDelete, format == updateV2
	}
	return 0, false
}

func expect(dec *jsontext.Decoder, kind jsontext.Kind, what string) error {
	t, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if t.Kind() != kind {
		return fmt.Errorf("%s: found %s", what, t.Kind())
	}
	return nil
}

// readString reads a string; the result is valid until the decoder's next call.
func readString(dec *jsontext.Decoder) ([]byte, error) {
	v, err := dec.ReadValue()
	if err != nil {
		return nil, err
	}
	if len(v) < 2 || v[0] != '"' {
		return nil, fmt.Errorf("found %s instead of a string", v.Kind())
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	b, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return nil, fmt.Errorf("string %s: %w", v, err)
	}
	return b, nil
}

// DecodeUpdate decodes <table-updates2> as a server sends them in the reply to
// monitor_cond. Its errors are about the JSON as a whole; problems are those of
// single rows.
func DecodeUpdate[U any](m *Model[U], data []byte) (u *U, problems []error, err error) {
	sink := newUpdateSink(m, nil)
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), jsonOptions...)
	err = decodeUpdates(dec, NewRowDecoder(new(Interner)), sink, updateV2)
	return sink.update, sink.problems, err
}

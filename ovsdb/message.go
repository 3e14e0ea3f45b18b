package ovsdb

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// message is one JSON-RPC message (RFC 7047 section 4) as far as it has been
// decoded: rows have gone into sink, everything else is kept as JSON.
type message struct {
	id     []byte // JSON, nil when absent or null
	method string
	params []byte // JSON, of methods other than updates
	result []byte // JSON, of replies that were not asked to be decoded
	err    []byte // JSON, nil when absent or null

	monitor string  // of an update or monitor reply: what is monitored
	sink    rowSink // holds the rows of an update or monitor reply
	found   bool    // of a reply to monitor_cond_since: rows are differences
	txn     UUID    // of update3 and monitor_cond_since: the last transaction
	size    int64   // bytes of JSON
}

// update tells whether m is a notification with rows.
func (m *message) update() bool { return m.method != "" && m.sink != nil }

// monitorMethod is one of the three generations of monitors.
type monitorMethod uint8

const (
	monitorPlain monitorMethod = 1 // RFC 7047
	monitorCond  monitorMethod = 2 // ovsdb-server(7) section 4.1.12
	monitorSince monitorMethod = 3 // ovsdb-server(7) section 4.1.15
)

func (m monitorMethod) String() string {
	return [...]string{"", "monitor", "monitor_cond", "monitor_cond_since"}[m]
}

func (m monitorMethod) format() updateFormat {
	if m == monitorPlain {
		return updateV1
	}
	return updateV2
}

// expected says which reply with rows is awaited and where its rows go.
type expected struct {
	id      string // JSON
	monitor string
	method  monitorMethod
}

// messageReader reads messages from a connection. Rows are decoded as they come
// in, so a message may be larger than what one would want to hold.
type messageReader struct {
	in   *boundedReader
	dec  *jsontext.Decoder
	rows *RowDecoder
	// newSink makes the sink for rows of a monitor, nil for one that is unknown.
	newSink func(monitor string) rowSink
	// awaited returns the reply with rows that is outstanding, if any.
	awaited func() (expected, bool)
}

// maxValue is the most bytes one row may have. A server that sends more is broken
// or hostile.
const maxValue = 256 << 20

// boundedReader fails once more than maxValue bytes were read without rewinding.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("a value of more than %d bytes", maxValue)
	}
	return n, err
}

func newMessageReader(r io.Reader, in *Interner, newSink func(string) rowSink, awaited func() (expected, bool)) *messageReader {
	b := &boundedReader{r: r, left: maxValue}
	return &messageReader{in: b, dec: jsontext.NewDecoder(b, jsonOptions...), rows: NewRowDecoder(in), newSink: newSink, awaited: awaited}
}

// next reads one message. An error means that the connection is of no more use.
func (r *messageReader) next() (*message, error) {
	m := new(message)
	start := r.dec.InputOffset()
	r.in.left = maxValue
	if err := expect(r.dec, '{', "a message"); err != nil {
		return nil, err
	}
	for r.dec.PeekKind() == '"' {
		name, err := readString(r.dec)
		if err != nil {
			return nil, err
		}
		if err := r.member(m, string(name)); err != nil {
			return nil, err
		}
	}
	if err := expect(r.dec, '}', "end of a message"); err != nil {
		return nil, err
	}
	// Members come in any order: rows that came before the method are decoded now.
	if m.params != nil && m.sink == nil {
		switch m.method {
		case "update", "update2", "update3":
			params := m.params
			m.params = nil
			if err := r.updateParams(jsontext.NewDecoder(bytes.NewBuffer(params), jsonOptions...), m); err != nil {
				return nil, err
			}
		}
	}
	if e, ok := r.awaited(); ok && m.method == "" && m.sink == nil && m.result != nil && string(m.id) == e.id && m.err == nil {
		result := m.result
		m.result = nil
		if err := r.monitorReply(jsontext.NewDecoder(bytes.NewBuffer(result), jsonOptions...), m, e); err != nil {
			return nil, err
		}
	}
	m.size = r.dec.InputOffset() - start
	return m, nil
}

func (r *messageReader) member(m *message, name string) error {
	var err error
	switch name {
	case "id":
		m.id, err = r.raw()
	case "error":
		m.err, err = r.raw()
	case "method":
		var s []byte
		if s, err = r.raw(); err == nil && s != nil {
			if s, err = jsontext.AppendUnquote(nil, s); err != nil {
				err = fmt.Errorf("method: %w", err)
			}
		}
		m.method = string(s)
	case "params":
		switch m.method {
		case "update", "update2", "update3":
			err = r.updateParams(r.dec, m)
		default:
			m.params, err = r.raw()
		}
	case "result":
		if e, ok := r.awaited(); ok && string(m.id) == e.id {
			switch r.dec.PeekKind() {
			case '{', '[':
				return r.monitorReply(r.dec, m, e)
			}
		}
		m.result, err = r.raw()
	default:
		err = r.dec.SkipValue()
	}
	return err
}

// raw reads any value, nil for null.
func (r *messageReader) raw() ([]byte, error) {
	r.in.left = maxValue
	v, err := r.dec.ReadValue()
	if err != nil || v.Kind() == 'n' {
		return nil, err
	}
	return bytes.Clone(v), nil
}

// updateParams reads the parameters of update, update2 and update3.
func (r *messageReader) updateParams(dec *jsontext.Decoder, m *message) error {
	if err := expect(dec, '[', m.method); err != nil {
		return err
	}
	id, err := readString(dec)
	if err != nil {
		return err
	}
	m.monitor = string(id)
	format := updateV2
	switch m.method {
	case "update":
		format = updateV1
	case "update3":
		if m.txn, err = readTxn(dec); err != nil {
			return err
		}
	}
	m.sink = r.newSink(m.monitor)
	if m.sink == nil {
		if err := dec.SkipValue(); err != nil {
			return err
		}
	} else if err := r.updates(dec, m.sink, format); err != nil {
		return err
	}
	return expect(dec, ']', "end of "+m.method)
}

// monitorReply reads the result of monitor, monitor_cond and monitor_cond_since.
func (r *messageReader) monitorReply(dec *jsontext.Decoder, m *message, e expected) error {
	m.monitor = e.monitor
	m.sink = r.newSink(e.monitor)
	if m.sink == nil {
		return fmt.Errorf("a reply to unknown monitor %q", e.monitor)
	}
	if e.method != monitorSince {
		return r.updates(dec, m.sink, e.method.format())
	}
	if err := expect(dec, '[', "reply to monitor_cond_since"); err != nil {
		return err
	}
	found, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if found.Kind() != 't' && found.Kind() != 'f' {
		return fmt.Errorf("reply to monitor_cond_since: found %s instead of a boolean", found.Kind())
	}
	m.found = found.Bool()
	if m.txn, err = readTxn(dec); err != nil {
		return err
	}
	if err := r.updates(dec, m.sink, updateV2); err != nil {
		return err
	}
	return expect(dec, ']', "end of reply to monitor_cond_since")
}

func (r *messageReader) updates(dec *jsontext.Decoder, sink rowSink, format updateFormat) error {
	return decodeUpdates(dec, r.rows, &rewindingSink{sink, r.in}, format)
}

// rewindingSink grants maxValue bytes to each row.
type rewindingSink struct {
	rowSink
	in *boundedReader
}

func (s *rewindingSink) row(d *RowDecoder, id UUID, kind RowKind) {
	s.in.left = maxValue
	s.rowSink.row(d, id, kind)
}

func readTxn(dec *jsontext.Decoder) (UUID, error) {
	s, err := readString(dec)
	if err != nil {
		return UUID{}, fmt.Errorf("transaction id: %w", err)
	}
	id, ok := parseUUID(s)
	if !ok {
		return UUID{}, fmt.Errorf("transaction id %q is not a UUID", s)
	}
	return id, nil
}

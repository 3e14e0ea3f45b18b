package ovsdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The way to monitoring, each step in the reply of the one before:
//
//	hello ──► _Server ──► get_schema ──► monitor_cond_since ──► ready
//	                                     └► monitor_cond ─► monitor ─┘

// hello asks about the server itself.
func (c *connection[U]) hello() {
	// Without this, a server drops clients when a database changes its state. Old
	// servers do not know it; that is no harm.
	c.request("set_db_change_aware", []byte("[true]"), func(*message) error { return nil })
	params := AppendString([]byte(`["_Server",`), monitorServer)
	params = append(params, `,{"Database":[{"columns":["name","model","connected","leader","cid","index"],"where":[["name","==",`...)
	params = AppendString(params, c.s.model.Name)
	params = append(params, `]]}]}]`...)
	c.requestRows(monitorServer, monitorCond, params, func(m *message) error {
		if m.err != nil {
			// Before Open vSwitch 2.9 there was no such database.
			c.serverOld = true
			return c.getSchema()
		}
		sink, ok := m.sink.(*updateSink[serverUpdate])
		if !ok {
			return errors.New("reply to a monitor request without rows")
		}
		sink.update.Replace = true
		if err := c.applyServer(sink.update); err != nil {
			return err
		}
		return c.getSchema()
	})
}

// getSchema asks which tables and columns there are.
func (c *connection[U]) getSchema() error {
	params := append(AppendString([]byte{'['}, c.s.model.Name), ']')
	c.request("get_schema", params, func(m *message) error {
		if m == nil {
			return nil
		}
		if m.err != nil {
			return fmt.Errorf("schema of database %s: %w", c.s.model.Name, parseError(m.err))
		}
		schema, err := parseSchema(m.result)
		if err != nil {
			return fmt.Errorf("schema of database %s: %w", c.s.model.Name, err)
		}
		c.schema = schema
		return c.monitor(monitorSince)
	})
	return nil
}

func parseSchema(text []byte) (*ServerSchema, error) {
	var s struct {
		Name    string
		Version string
		Tables  map[string]struct {
			Columns map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	out := &ServerSchema{Name: s.Name, Version: s.Version, Tables: make(map[string]map[string]bool, len(s.Tables))}
	for name, t := range s.Tables {
		columns := make(map[string]bool, len(t.Columns))
		for c := range t.Columns {
			columns[c] = true
		}
		out.Tables[name] = columns
	}
	return out, nil
}

// monitor asks for the contents and all changes to come.
func (c *connection[U]) monitor(method monitorMethod) error {
	s := c.s
	c.method = method
	c.adopt()
	s.mu.Lock()
	want, seq := s.want, s.wantSeq
	s.mu.Unlock()
	if method != monitorSince {
		s.lastTxn = UUID{}
	}
	if !s.lastTxn.IsZero() {
		// What the server has sent since was selected by these; changing them comes
		// after.
		want, seq = s.acked, s.ackedSeq
	}
	c.sent, c.sentSeq = want, seq

	params := AppendString([]byte{'['}, s.model.Name)
	params = append(params, ',')
	params = AppendString(params, monitorDatabase)
	params = append(params, ',')
	params = c.appendMonitorRequests(params, method, want)
	if method == monitorSince {
		params = append(params, `,"`...)
		params = s.lastTxn.AppendText(params)
		params = append(params, '"')
	}
	c.requestRows(monitorDatabase, method, append(params, ']'), func(m *message) error {
		if m.err != nil {
			err := parseError(m.err)
			var e *Error
			if method > monitorPlain && errors.As(err, &e) && (e.Name == "unknown method" || e.Name == "not supported") {
				return c.monitor(method - 1)
			}
			return fmt.Errorf("%s of database %s: %w", method, s.model.Name, err)
		}
		sink, ok := m.sink.(*updateSink[U])
		if !ok {
			return errors.New("reply to a monitor request without rows")
		}
		return c.begin(m, sink)
	})
	return nil
}

// appendMonitorRequests writes what to monitor: of the tables and columns wanted
// those that the server has.
func (c *connection[U]) appendMonitorRequests(b []byte, method monitorMethod, conditions Conditions) []byte {
	b = append(b, '{')
	first := true
	for _, t := range c.s.model.Tables {
		columns := c.columns(t)
		if columns == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = AppendString(b, t.Name)
		b = append(b, `:[{"columns":[`...)
		for i, col := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendString(b, col)
		}
		b = append(b, ']')
		if w, ok := conditions[t.Name]; ok && method != monitorPlain {
			b = append(b, `,"where":`...)
			b = appendWhere(b, w, t.Name, c.schema)
		}
		b = append(b, "}]"...)
	}
	return append(b, '}')
}

// begin takes in the first contents.
func (c *connection[U]) begin(m *message, sink *updateSink[U]) error {
	s := c.s
	meta := s.model.Meta(sink.update)
	meta.Replace = !m.found
	meta.Schema = c.schema
	s.lastTxn = m.txn
	if c.method == monitorPlain {
		// All rows are sent, whatever the conditions: they are all in effect.
		s.mu.Lock()
		c.sent, c.sentSeq = s.want, s.wantSeq
		s.mu.Unlock()
	}
	s.acked, s.ackedSeq = c.sent, c.sentSeq
	s.basis = c.basis()
	s.gaps = sink.bad > 0 || s.gaps && !meta.Replace
	c.ready = true
	s.mu.Lock()
	s.state.Connected = true
	s.state.Connections++
	s.state.Since = time.Now()
	s.state.Error = nil
	s.state.SchemaVersion = c.schema.Version
	s.state.Method = c.method.String()
	s.state.ReadOnly = false
	if meta.Replace {
		s.state.Resyncs++
	}
	s.state.BadRows += uint64(sink.bad)
	state := s.state
	s.mu.Unlock()
	c.report(sink)
	s.log.Info("database connected", "remote", c.remote.text, "schema", c.schema.Version,
		"method", c.method, "resumed", m.found, "bytes", m.size)
	// The contents as a whole do not count towards the limit: a limit they exceed
	// would have them sent for ever.
	return c.put(Event[U]{State: &state, Update: sink.update, Conditions: s.ackedSeq, Mark: c.mark()})
}

// update takes in a notification of changes.
func (c *connection[U]) update(m *message) error {
	if sink, ok := m.sink.(*updateSink[serverUpdate]); ok {
		return c.applyServer(sink.update)
	}
	sink, ok := m.sink.(*updateSink[U])
	if !ok || !c.ready {
		return errors.New("an update before the contents it changes")
	}
	if sink.bad > 0 {
		c.s.gaps = true
		c.s.mu.Lock()
		c.s.state.BadRows += uint64(sink.bad)
		c.s.mu.Unlock()
		c.report(sink)
	}
	if m.method == "update3" {
		c.s.lastTxn = m.txn
	}
	return c.put(Event[U]{Update: sink.update, Mark: c.mark(), Size: m.size})
}

// report logs rows that made no sense.
func (c *connection[U]) report(sink *updateSink[U]) {
	for _, err := range sink.problems {
		c.s.log.Error("skipped what could not be understood", "database", c.s.model.Name, "err", err)
	}
	if more := sink.bad - len(sink.problems); more > 0 {
		c.s.log.Error("skipped more that could not be understood", "database", c.s.model.Name, "rows", more)
	}
}

// put gives an event to the consumer. Its error means that the consumer is too
// far behind to go on.
func (c *connection[U]) put(e Event[U]) error {
	if n := c.s.queue.put(e); n > c.s.cfg.QueueLimit {
		return fmt.Errorf("%d bytes of updates wait to be consumed, more than the limit of %d", n, c.s.cfg.QueueLimit)
	}
	return nil
}

// work does what the session has been asked for since.
func (c *connection[U]) work() error {
	s := c.s
	s.mu.Lock()
	drop := s.drop
	s.drop = nil
	var requests []request
	if c.ready {
		requests = s.requests
		s.requests = nil
	}
	want, seq := s.want, s.wantSeq
	s.mu.Unlock()
	if c.serverRow != nil && drop == nil {
		drop = c.checkServer()
	}
	if drop != nil {
		for _, r := range requests {
			r.done(Result{Txn: r.txn, Err: ErrNotConnected})
		}
		return drop
	}
	for _, r := range requests {
		c.transact(r)
	}
	if c.ready && !c.changing && seq != s.ackedSeq {
		return c.changeConditions(want, seq)
	}
	return nil
}

// changeConditions asks for other rows. One change is under way at a time; more
// that come meanwhile are sent as one.
func (c *connection[U]) changeConditions(want Conditions, seq uint64) error {
	s := c.s
	done := func() error {
		s.acked, s.ackedSeq = want, seq
		return c.put(Event[U]{Conditions: seq, Mark: c.mark()})
	}
	if c.method == monitorPlain {
		return done()
	}
	params := AppendString([]byte{'['}, monitorDatabase)
	params = append(params, ',')
	params = AppendString(params, monitorDatabase)
	params = append(params, ",{"...)
	n := 0
	for _, t := range s.model.Tables {
		if !c.schema.Has(t.Name) || !s.wants(t.Name) {
			continue
		}
		old, now := s.acked[t.Name], want[t.Name]
		if old.equal(now) {
			continue
		}
		if n > 0 {
			params = append(params, ',')
		}
		n++
		params = AppendString(params, t.Name)
		params = append(params, `:[{"where":`...)
		params = appendWhere(params, now, t.Name, c.schema)
		params = append(params, "}]"...)
	}
	if n == 0 {
		return done()
	}
	c.changing = true
	c.request("monitor_cond_change", append(params, "}]"...), func(m *message) error {
		if m == nil {
			return nil
		}
		c.changing = false
		if m.err != nil {
			s.lastTxn = UUID{}
			return fmt.Errorf("monitor_cond_change of database %s: %w", s.model.Name, parseError(m.err))
		}
		return done()
	})
	return nil
}

// transact sends a transaction.
func (c *connection[U]) transact(r request) {
	e := r.txn.encode(c.s.model.Name, c.schema, c.s.wantsColumn)
	if e.dropped > 0 {
		c.s.mu.Lock()
		c.s.state.DroppedWrites += uint64(e.dropped)
		c.s.mu.Unlock()
	}
	if len(e.of) == 0 {
		r.done(Result{Txn: r.txn, Dropped: e.dropped})
		return
	}
	c.request("transact", e.params, func(m *message) error {
		if m == nil {
			r.done(Result{Txn: r.txn, Err: ErrUnknownOutcome, Dropped: e.dropped})
			return nil
		}
		result := parseResult(r.txn, e, m)
		if IsKind(result.Err, ReadOnly) {
			c.s.mu.Lock()
			c.s.state.ReadOnly = true
			c.s.mu.Unlock()
		}
		r.done(result)
		return nil
	})
}

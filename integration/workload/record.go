package workload

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Change is what the real northd wrote to the southbound database for a change of
// the northbound one, to be made and taken back without a northd.
type Change []RowChange

// RowChange is one row before and after: column values as JSON, those that differ
// if it was there before and after.
type RowChange struct {
	Table string
	UUID  string
	Old   map[string]json.RawMessage // nil: inserted
	New   map[string]json.RawMessage // nil: deleted
}

// Do adds the change to a transaction.
func (c Change) Do(tx *ovsdb.Txn) error {
	for _, r := range c {
		if err := r.add(tx, r.Old == nil, r.New); err != nil {
			return err
		}
	}
	return nil
}

// Undo adds what takes the change back.
func (c Change) Undo(tx *ovsdb.Txn) error {
	for _, r := range c {
		if err := r.add(tx, r.New == nil, r.Old); err != nil {
			return err
		}
	}
	return nil
}

func (r RowChange) add(tx *ovsdb.Txn, insert bool, values map[string]json.RawMessage) error {
	id, err := ovsdb.ParseUUID(r.UUID)
	if err != nil {
		return fmt.Errorf("row of %s: %w", r.Table, err)
	}
	kind := ovsdb.OpUpdate
	switch {
	case insert:
		kind = ovsdb.OpInsert
	case values == nil:
		kind = ovsdb.OpDelete
	}
	op := tx.Add(kind, r.Table, id)
	for _, column := range slices.Sorted(maps.Keys(values)) {
		op.Set(column, values[column])
	}
	return nil
}

// recorder watches the southbound database.
type recorder struct {
	conn net.Conn
	in   *json.Decoder
	rows map[string]*RowChange // by table and UUID
	keys []string              // in the order of their first change
}

// notRecorded are tables that agents write, and what is not contents.
var notRecorded = []string{"SB_Global", "Chassis", "Chassis_Private", "Encap", "Connection", "SSL", "RBAC_Role",
	"RBAC_Permission", "MAC_Binding", "FDB", "IGMP_Group", "Controller_Event", "Service_Monitor"}

// record starts watching the server at a unix socket.
func record(socket string) (*recorder, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	r := &recorder{conn: conn, in: json.NewDecoder(bufio.NewReader(conn)), rows: map[string]*RowChange{}}
	schema, err := r.call("get_schema", "OVN_Southbound")
	if err != nil {
		conn.Close()
		return nil, err
	}
	var tables struct{ Tables map[string]any }
	if err := json.Unmarshal(schema, &tables); err != nil {
		conn.Close()
		return nil, err
	}
	requests := map[string]any{}
	for name := range tables.Tables {
		if !slices.Contains(notRecorded, name) {
			requests[name] = map[string]any{"select": map[string]bool{"initial": false}}
		}
	}
	if _, err := r.call("monitor", "OVN_Southbound", "record", requests); err != nil {
		conn.Close()
		return nil, err
	}
	return r, nil
}

// call sends a request and returns its result, taking in what is told meanwhile.
func (r *recorder) call(method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	if err := json.NewEncoder(r.conn).Encode(map[string]any{"id": method, "method": method, "params": params}); err != nil {
		return nil, err
	}
	for {
		var m struct {
			ID     any
			Method string
			Params []json.RawMessage
			Result json.RawMessage
			Error  any
		}
		if err := r.in.Decode(&m); err != nil {
			return nil, err
		}
		switch {
		case m.Method == "echo":
			if err := json.NewEncoder(r.conn).Encode(map[string]any{"id": m.ID, "result": m.Params, "error": nil}); err != nil {
				return nil, err
			}
		case m.Method == "update":
			if err := r.update(m.Params[1]); err != nil {
				return nil, err
			}
		case m.ID == method:
			if m.Error != nil {
				return nil, fmt.Errorf("%s: %v", method, m.Error)
			}
			return m.Result, nil
		}
	}
}

func (r *recorder) update(text json.RawMessage) error {
	type values = map[string]json.RawMessage
	var tables map[string]map[string]struct{ Old, New values }
	if err := json.Unmarshal(text, &tables); err != nil {
		return err
	}
	hidden := func(column string, _ json.RawMessage) bool { return strings.HasPrefix(column, "_") }
	for table, rows := range tables {
		for id, u := range rows {
			maps.DeleteFunc(u.Old, hidden)
			maps.DeleteFunc(u.New, hidden)
			c := r.rows[table+id]
			if c == nil {
				c = &RowChange{Table: table, UUID: id, Old: u.Old, New: u.New}
				r.rows[table+id] = c
				r.keys = append(r.keys, table+id)
				continue
			}
			if c.Old != nil {
				// A column that changes twice keeps the first of its old values.
				merged := maps.Clone(u.Old)
				maps.Copy(merged, c.Old)
				c.Old = merged
			}
			c.New = u.New
		}
	}
	return nil
}

// stop returns what has changed since the start.
func (r *recorder) stop() (Change, error) {
	defer r.conn.Close()
	// What the server has to tell comes before its answer.
	if _, err := r.call("list_dbs"); err != nil {
		return nil, err
	}
	var out Change
	for _, key := range r.keys {
		c := *r.rows[key]
		if c.Old == nil && c.New == nil {
			continue // came and went
		}
		if c.Old != nil && c.New != nil {
			// Of a row that stays New has all columns, Old those that changed.
			c.New = maps.Clone(c.New)
			maps.DeleteFunc(c.New, func(column string, _ json.RawMessage) bool { _, changed := c.Old[column]; return !changed })
		}
		out = append(out, c)
	}
	return out, nil
}

package ovsdb

import (
	"errors"
	"fmt"
)

// serverRow is a row of table Database in database _Server, ovsdb-server(5): what
// a server says about a database it serves.
type serverRow struct {
	UUID      UUID
	Name      string
	Model     string // "standalone", "clustered" or "relay"
	Connected bool
	Leader    bool
	CID       UUID
	Index     Optional[int64]
}

const (
	serverColName ColumnSet = 1 << iota
	serverColModel
	serverColConnected
	serverColLeader
	serverColCID
	serverColIndex
)

var serverRowType = RowType[serverRow]{
	Table: "Database",
	ID:    func(r *serverRow) *UUID { return &r.UUID },
	Decode: func(r *serverRow, d *RowDecoder) (cols ColumnSet) {
		for d.Next() {
			var col ColumnSet
			var ok bool
			switch string(d.Column()) {
			case "name":
				col, ok = serverColName, d.String(&r.Name)
			case "model":
				col, ok = serverColModel, d.String(&r.Model)
			case "connected":
				col, ok = serverColConnected, d.Bool(&r.Connected)
			case "leader":
				col, ok = serverColLeader, d.Bool(&r.Leader)
			case "cid":
				col, ok = serverColCID, d.OptUUID(&r.CID)
			case "index":
				col, ok = serverColIndex, d.OptInt(&r.Index)
			default:
				d.Skip()
			}
			if ok {
				cols |= col
			}
		}
		return cols
	},
	Diff: func(a, b *serverRow) ColumnSet {
		if *a == *b {
			return 0
		}
		return AllColumns
	},
	Patch: func(r, d *serverRow, cols ColumnSet) {
		if cols.Has(serverColName) {
			r.Name = d.Name
		}
		if cols.Has(serverColModel) {
			r.Model = d.Model
		}
		if cols.Has(serverColConnected) {
			r.Connected = d.Connected
		}
		if cols.Has(serverColLeader) {
			r.Leader = d.Leader
		}
		if cols.Has(serverColCID) {
			r.CID = d.CID
		}
		if cols.Has(serverColIndex) {
			r.Index = d.Index
		}
	},
}

type serverUpdate struct {
	Meta
	rows []RowUpdate[serverRow]
}

var serverModel = Model[serverUpdate]{
	Name: "_Server",
	New:  func() *serverUpdate { return new(serverUpdate) },
	Meta: func(u *serverUpdate) *Meta { return &u.Meta },
	Tables: []TableModel[serverUpdate]{{
		Name:    "Database",
		Columns: []string{"name", "model", "connected", "leader", "cid", "index"},
		Add: func(u *serverUpdate, d *RowDecoder, id UUID, kind RowKind) error {
			return serverRowType.Add(&u.rows, d, id, kind)
		},
	}},
}

// errUnsuitable marks reasons to try another server.
var errUnsuitable = errors.New("unsuitable server")

// applyServer takes in rows of _Server and tells whether this server is still
// good enough.
func (c *connection[U]) applyServer(u *serverUpdate) error {
	c.server.Apply(u.rows, u.Replace)
	c.serverRow = nil
	for r := range c.server.All() {
		if r.Name == c.s.model.Name {
			c.serverRow = r
		}
	}
	return c.checkServer()
}

func (c *connection[U]) checkServer() error {
	if c.serverOld {
		return nil
	}
	r := c.serverRow
	if r == nil {
		return fmt.Errorf("%w: it does not serve database %s", errUnsuitable, c.s.model.Name)
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Model, s.state.Leader, s.state.ClusterID, s.state.Index = r.Model, r.Leader, r.CID, r.Index.Value()
	switch r.Model {
	case "clustered":
		index := r.Index.Value()
		switch {
		case !r.Connected:
			return fmt.Errorf("%w: it has lost its cluster", errUnsuitable)
		case s.leaderOnly && !r.Leader:
			return fmt.Errorf("%w: it does not lead its cluster", errUnsuitable)
		case index < s.indexes[r.CID]:
			return fmt.Errorf("%w: it is behind, at raft index %d of cluster %s after %d was seen",
				errUnsuitable, index, r.CID, s.indexes[r.CID])
		}
		s.indexes[r.CID] = index
	case "relay":
		if !r.Connected {
			return fmt.Errorf("%w: the relay has no source", errUnsuitable)
		}
	}
	return nil
}

package ovsdb

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Mark names a state of a database that a replica is in, so that another session,
// of another process even, can go on from there. Marks are immutable.
type Mark struct {
	// Txn is the last transaction of which the replica has seen what concerns it.
	Txn UUID
	// Conditions select the rows that the replica holds.
	Conditions Conditions
	// ClusterID is zero for a relay.
	ClusterID UUID
	// SchemaVersion is the server's, Columns a digest of which of its tables and
	// columns the replica has.
	SchemaVersion, Columns string
}

// Resume tells the session, before it connects, that the replica is in the state m:
// if the server still knows that, it sends only what has happened since, and
// otherwise everything, as always. The conditions become those of m; their sequence
// number is returned.
func (s *Session[U]) Resume(m *Mark) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given, s.want = nil, m.Conditions.normal()
	s.wantSeq++
	s.resume, s.resumeSeq = m, s.wantSeq
	return s.wantSeq
}

// adopt takes over what Resume was given and forgets what does not fit the server:
// from a server that has other tables or columns a difference would not be all
// that is missing.
func (c *connection[U]) adopt() {
	s := c.s
	s.mu.Lock()
	if m := s.resume; m != nil {
		s.acked, s.ackedSeq, s.basis = m.Conditions.normal(), s.resumeSeq, *m
		s.lastTxn, s.resume = m.Txn, nil
	}
	if s.fresh {
		s.fresh = false
		s.lastTxn = UUID{}
	}
	s.mu.Unlock()
	if s.lastTxn.IsZero() {
		return
	}
	now := c.basis()
	why := ""
	switch {
	case !s.basis.ClusterID.IsZero() && !now.ClusterID.IsZero() && s.basis.ClusterID != now.ClusterID:
		why = fmt.Sprintf("the cluster is %s, it was %s", now.ClusterID, s.basis.ClusterID)
	case s.basis.SchemaVersion != now.SchemaVersion:
		why = fmt.Sprintf("the schema is %s, it was %s", now.SchemaVersion, s.basis.SchemaVersion)
	case s.basis.Columns != now.Columns:
		why = "other tables and columns are monitored than before"
	default:
		return
	}
	s.lastTxn = UUID{}
	s.log.Info("everything is fetched again", "remote", c.remote.text, "because", why)
}

// basis is the part of a Mark that is the server's.
func (c *connection[U]) basis() Mark {
	m := Mark{SchemaVersion: c.schema.Version, Columns: c.monitored()}
	if c.serverRow != nil {
		m.ClusterID = c.serverRow.CID
	}
	return m
}

// monitored is a digest of which tables and columns are asked for.
func (c *connection[U]) monitored() string {
	h := sha256.New()
	for _, t := range c.s.model.Tables {
		if columns := c.columns(t); columns != nil {
			columns = slices.Sorted(slices.Values(columns))
			fmt.Fprintf(h, "%s %q\n", t.Name, columns)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// columns returns which columns of a table are asked for, nil if it is not.
func (c *connection[U]) columns(t TableModel[U]) []string {
	if !c.schema.Has(t.Name) || !c.s.wants(t.Name) {
		return nil
	}
	wanted := c.s.cfg.Tables[t.Name]
	if wanted == nil {
		wanted = t.Columns
	}
	out := make([]string, 0, len(wanted))
	for _, col := range wanted {
		if c.schema.HasColumn(t.Name, col) {
			out = append(out, col)
		}
	}
	return out
}

// mark names the state of a replica that has taken in all that was sent. It is nil
// when there is none that a server would know again: a standalone server has no
// history, while conditions change nobody knows which rows have been sent, and a
// replica with rows left out is not what the server takes it for.
func (c *connection[U]) mark() *Mark {
	s := c.s
	if c.method != monitorSince || s.lastTxn.IsZero() || c.changing || s.gaps {
		return nil
	}
	m := s.basis
	m.Txn, m.Conditions = s.lastTxn, s.acked
	return &m
}

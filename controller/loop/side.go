package loop

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// retryDelay is how long after a transaction that failed for good the same rows
// are evaluated again.
const retryDelay = time.Second

// side is one database: its session and the transaction that may be under way.
type side[U any] struct {
	session   *ovsdb.Session[U]
	connected bool
	ready     bool // the contents were seen once
	readOnly  bool
	observed  bool // nothing is ever written
	inFlight  bool
	retryAt   time.Time
	tx        *ovsdb.Txn // of the present round
}

// begin returns a transaction for this round, nil when nothing can be sent now.
func (s *side[U]) begin(now time.Time) *ovsdb.Txn {
	s.tx = nil
	if s.connected && s.ready && !s.observed && !s.readOnly && !s.inFlight && !now.Before(s.retryAt) {
		s.retryAt = time.Time{}
		s.tx = ovsdb.NewTxn("")
	}
	return s.tx
}

// commit sends the round's transaction if there is anything in it.
func (s *side[U]) commit() bool {
	if s.tx == nil || s.tx.Len() == 0 {
		return false
	}
	s.inFlight = true
	s.session.Submit(s.tx)
	return true
}

// stateChanged notes a connection that came or went.
func (s *side[U]) stateChanged(st *ovsdb.State) {
	s.connected = st.Connected
	s.readOnly = st.ReadOnly
	if !st.Connected {
		s.inFlight = false
	}
}

// finished notes what became of the transaction under way and reports whether it
// was committed.
func (s *side[U]) finished(r *ovsdb.Result, now time.Time, what string, log *slog.Logger) bool {
	s.inFlight = false
	switch {
	case r.Err == nil:
		return true
	case ovsdb.IsKind(r.Err, ovsdb.Conflict):
		// Somebody else was faster: the rows have changed, look at them again.
		log.Debug(fmt.Sprintf("%s transaction met a conflict, evaluating again", what), "err", r.Err)
	case ovsdb.IsKind(r.Err, ovsdb.ReadOnly):
		s.readOnly = true
		log.Info(fmt.Sprintf("%s database is read-only, writes wait", what))
	default:
		s.retryAt = now.Add(retryDelay)
		log.Warn(fmt.Sprintf("%s transaction failed", what), "err", r.Err)
		for _, o := range r.Ops {
			if o.Err != nil {
				log.Warn(fmt.Sprintf("%s transaction: %s of row %s in table %s", what, o.Op.Kind, o.Op.ID, o.Op.Table), "err", o.Err)
			}
		}
	}
	return false
}

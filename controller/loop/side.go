package loop

import (
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

const (
	// retryDelay is how long after a transaction that no server could judge the same
	// rows are evaluated again.
	retryDelay = time.Second
	// answerPatience is how long a server may take over a transaction; then the
	// connection is given up, as its answer may have been lost.
	answerPatience = time.Minute
	// A database that takes no changes is asked again after readOnlyMin, twice that,
	// up to readOnlyMax: a backup that becomes the active server lets connections
	// stand and says nothing.
	readOnlyMin = time.Second
	readOnlyMax = 32 * time.Second
)

// side is one database: its session and the transaction that may be under way.
//
// A transaction that the server refuses because of one operation is sent again
// without it, at once; the operation waits in aside.
type side[U any] struct {
	name    string // for the log
	log     *slog.Logger
	refused *coverage.Counter
	session *ovsdb.Session[U]

	connected bool
	ready     bool // the contents were seen once
	readOnly  bool
	observed  bool // nothing is ever written
	inFlight  bool
	sentAt    time.Time // of the transaction in flight
	retryAt   time.Time
	tx        *ovsdb.Txn // of the present round

	readOnlyWait time.Duration
	aside        ovsdb.Aside
	rest         []*ovsdb.Txn // to send after the one in flight
	partial      bool         // of the round's transaction something was set aside
	// lines bounds what is logged about refused operations; quiet counts what was not.
	lines *rate.Limiter
	quiet int
}

func newSide[U any](name string, log *slog.Logger, refused *coverage.Counter) side[U] {
	return side[U]{name: name, log: log, refused: refused, lines: rate.NewLimiter(rate.Every(3*time.Second), 20)}
}

// begin returns a transaction for this round, nil when nothing can be sent now.
func (s *side[U]) begin(now time.Time) *ovsdb.Txn {
	s.tx = nil
	if s.inFlight && now.Sub(s.sentAt) >= answerPatience {
		s.log.Warn(fmt.Sprintf("%s: no answer to a transaction for %v, reconnecting", s.name, now.Sub(s.sentAt).Round(time.Second)))
		s.sentAt = now // the end of the connection ends the wait
		s.session.Reconnect()
	}
	if s.connected && s.ready && !s.observed && !s.inFlight && !now.Before(s.retryAt) {
		s.retryAt = time.Time{}
		s.tx = ovsdb.NewTxn("")
	}
	return s.tx
}

// commit sends what of the round's transaction is not set aside, if there is
// anything.
func (s *side[U]) commit(now time.Time) bool {
	if s.tx == nil || s.tx.Len() == 0 {
		return false
	}
	tx := s.aside.Filter(s.tx, now)
	s.tx = nil
	if tx == nil {
		return false
	}
	s.partial = false
	s.send(tx, now)
	return true
}

func (s *side[U]) send(tx *ovsdb.Txn, now time.Time) {
	s.inFlight, s.sentAt = true, now
	s.session.Submit(tx)
}

// stateChanged notes a connection that came or went.
func (s *side[U]) stateChanged(st *ovsdb.State) {
	s.connected = st.Connected
	s.readOnly = false
	s.readOnlyWait = 0
	s.retryAt = time.Time{}
	if st.Connected {
		s.aside.Reconnected()
	} else {
		s.inFlight = false
		s.rest = nil
	}
}

// due reports whether something that was set aside is to be tried again.
func (s *side[U]) due(now time.Time) bool { return s.aside.Due(now) }

// next is when the side has something to do by itself, zero when it has not.
func (s *side[U]) next() time.Time {
	n := s.aside.Next()
	sooner := func(t time.Time) {
		if n.IsZero() || t.Before(n) {
			n = t
		}
	}
	if !s.retryAt.IsZero() {
		sooner(s.retryAt)
	}
	if s.inFlight {
		sooner(s.sentAt.Add(answerPatience))
	}
	return n
}

// finished notes what became of the transaction under way and reports whether all
// of it was committed, or still may be.
func (s *side[U]) finished(r *ovsdb.Result, now time.Time) bool {
	s.inFlight = false
	next, refused := s.aside.Sort(r, now)
	for i := range refused {
		s.partial = true
		s.refused.Inc()
		s.report(&refused[i], now)
	}
	s.rest = append(next, s.rest...)
	switch {
	case r.Err == nil:
		if s.readOnly {
			s.readOnly, s.readOnlyWait = false, 0
			s.log.Info(fmt.Sprintf("%s database takes changes again", s.name))
		}
	case len(next) > 0 || len(refused) > 0:
	case ovsdb.IsKind(r.Err, ovsdb.Conflict):
		// Somebody else was faster: the rows have changed, look at them again.
		s.log.Debug(fmt.Sprintf("%s transaction met a conflict, evaluating again", s.name), "err", r.Err)
		s.rest = nil
		return false
	case ovsdb.IsKind(r.Err, ovsdb.ReadOnly):
		if !s.readOnly {
			s.log.Warn(fmt.Sprintf("%s database is read-only, writes wait", s.name))
		}
		s.readOnly, s.rest = true, nil
		s.readOnlyWait = min(max(2*s.readOnlyWait, readOnlyMin), readOnlyMax)
		s.retryAt = now.Add(s.readOnlyWait)
		return false
	default:
		s.rest = nil
		s.retryAt = now.Add(retryDelay)
		s.log.Warn(fmt.Sprintf("%s transaction failed", s.name), "err", r.Err)
		return false
	}
	if len(s.rest) > 0 {
		tx := s.rest[0]
		s.rest = s.rest[1:]
		s.send(tx, now)
		return true
	}
	return !s.partial
}

// report logs an operation that was set aside: the first of many by name, and how
// many were not named.
func (s *side[U]) report(r *ovsdb.Refusal, now time.Time) {
	if !s.lines.AllowN(now, 1) {
		s.quiet++
		return
	}
	args := []any{"err", r.Err}
	if r.Columns != "" {
		args = append([]any{"columns", r.Columns}, args...)
	}
	if r.Times > 1 {
		args = append(args, "times", r.Times)
	}
	if s.quiet > 0 {
		args = append(args, "not_logged", s.quiet)
		s.quiet = 0
	}
	s.log.Warn(fmt.Sprintf("%s: %s of row %s in table %s is refused, set aside for %v; the rest goes on",
		s.name, r.Kind, r.Row, r.Table, r.Until.Sub(now)), args...)
}

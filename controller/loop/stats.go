package loop

import (
	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// stats are the loop's counters. Names that the C agent has too mean the same.
type stats struct {
	drained      int
	round        *coverage.Stopwatch
	translation  *coverage.Stopwatch
	conflicts    *coverage.Counter // transactions that others were faster than
	failures     *coverage.Counter // transactions that failed otherwise
	runs         *coverage.Counter // passes of the translation
	built        *coverage.Counter // units rebuilt
	recomputes   *coverage.Counter // passes from scratch
	rowErrors    *coverage.Counter
	refused      *coverage.Counter
	transactions *coverage.Counter
	txnRefused   *coverage.Counter // operations set aside
	driftFlows   *coverage.Counter // changed by others and repaired
	driftGroups  *coverage.Counter
	driftMeters  *coverage.Counter
}

func newStats(r *coverage.Registry) stats {
	return stats{
		round:        r.Stopwatch("round"),
		translation:  r.Stopwatch("flow-generation"),
		conflicts:    r.Counter("txn_conflict"),
		failures:     r.Counter("txn_failed"),
		runs:         r.Counter("translation_run"),
		built:        r.Counter("consider_logical_flow"),
		recomputes:   r.Counter("lflow_run"),
		rowErrors:    r.Counter("translation_error"),
		refused:      r.Counter("ofctrl_refused"),
		transactions: r.Counter("txn_submitted"),
		txnRefused:   r.Counter("txn_op_refused"),
		driftFlows:   r.Counter("drift_flow"),
		driftGroups:  r.Counter("drift_group"),
		driftMeters:  r.Counter("drift_meter"),
	}
}

// finished counts a transaction that failed.
func (s *stats) finished(err error) {
	switch {
	case err == nil:
	case ovsdb.IsKind(err, ovsdb.Conflict):
		s.conflicts.Inc()
	default:
		s.failures.Inc()
	}
}

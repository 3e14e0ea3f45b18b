package loop

import (
	"errors"
	"fmt"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/translate"
)

type runResult struct {
	result translate.Result
	seq    uint64
	took   time.Duration
}

// translate starts the translation when its inputs changed, or when somebody waits
// for the present ones to be acknowledged.
func (l *Loop) translate() {
	if !l.settledOnce || !l.featured {
		// What the switch holds is better than what half of the contents would yield,
		// or contents translated for a switch that can do less.
		return
	}
	settled, portsSettled := l.settled(), l.portsSettled()
	waiting := portsSettled && l.ifstatus.Waiting()
	if settled {
		if g := l.sb.Global(); g != nil {
			waiting = waiting || l.nbcfg.Waiting(g.NbCfg)
		}
	}
	if !l.stale && !waiting {
		return
	}
	if l.recomputeAfter {
		l.recomputeAfter = false
		l.tr.Recompute()
	}
	l.stale = false
	l.seq++
	if portsSettled {
		l.ifstatus.Stamp(l.seq)
	}
	if settled {
		if g := l.sb.Global(); g != nil {
			l.nbcfg.Stamp(l.seq, g.NbCfg)
		}
	}
	l.flushes.Stamp(l.seq)
	l.running = true
	l.stats.runs.Inc()
	seq := l.seq
	go func() {
		start := time.Now()
		r := l.tr.Run()
		l.results <- runResult{result: r, seq: seq, took: time.Since(start)}
	}()
}

// translated hands what came of the translation to the switch.
func (l *Loop) translated(r runResult) {
	l.running = false
	l.stats.built.Add(uint64(r.result.Built))
	l.stats.translation.Observe(r.took)
	for _, e := range r.result.Errors {
		l.stats.rowErrors.Inc()
		if l.opts.Observe != nil {
			l.problems = append(l.problems, e.Error())
		}
		what := "not translated"
		if many := (*translate.FlowLimitError)(nil); errors.As(e.Err, &many) && !many.Refused {
			what = "many flows"
		}
		l.log.Warn(what, "table", e.Table, "row", e.UUID.String(), "err", e.Err)
	}
	l.log.Debug(fmt.Sprintf("translation %d: %d flows removed, %d added, in %v", r.seq, len(r.result.Removed), len(r.result.Added), r.took))
	l.writer.Update(r.result.Removed, r.result.Added)
	l.writer.Commit(r.seq)
	l.release.note(r.seq, int64(len(r.result.Removed)+len(r.result.Added))*flowBytes)
	if !l.enabled {
		l.enabled = true
		l.writer.Enable()
	}
}

// awaitTranslation lets a translation that runs end before its replicas go.
func (l *Loop) awaitTranslation() {
	if l.running {
		<-l.results
		l.running = false
	}
}

package loop

import (
	"errors"
	"io/fs"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/warmstart"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// warm is the part of the snapshot of the southbound replica that the loop plays:
//
//	configuration known ──► Load ──► replica, Session.Resume ──► SetRemotes
//	rounds ──► time to? ──► Freeze ──► Save on another goroutine
//	the way out ──► Save
//
// What was loaded is in the replica but counts for nothing before the server has said
// what has changed: until then there are no rounds, and all stays as it is.
type warm struct {
	tried, loading bool
	resumed        bool        // the replica holds a snapshot, and the server has not answered yet
	mark           *ovsdb.Mark // of the replica as it is, nil when it has none
	schedule       warmstart.Schedule
	saving         bool
	saved          chan saved
	announced      bool // that they are written was said
}

// saved is what came of writing a snapshot.
type saved struct {
	bytes int64
	took  time.Duration
	err   error
}

// later has the loop run f; it is for goroutines that the loop does not wait for.
func (l *Loop) later(f func()) {
	select {
	case l.do <- f:
	case <-l.done:
	}
}

// loadSnapshot begins to read the snapshot, once. The southbound session gets its
// remotes when that is done.
func (l *Loop) loadSnapshot(cfg config.Config) {
	w := &l.warm
	if l.opts.SnapshotFile == "" || l.opts.Observe != nil {
		return
	}
	if !cfg.Snapshot {
		l.removeSnapshot()
	}
	if w.tried {
		return
	}
	w.tried = true
	if !cfg.Snapshot || cfg.SystemID == "" {
		return
	}
	w.loading = true
	go func() {
		start := time.Now()
		s, err := warmstart.Load(l.opts.SnapshotFile, cfg.SystemID, cfg.SnapshotLimit)
		took := time.Since(start)
		l.later(func() { l.snapshotLoaded(s, took, err) })
	}()
}

func (l *Loop) snapshotLoaded(s *warmstart.Loaded, took time.Duration, err error) {
	l.warm.loading = false
	switch {
	case err == nil:
		l.sbMu.Lock()
		l.sbChanges = l.sb.Apply(s.Rows)
		l.sbMu.Unlock()
		l.condSeq = l.sbSide.session.Resume(s.Mark)
		l.condPorts = l.condSeq
		l.warm.resumed = true
		// What is to be monitored is worked out from the contents as soon as they are
		// the present ones.
		l.fed.scope = true
		l.log.Info("read the snapshot of the southbound database", "file", l.opts.SnapshotFile,
			"saved", s.Saved, "bytes", s.Bytes, "took", took)
	case !errors.Is(err, fs.ErrNotExist):
		l.log.Info("the snapshot of the southbound database is ignored", "file", l.opts.SnapshotFile, "err", err)
	}
	l.sbSide.session.SetRemotes([]string{l.cfg.Remote})
	l.sendConditions()
}

// conditionsHeld tells whether the conditions are those of a snapshot, or may be:
// others, from what is known before the contents, would have the server take rows
// away only to send them again.
func (l *Loop) conditionsHeld() bool {
	return l.warm.loading || l.warm.resumed
}

// noteMark follows what the replica could be resumed from.
func (l *Loop) noteMark(e *ovsdb.Event[sbdb.Update]) {
	w := &l.warm
	if e.Update == nil && e.Conditions == 0 {
		return
	}
	w.mark = e.Mark
	w.schedule.Changed()
	if w.resumed && e.Update != nil {
		w.resumed = false
		if e.Update.Replace {
			l.log.Info("the southbound server does not know the snapshot's state any more, everything was fetched")
		} else {
			w.schedule.Resumed(l.clock.now())
		}
	}
	if e.State != nil && e.State.Model == "standalone" {
		// Such a server never knows what it has sent.
		l.removeSnapshot()
	}
}

// maySave tells whether the replica is one to go on from later.
func (l *Loop) maySave() bool {
	return l.opts.SnapshotFile != "" && l.opts.Observe == nil && l.cfg.Snapshot && l.cfg.SystemID != "" &&
		l.warm.mark != nil && l.settledOnce && l.condInForce >= l.condSeq
}

// nextSnapshot is when the loop is to wake up for one, zero for not now.
func (l *Loop) nextSnapshot() time.Time {
	if l.warm.saving || !l.maySave() {
		return time.Time{}
	}
	return l.warm.schedule.Next()
}

// saveSnapshot begins to write a snapshot when it is time to.
func (l *Loop) saveSnapshot(now time.Time) {
	if l.settledOnce {
		l.warm.schedule.Settled(now)
	}
	if next := l.nextSnapshot(); next.IsZero() || now.Before(next) {
		return
	}
	w := &l.warm
	w.saving = true
	w.schedule.Begin()
	save := l.freeze()
	go func() {
		w.saved <- save()
		l.later(l.snapshotSaved)
	}()
}

// freeze takes down what there is to save; the function it returns saves it, on any
// goroutine.
func (l *Loop) freeze() func() saved {
	rows, mark, cfg, path := l.sb.Freeze(), l.warm.mark, l.cfg, l.opts.SnapshotFile
	return func() saved {
		start := time.Now()
		n, err := warmstart.Save(path, cfg.SystemID, cfg.SnapshotLimit, mark, rows, start)
		return saved{bytes: n, took: time.Since(start), err: err}
	}
}

func (l *Loop) snapshotSaved() {
	select {
	case r := <-l.warm.saved:
		l.warm.saving = false
		l.warm.schedule.Done(l.clock.now(), r.took, r.err)
		l.reportSnapshot(r)
	default:
	}
}

func (l *Loop) reportSnapshot(r saved) {
	switch {
	case r.err != nil:
		l.log.Warn("no snapshot of the southbound database is written", "err", r.err)
		l.removeSnapshot()
	case !l.warm.announced:
		l.warm.announced = true
		l.log.Info("snapshots of the southbound database are written", "file", l.opts.SnapshotFile, "bytes", r.bytes, "took", r.took)
	default:
		l.log.Debug("wrote a snapshot of the southbound database", "bytes", r.bytes, "took", r.took)
	}
}

// removeSnapshot deletes a file that would only cost time.
func (l *Loop) removeSnapshot() {
	if err := warmstart.Remove(l.opts.SnapshotFile); err != nil {
		l.log.Warn("an old snapshot of the southbound database is not removed", "err", err)
	}
}

// leaveSnapshot is for the way out: the next start is likely to be soon.
func (l *Loop) leaveSnapshot() {
	w := &l.warm
	if w.saving {
		w.saving = false
		r := <-w.saved
		w.schedule.Done(l.clock.now(), r.took, r.err)
	}
	switch {
	case l.opts.SnapshotFile == "" || l.opts.Observe != nil:
	case l.exit.asked && !l.exit.restart && l.cfg.CleanupOnExit:
		l.removeSnapshot()
	case l.maySave() && w.schedule.Stale():
		l.reportSnapshot(l.freeze()())
	}
}

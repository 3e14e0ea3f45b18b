package ofbundle

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Run connects, keeps connected and writes, until ctx ends. It returns ctx's
// error.
func (w *Writer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { w.events.run(ctx) })
	backoff := w.cfg.MinBackoff
	absent := false // nobody listened the last time
	for ctx.Err() == nil {
		w.drain()
		w.answerQuestions(false)
		w.mu.Lock()
		target := w.target
		w.mu.Unlock()
		if target == "" {
			w.pause(ctx, time.Hour)
			continue
		}
		start := time.Now()
		err := w.serve(ctx, target)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errRetarget) {
			continue
		}
		if time.Since(start) > w.cfg.MaxBackoff {
			backoff = w.cfg.MinBackoff
		}
		level, wasAbsent := slog.LevelInfo, absent
		if absent = openflow.NobodyListens(err); absent {
			// Tunnels are up, and draw traffic, as soon as the switch is back.
			backoff = w.cfg.MinBackoff
			if wasAbsent {
				level = slog.LevelDebug
			}
		}
		w.log.Log(ctx, level, "no connection to the switch", "target", target, "err", err, "retry", backoff)
		w.pause(ctx, backoff)
		backoff = min(2*backoff, w.cfg.MaxBackoff)
	}
	return ctx.Err()
}

// pause waits, taking in what is asked for meanwhile. A new target ends it.
func (w *Writer) pause(ctx context.Context, d time.Duration) {
	w.mu.Lock()
	target := w.target
	w.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-w.work:
			w.drain()
			w.answerQuestions(false)
			w.mu.Lock()
			changed := w.target != target
			w.mu.Unlock()
			if changed {
				return
			}
		}
	}
}

// errRetarget ends a session because SetTarget asked for another switch.
var errRetarget = errors.New("another target is asked for")

// serve is one connection from dialling to its end.
func (w *Writer) serve(ctx context.Context, target string) error {
	_, probe := w.address()
	conn, err := w.cfg.Dial(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close()
	sctx, cancel := context.WithCancel(ctx)
	s := newSession(sctx, w, conn)
	defer s.unflushed()
	defer s.drain()
	defer cancel()
	if err := s.connect(ctx); err != nil {
		return err
	}
	before := w.feat
	w.feat = &s.feat
	if before != nil && !before.sameFor(s.feat) {
		s.hold, s.holdUntil = true, time.After(holdPatience)
	}
	w.count(func(st *Stats) {
		st.Connects++
		st.Installed = w.state.installed
	})
	w.log.Info("connected to the switch", "target", target, "version", s.feat.Version.String(),
		"features", fmt.Sprintf("%+v", s.feat))
	w.events.push(Connected{Features: s.feat})
	err = s.work(ctx, target, probe)
	w.events.push(Disconnected{Err: err})
	return err
}

// work waits for something to do and does it.
func (s *session) work(ctx context.Context, target string, probe time.Duration) error {
	w := s.w
	for {
		if w.drain() {
			s.hold = false
		}
		if t, p := w.address(); t != target || p != probe {
			return errRetarget
		}
		if w.cfg.Observe && w.hasCommit {
			s.observe()
		} else if w.enabled {
			if err := s.flush(); err != nil {
				return err
			}
			if w.hasCommit && !s.hold && (w.unanswered || w.state.full) {
				if err := s.write(ctx); err != nil {
					return err
				}
				// Commits that follow each other closely must not keep it from looking.
				if at := s.watchAt(); !at.IsZero() && !time.Now().Before(at) {
					if err := s.look(ctx); err != nil {
						return err
					}
				}
				continue
			}
		}
		w.answerQuestions(w.hasCommit && !w.unanswered)
		timer := s.watchTimer()
		select {
		case <-timer:
			if err := s.look(ctx); err != nil {
				return err
			}
		case <-w.work:
		case <-s.holdUntil:
			s.hold, s.holdUntil = false, nil
		case r, ok := <-s.in:
			if !ok {
				return s.lost(ctx)
			}
			s.async(r)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain applies what was asked for to the state. It reports whether a Commit was
// among it.
func (w *Writer) drain() (committed bool) {
	w.mu.Lock()
	in := w.inbox
	w.inbox = inbox{staged: in.staged}
	if in.retry && !in.commit {
		w.inbox.retry, in.retry = true, false
	}
	w.mu.Unlock()

	if in.aside != nil {
		w.state.setReserved(*in.aside)
	}
	for i := range in.ready {
		c := &in.ready[i]
		if c.meters != nil {
			w.state.meters.setDefs(c.meters)
		}
		for _, f := range c.removed {
			if !w.state.remove(f) {
				w.log.Error("removal of a flow that was never added", "flow", flowText(f), "owner", w.describe(f.Owner))
			}
		}
		for _, f := range c.added {
			w.state.add(f)
		}
	}
	if in.retry {
		w.state.retryRefused()
	}
	w.questions = append(w.questions, in.questions...)
	w.zones = append(w.zones, in.zones...)
	w.flushes = append(w.flushes, in.flushes...)
	w.enabled = w.enabled || in.enable
	if in.commit {
		w.seq = in.seq
		w.hasCommit, w.unanswered = true, true
	}
	return in.commit
}

// write brings the switch to what is wanted and acknowledges the last Commit.
// A lost connection loses nothing: the next starts from what the switch holds.
func (s *session) write(ctx context.Context) error {
	w := s.w
	t := w.state
	full := t.full
	p := t.plan()
	if full {
		w.count(func(st *Stats) { st.FullCompares++; st.Learned = t.learned })
	}
	for _, r := range p.refused {
		w.reportRefused(r)
	}
	for _, err := range p.meters.unknown {
		w.log.Error("flows refer to an unknown meter", "err", err)
	}
	if err := s.meterMods(ctx, p.meters.before); err != nil {
		return err
	}
	if len(p.ops) > 0 {
		if err := s.deliver(ctx, p.ops); err != nil {
			return err
		}
	}
	if err := s.meterMods(ctx, p.meters.after); err != nil {
		return err
	}
	t.index.shrink()
	w.publish(p, full)
	if w.unanswered {
		w.unanswered = false
		w.events.push(Committed{Seq: w.seq})
	}
	return nil
}

// meterMods sends changes of meters, which cannot be in a bundle.
func (s *session) meterMods(ctx context.Context, mods []openflow.MeterMod) error {
	if len(mods) == 0 {
		return nil
	}
	msgs := make([]openflow.Message, len(mods))
	for i := range mods {
		msgs[i] = &mods[i]
	}
	errs, err := s.try(ctx, msgs...)
	if err != nil {
		return err
	}
	for i, e := range errs {
		if e == nil {
			s.w.state.meters.applied(&mods[i])
			continue
		}
		s.w.refusedMeter(&mods[i], e)
	}
	s.w.count(func(st *Stats) { st.MeterMods += uint64(len(mods)) })
	return nil
}

// publish makes what p has changed visible to readers.
func (w *Writer) publish(p *plan, full bool) {
	t := w.state
	w.mu.Lock()
	defer w.mu.Unlock()
	if full {
		w.groups = maps.Clone(t.groups.installed)
	} else {
		for i := range p.ops {
			o := &p.ops[i]
			if o.kind != opGroupAdd && o.kind != opGroupModify && o.kind != opGroupDelete {
				continue
			}
			if content, there := t.groups.installed[o.gid]; there {
				w.groups[o.gid] = content
			} else {
				delete(w.groups, o.gid)
			}
		}
	}
	if full || p.meters.changed {
		w.meters = t.meters.list()
	}
	w.stats.Desired = t.desired
	w.stats.Installed = t.installed
	w.stats.SetAside = len(t.refused)
}

func (w *Writer) reportRefused(r refusal) {
	w.count(func(st *Stats) { st.Refused++ })
	o := &r.op
	e := Refused{Err: r.err}
	if o.flow != nil {
		e.Flow = o.flow
		if o.kind == opFlowDelete {
			// The flow as the switch holds it has no owner.
			e.What = fmt.Sprintf("%v %s", o.kind, flowText(o.flow))
		} else {
			e.What = fmt.Sprintf("%v of %s: %s", o.kind, w.describeClaims(o.e), flowText(o.flow))
		}
	} else {
		e.What = fmt.Sprintf("%v %d", o.kind, o.gid)
		if o.g != nil {
			e.What += ": " + groupName(o.g.content)
		}
	}
	w.log.Error("refused, set aside", "what", e.What, "err", r.err)
	w.events.push(e)
}

func (w *Writer) refusedMeter(m *openflow.MeterMod, err error) {
	w.count(func(st *Stats) { st.Refused++ })
	what := fmt.Sprintf("meter %d", m.ID)
	for _, x := range w.state.meters.byName {
		if x.id == m.ID {
			what += " " + x.name
		}
	}
	w.log.Error("refused, set aside", "what", what, "err", err)
	w.events.push(Refused{What: what, Err: err})
}

// describeClaims names the rows that a flow comes from.
func (w *Writer) describeClaims(e *entry) string {
	win := w.state.winner(e)
	s := w.describe(win.Owner)
	if win.Kind != openflow.FlowConjunction {
		return s
	}
	// All claims of a conjunction are in the flow.
	claims := slices.Clone(w.state.claims(e))
	slices.SortFunc(claims, compareClaims)
	for _, f := range claims[1:] {
		if f.Owner != win.Owner {
			s += ", " + w.describe(f.Owner)
		}
	}
	return s
}

func (w *Writer) describe(owner [16]byte) string {
	if w.cfg.Describe != nil {
		if s := w.cfg.Describe(owner); s != "" {
			return s
		}
	}
	h := hex.EncodeToString(owner[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// flowText is a flow for a log line: long action lists are cut.
func flowText(f *openflow.Flow) string {
	const limit = 1000
	s := openflow.FormatFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Actions)
	if len(s) > limit {
		return fmt.Sprintf("%s... (%d more)", s[:limit], len(s)-limit)
	}
	return s
}

package ofbundle

import (
	"context"
	"log/slog"
	"sort"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// watch knows when and where to look for what others did to the switch.
//
//	flow monitor ───────► hints: identities, or whole tables ──┐
//	forwarded requests ─► groups and meters ───────────────────┼─► look ─► drift ─► plan
//	clock ──────────────► audit: a table; groups and meters ───┘
//
// Events are signs of change, no more: they may come late, twice or not at all.
// What is there is read by a dump, whose answer is a state at one moment; nothing
// of ours is on its way meanwhile, for the same goroutine sends bundles.
type watch struct {
	monitor   bool // the switch has a flow monitor
	forwarded bool // the switch tells of groups and meters

	since time.Time // first sign since the last look; zero for none
	// hints has, by table, identities to look at; too many are nil.
	hints  map[uint8][]*openflow.Flow
	ids    bool // look at groups and meters
	resume bool // events were lost

	timer    *time.Timer
	pollAt   time.Time // groups and meters
	sliceAt  time.Time // the next slice of the audit
	slice    int       // the place of what the audit looks at next
	hurry    int       // slices that are still to be audited at a faster pace
	hurried  time.Time // when that was last begun
	repaired time.Time // when drift was last found
}

const (
	// gather is how long to wait for more after a sign; gatherAgain if drift was
	// found within the last second: somebody keeps on.
	gather      = 30 * time.Millisecond
	gatherAgain = 300 * time.Millisecond
	// maxHints is how many identities of a table are looked at one by one. The
	// switch compares each with all flows of the table.
	maxHints = 4
	// duty is the least ratio of the time between audits to the time one took,
	// hurryDuty while events were lost, which happens at most every hurryEvery.
	duty       = 200
	hurryDuty  = 10
	hurryEvery = time.Minute
)

// startWatch asks for signs before anything is read back, so that nothing
// escapes between. A switch that refuses is audited more often.
func (s *session) startWatch(ctx context.Context) error {
	s.watch.hints = map[uint8][]*openflow.Flow{}
	if s.w.cfg.Observe {
		return nil
	}
	_, refused, err := one[*openflow.FlowMonitorReply](ctx, s, &openflow.FlowMonitorRequest{
		ID: 1, Table: openflow.TableAll, Flags: openflow.MonitorAdd | openflow.MonitorRemoved | openflow.MonitorModify})
	if err != nil {
		return err
	}
	s.watch.monitor = refused == nil
	if refused != nil {
		s.w.log.Info("the switch has no flow monitor; what others change is found by audits only", "err", refused)
	}
	errs, err := s.try(ctx, &openflow.SetAsync{Props: []openflow.AsyncProp{{Type: openflow.AsyncRequestForward, Mask: 3}}})
	if err != nil {
		return err
	}
	s.watch.forwarded = errs[0] == nil
	return nil
}

// flowEvent takes an event of the flow monitor.
func (x *watch) flowEvent(w *Writer, u *openflow.FlowUpdate) {
	switch u.Event {
	case openflow.UpdatePaused:
		w.count(func(st *Stats) { st.MonitorPauses++ })
		return
	case openflow.UpdateResumed:
		x.resume = true
		x.sign()
		return
	case openflow.UpdateAbbrev:
		return // our own
	}
	removed := u.Event == openflow.UpdateRemoved
	if removed && (u.Reason == openflow.RemovedGroupDelete || u.Reason == openflow.RemovedMeterDelete) {
		x.hintIDs()
	}
	f := &openflow.Flow{Table: u.Flow.Table, Priority: u.Flow.Priority, Cookie: u.Flow.Cookie, Match: u.Flow.Match}
	if w.state.concerns(f, removed) {
		x.hint(f, u.Flow.Foreign)
	}
}

// hint has one identity looked at, or its whole table.
func (x *watch) hint(f *openflow.Flow, whole bool) {
	x.sign()
	l, known := x.hints[f.Table]
	switch {
	case known && l == nil:
	case whole || f.Match == "" || len(l) == maxHints:
		x.hints[f.Table] = nil
	default:
		for _, g := range l {
			if sameIdentity(f, g) {
				return
			}
		}
		x.hints[f.Table] = append(l, f)
	}
}

// hintIDs has groups and meters looked at.
func (x *watch) hintIDs() {
	x.ids = true
	x.sign()
}

func (x *watch) sign() {
	if x.since.IsZero() {
		x.since = time.Now()
	}
}

// canLook says whether what the switch holds can be told from what it should.
func (s *session) canLook() bool {
	w := s.w
	return w.enabled && w.hasCommit && !s.hold && !w.cfg.Observe && !w.state.full && !w.unanswered
}

// watchAt is when it is time to look; zero for not now.
func (s *session) watchAt() time.Time {
	if !s.canLook() {
		return time.Time{}
	}
	x := &s.watch
	now := time.Now()
	if x.pollAt.IsZero() {
		x.pollAt = now.Add(s.pollEvery())
		x.sliceAt = now.Add(s.sliceEvery())
	}
	at := x.pollAt
	if x.sliceAt.Before(at) {
		at = x.sliceAt
	}
	if look := x.lookAt(); !look.IsZero() && look.Before(at) {
		at = look
	}
	return at
}

// watchTimer fires when it is time to look.
func (s *session) watchTimer() <-chan time.Time {
	at := s.watchAt()
	if at.IsZero() {
		return nil
	}
	x := &s.watch
	wait := max(0, time.Until(at))
	if x.timer == nil {
		x.timer = time.NewTimer(wait)
	} else {
		x.timer.Reset(wait)
	}
	return x.timer.C
}

// lookAt is when signs are followed; zero for no signs.
func (x *watch) lookAt() time.Time {
	if x.since.IsZero() {
		return x.since
	}
	if x.since.Sub(x.repaired) < time.Second {
		return x.since.Add(gatherAgain)
	}
	return x.since.Add(gather)
}

func (s *session) pollEvery() time.Duration {
	switch {
	case s.w.cfg.Poll > 0:
		return s.w.cfg.Poll
	case s.watch.forwarded:
		return 5 * time.Second
	}
	return time.Second
}

func (s *session) sliceEvery() time.Duration {
	pass := s.w.cfg.Audit
	switch {
	case pass > 0:
	case s.watch.monitor:
		pass = 2 * time.Minute
	default:
		pass = 30 * time.Second
	}
	return pass / time.Duration(len(s.slices()))
}

func (s *session) slices() []slice { return s.w.state.installedIn.slices(s.w.cfg.whole) }

// look reads what signs or the clock say must be read, and repairs.
func (s *session) look(ctx context.Context) error {
	x := &s.watch
	start := time.Now()
	since := x.since
	if since.IsZero() {
		since = start
	}
	var d drift
	if at := x.lookAt(); !at.IsZero() && !start.Before(at) {
		if err := s.lookAtHints(ctx, &d); err != nil {
			return err
		}
	}
	polled := !start.Before(x.pollAt)
	if polled {
		if err := s.lookAtIDs(ctx, &d); err != nil {
			return err
		}
		x.pollAt = next(start, s.pollEvery(), s.w.cfg.duty)
	}
	if !start.Before(x.sliceAt) {
		before := len(d.flows)
		if err := s.audit(ctx, &d); err != nil {
			return err
		}
		if len(d.flows) > before && !polled {
			// No sign said whether a group or a meter took them along.
			if err := s.lookAtIDs(ctx, &d); err != nil {
				return err
			}
		}
	}
	if d.empty() {
		return nil
	}
	if d.lost() && !x.monitor {
		for _, x := range s.slices() {
			if err := s.lookAtSlice(ctx, x, &d); err != nil {
				return err
			}
		}
	}
	return s.repair(ctx, &d, since)
}

// next is the time to do again what was begun at start and is now done.
func next(start time.Time, every time.Duration, ratio int) time.Time {
	took := time.Since(start)
	return start.Add(max(every, time.Duration(ratio)*took))
}

func (s *session) lookAtHints(ctx context.Context, d *drift) error {
	x := &s.watch
	// Behind the answer there is no sign left of anything done before, so that
	// what was done at once is undone at once.
	if _, err := s.try(ctx); err != nil {
		return err
	}
	hints, ids := x.hints, x.ids
	x.hints, x.ids, x.since = map[uint8][]*openflow.Flow{}, false, time.Time{}
	if x.resume {
		x.resume = false
		if time.Since(x.hurried) > hurryEvery {
			x.hurried = time.Now()
			x.hurry = len(s.slices())
			x.sliceAt = x.hurried
		}
	}
	if ids {
		if err := s.lookAtIDs(ctx, d); err != nil {
			return err
		}
	}
	for table, l := range hints {
		var err error
		if l == nil {
			err = s.lookAtSlice(ctx, slice{table: table}, d)
		} else {
			err = s.lookAtIdentities(ctx, table, l, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *session) lookAtSlice(ctx context.Context, x slice, d *drift) error {
	var found dump
	if err := s.requestFlows(ctx, x.request(), &found); err != nil {
		return err
	}
	s.w.count(func(st *Stats) { st.Looks++ })
	if !s.w.state.lookAtSlice(x, found.flows, d) {
		return s.lookAtSlice(ctx, slice{table: x.table}, d)
	}
	return nil
}

// lookAtIdentities asks for the flows that a match covers, the one of exactly
// that match among them.
func (s *session) lookAtIdentities(ctx context.Context, table uint8, ids []*openflow.Flow, d *drift) error {
	for _, id := range ids {
		var found dump
		if err := s.requestFlows(ctx, &openflow.FlowDescRequest{Table: table, Match: id.Match}, &found); err != nil {
			return err
		}
		s.w.count(func(st *Stats) { st.Looks++ })
		var is *dumpFlow
		for i := range found.flows {
			if sameIdentity(found.flows[i].flow, id) {
				is = &found.flows[i]
			}
		}
		s.w.state.lookAtFlow(id, is, d)
	}
	return nil
}

func (s *session) lookAtIDs(ctx context.Context, d *drift) error {
	found := &dump{groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}}
	err := s.readGroups(ctx, found)
	// Whether groups can be read was settled on connecting.
	s.w.groupsUnreadable = false
	if err == nil {
		err = s.readMeters(ctx, found)
	}
	if err != nil {
		return err
	}
	s.w.state.lookAtGroups(found.groups, d)
	s.w.state.lookAtMeters(found.meters, d)
	return nil
}

// audit looks at one slice after the other, one each time.
func (s *session) audit(ctx context.Context, d *drift) error {
	x := &s.watch
	start := time.Now()
	slices := s.slices()
	i := sort.Search(len(slices), func(i int) bool { return slices[i].place() >= x.slice })
	if i == len(slices) {
		i = 0 // those that were left have become fewer
	}
	if err := s.lookAtSlice(ctx, slices[i], d); err != nil {
		return err
	}
	x.slice = slices[i].after()
	if i == len(slices)-1 {
		x.slice = 0
		s.w.count(func(st *Stats) { st.Audits++ })
	}
	if x.hurry > 0 {
		x.hurry--
		x.sliceAt = next(start, 0, min(hurryDuty, s.w.cfg.duty))
	} else {
		x.sliceAt = next(start, s.sliceEvery(), s.w.cfg.duty)
	}
	return nil
}

// repair tells of the drift and writes what it takes to undo it.
func (s *session) repair(ctx context.Context, d *drift, since time.Time) error {
	w, x := s.w, &s.watch
	x.repaired = time.Now()
	e := w.reportDrift(d)
	if len(d.groups)+len(d.meters) > 0 {
		// What was refused for want of them, or because of them, may go now.
		w.state.retryRefused()
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	e.Took = time.Since(since)
	w.count(func(st *Stats) {
		st.DriftFlows += uint64(e.Flows.Total())
		st.DriftGroups += uint64(e.Groups.Total())
		st.DriftMeters += uint64(e.Meters.Total())
		st.Repairs++
	})
	w.log.Warn("the switch was changed by others; repaired", "flows", e.Flows.Total(), "groups", e.Groups.Total(),
		"meters", e.Meters.Total(), "took", e.Took)
	w.events.push(e)
	return nil
}

// Lines of the log are warnings up to driftLines at once and driftLinesPerSecond
// on the whole; more are for debugging.
const (
	driftLines          = 500
	driftLinesPerSecond = 20
)

// reportDrift names all of it in the log and counts it.
func (w *Writer) reportDrift(d *drift) Drift {
	level := func() slog.Level {
		if w.driftLines.Allow() {
			return slog.LevelWarn
		}
		return slog.LevelDebug
	}
	ctx := context.Background()
	count := func(c *DriftCount, k driftKind) {
		switch k {
		case driftMissing:
			c.Missing++
		case driftChanged:
			c.Changed++
		default:
			c.Foreign++
		}
	}
	var e Drift
	for _, x := range d.groups {
		count(&e.Groups, x.kind)
		w.log.Log(ctx, level(), "drift: group "+x.kind.String(), "group", x.id, "content", x.name)
	}
	for _, x := range d.meters {
		count(&e.Meters, x.kind)
		w.log.Log(ctx, level(), "drift: meter "+x.kind.String(), "meter", x.id, "name", x.name)
	}
	for i := range d.flows {
		x := &d.flows[i]
		count(&e.Flows, x.kind)
		l := level()
		if !w.log.Enabled(ctx, l) {
			continue
		}
		var attrs []any
		if x.e.claim != nil {
			attrs = append(attrs, "of", w.describeClaims(x.e))
		}
		if x.was != nil {
			attrs = append(attrs, "flow", flowText(x.was))
		}
		if x.is != nil {
			attrs = append(attrs, "found", flowText(x.is))
		}
		w.log.Log(ctx, l, "drift: flow "+x.kind.String(), attrs...)
	}
	return e
}

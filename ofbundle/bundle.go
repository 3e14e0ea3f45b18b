package ofbundle

import (
	"context"
	"fmt"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

func (s *session) nextBundle() uint32 {
	s.bundleID++
	return s.bundleID
}

// namedLimit is how many messages a commit may name as refused, one at a time,
// before the bundle is halved instead: each costs sending all of it again.
const namedLimit = 3

// deliver makes the switch execute ops, in their order, as one bundle. What is
// refused is set aside, and the rest sent again without it. If commits keep
// failing the bundle is halved, which gives atomicity up for the flows around
// those the switch cannot take.
func (s *session) deliver(ctx context.Context, ops []op) error {
	named := 0
	for len(ops) > 0 {
		r, err := s.attempt(ctx, ops)
		if err != nil {
			return err
		}
		if r.committed {
			for i := range ops {
				s.w.state.applied(&ops[i])
			}
			s.countOps(ops)
			return nil
		}
		s.w.count(func(st *Stats) { st.BundlesDiscarded++ })
		if len(r.refused) > 0 {
			ops = s.without(ops, r.refused)
			if r.atCommit {
				named++
			}
			if !r.atCommit || named <= namedLimit {
				continue
			}
		} else if len(ops) == 1 {
			s.without(ops, map[int]error{0: r.err})
			return nil
		}
		if len(ops) > 1 {
			mid := len(ops) / 2
			if err := s.deliver(ctx, ops[:mid:mid]); err != nil {
				return err
			}
			ops = s.stillPossible(ops[mid:])
			named = 0
		}
	}
	return nil
}

// without is ops without those refused, which are set aside, and with what has
// to come in their place.
func (s *session) without(ops []op, refused map[int]error) []op {
	// Others may have removed what an operation needs, or taken its number.
	s.watch.hintIDs()
	out := make([]op, 0, len(ops))
	var groups []*group
	for i := range ops {
		err, bad := refused[i]
		if !bad {
			for _, g := range groups {
				if s.w.state.usesGroup(&ops[i], g) {
					err, bad = fmt.Errorf("%w: %w", errGroupRefused, g.refused), true
				}
			}
		}
		if !bad {
			out = append(out, ops[i])
			continue
		}
		instead, ok := s.w.state.setAside(ops[i], err)
		if ok {
			out = append(out, instead)
		}
		if ops[i].kind == opGroupAdd || ops[i].kind == opGroupModify {
			groups = append(groups, ops[i].g)
		}
		s.w.reportRefused(refusal{ops[i], err})
	}
	return out
}

// stillPossible drops the flows whose group was refused in the half before.
func (s *session) stillPossible(ops []op) []op {
	bad := map[int]error{}
	for i := range ops {
		if ops[i].kind != opFlowAdd && ops[i].kind != opFlowModify {
			continue
		}
		if w := s.w.state.winner(ops[i].e); w.Symbols != "" {
			if _, g := s.w.state.actions(w); g != nil {
				bad[i] = fmt.Errorf("%w: %w", errGroupRefused, g.refused)
			}
		}
	}
	if len(bad) == 0 {
		return ops
	}
	return s.without(ops, bad)
}

// outcome is what became of one bundle.
type outcome struct {
	committed bool
	refused   map[int]error // by place in ops
	atCommit  bool          // refused was named by the commit
	err       error         // why the commit failed if it named nothing
}

// attempt sends one bundle: open, adds with a transaction id each, a barrier,
// and then commit, or discard if anything was refused.
func (s *session) attempt(ctx context.Context, ops []op) (outcome, error) {
	id := s.nextBundle()
	control := func(kind uint16) *openflow.BundleControl {
		return &openflow.BundleControl{ID: id, Kind: kind, Flags: openflow.BundleAtomic | openflow.BundleOrdered}
	}
	refused := map[int]error{}
	start := time.Now()
	open := s.conn.NextXID()
	if err := s.conn.Queue(open, control(openflow.BundleOpenRequest)); err != nil {
		return outcome{}, err
	}
	sent, err := s.sendOps(id, ops, refused)
	if err != nil {
		return outcome{}, err
	}
	barrier, err := s.conn.Send(&openflow.BarrierRequest{})
	if err != nil {
		return outcome{}, err
	}
	var openErr error
	for {
		r, err := s.recv(ctx)
		if err != nil {
			return outcome{}, err
		}
		if _, ok := r.m.(*openflow.BarrierReply); ok && r.h.XID == barrier {
			break
		}
		switch m := r.m.(type) {
		case *openflow.ErrorMsg:
			if i, ok := sent.op(r.h.XID); ok {
				refused[i] = m
			} else if r.h.XID == open {
				openErr = m
			} else {
				s.async(r)
			}
		case *openflow.BundleControl:
		default:
			s.async(r)
		}
	}
	if openErr != nil {
		// Nothing that could be set aside would help.
		return outcome{}, fmt.Errorf("the switch opens no bundle: %w", openErr)
	}
	if len(refused) > 0 {
		_, err := s.call(ctx, control(openflow.BundleDiscardRequest))
		return outcome{refused: refused}, err
	}
	out, err := s.commit(ctx, control(openflow.BundleCommitRequest), sent)
	if err == nil && out.committed {
		s.w.count(func(st *Stats) {
			st.Bundles++
			st.LastBundle = len(ops)
			st.LastBundleNanos = time.Since(start).Nanoseconds()
		})
		s.w.noteBundle(ops, start)
	}
	return out, err
}

// commit asks for the commit and waits for the verdict. A failing commit sends
// an error for the first message it cannot execute, then one for itself.
func (s *session) commit(ctx context.Context, m openflow.Message, sent *sentOps) (outcome, error) {
	xid, err := s.conn.Send(m)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{atCommit: true}
	for {
		r, err := s.recv(ctx)
		if err != nil {
			return outcome{}, err
		}
		switch m := r.m.(type) {
		case *openflow.ErrorMsg:
			if r.h.XID == xid {
				out.err = m
				return out, nil
			}
			if i, ok := sent.op(r.h.XID); ok {
				out.refused = map[int]error{i: m}
				continue
			}
		case *openflow.BundleControl:
			if r.h.XID == xid && m.Kind == openflow.BundleCommitReply {
				return outcome{committed: true}, nil
			}
		}
		s.async(r)
	}
}

// sentOps finds the operation behind a transaction id. All messages of a bundle
// have ids in a row, one for each operation except for groups that need several.
type sentOps struct {
	first  uint32
	places []int32 // by message, nil if message n is operation n
	n      int
}

func (x *sentOps) op(xid uint32) (int, bool) {
	i := xid - x.first
	if i >= uint32(x.n) {
		return 0, false
	}
	if x.places != nil {
		return int(x.places[i]), true
	}
	return int(i), true
}

// sendOps encodes ops into bundle id. What cannot be encoded is added to refused.
func (s *session) sendOps(id uint32, ops []op, refused map[int]error) (*sentOps, error) {
	groups, places, err := s.groupMods(ops, refused)
	if err != nil {
		return nil, err
	}
	x := &sentOps{n: len(ops), places: places}
	if places != nil {
		x.n = len(places)
	}
	x.first = s.conn.ReserveXIDs(x.n)
	xid := x.first
	var fm openflow.FlowMod
	add := openflow.BundleAdd{ID: id, Flags: openflow.BundleAtomic | openflow.BundleOrdered}
	for i := range ops {
		for j := 0; ; j++ {
			if add.Inner = s.message(&ops[i], &fm, groups[i], j); add.Inner == nil {
				break
			}
			if err := s.conn.Queue(xid, &add); err != nil {
				if s.conn.Err() != nil {
					return nil, err
				}
				refused[i] = err
			}
			xid++
		}
	}
	return x, nil
}

// message is the j-th message of o, nil if there are no more.
func (s *session) message(o *op, fm *openflow.FlowMod, groups []*openflow.GroupMod, j int) openflow.Message {
	switch o.kind {
	case opGroupAdd, opGroupModify:
		if j < len(groups) {
			return groups[j]
		}
		return nil
	case opGroupDelete, opGroupPurge:
		if j == 0 {
			return &openflow.GroupMod{Command: openflow.GroupModDelete, ID: o.gid, BucketID: openflow.BucketAll}
		}
		return nil
	}
	if j > 0 {
		return nil
	}
	*fm = openflow.FlowMod{Table: o.flow.Table, Priority: o.flow.Priority, Match: o.flow.Match}
	switch o.kind {
	case opFlowAdd:
		fm.Command, fm.Cookie, fm.Actions = openflow.FlowAdd, o.flow.Cookie, o.flow.Actions
	case opFlowModify:
		fm.Command, fm.Cookie, fm.Actions = openflow.FlowModifyStrict, o.flow.Cookie, o.flow.Actions
	default:
		fm.Command = openflow.FlowDeleteStrict
	}
	return fm
}

// groupMods makes the messages of group operations, by place in ops. places maps
// messages to operations if they are not one to one.
func (s *session) groupMods(ops []op, refused map[int]error) (groups map[int][]*openflow.GroupMod, places []int32, err error) {
	oneToOne := true
	for i := range ops {
		o := &ops[i]
		if o.kind != opGroupAdd && o.kind != opGroupModify {
			continue
		}
		if groups == nil {
			groups = map[int][]*openflow.GroupMod{}
		}
		if o.g.told != o.g.content {
			s.w.log.Warn("OpenFlow 1.4 has no selection method: the switch's own hash chooses", "group", o.gid, "wanted", groupName(o.g.content))
		}
		spec, err := openflow.DecodeGroup([]byte(o.g.told))
		if err == nil {
			groups[i], err = openflow.GroupAdd(s.conn.Version(), o.gid, spec)
		}
		if err != nil {
			refused[i] = err
			oneToOne = false
			continue
		}
		if o.kind == opGroupModify {
			groups[i][0].Command = openflow.GroupModModify
		}
		oneToOne = oneToOne && len(groups[i]) == 1
	}
	if oneToOne {
		return groups, nil, nil
	}
	for i := range ops {
		n := 1
		if ops[i].kind == opGroupAdd || ops[i].kind == opGroupModify {
			n = len(groups[i])
		}
		for range n {
			places = append(places, int32(i))
		}
	}
	return groups, places, nil
}

func (s *session) countOps(ops []op) {
	var n [opGroupDelete + 1]uint64
	for i := range ops {
		n[ops[i].kind]++
	}
	s.w.count(func(st *Stats) {
		st.GroupAdds += n[opGroupAdd] + n[opGroupModify]
		st.GroupDeletes += n[opGroupDelete]
		st.FlowAdds += n[opFlowAdd]
		st.FlowModifies += n[opFlowModify]
		st.FlowDeletes += n[opFlowDelete]
	})
}

package ofbundle

import (
	"context"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// readBack dumps flows, groups and meters and takes them as installed.
func (s *session) readBack(ctx context.Context) error {
	d := &dump{plain: s.conn.Version() != openflow.Version15, groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}}
	if err := s.dump(ctx, d); err != nil {
		return err
	}
	s.w.log.Debug("read back", "flows", len(d.flows), "groups", len(d.groups), "meters", len(d.meters))
	s.w.state.load(d)
	return nil
}

// dump reads everything into d.
func (s *session) dump(ctx context.Context, d *dump) error {
	if err := s.readFlows(ctx, d); err != nil {
		return err
	}
	if err := s.readGroups(ctx, d); err != nil {
		return err
	}
	return s.readMeters(ctx, d)
}

func (s *session) readFlows(ctx context.Context, d *dump) error {
	return s.requestFlows(ctx, &openflow.FlowDescRequest{Table: openflow.TableAll}, d)
}

// requestFlows adds what the switch answers to m to d.
func (s *session) requestFlows(ctx context.Context, m *openflow.FlowDescRequest, d *dump) error {
	// Many flows have the same few action lists.
	actions := map[openflow.Actions]openflow.Actions{}
	return multipart(ctx, s, m, func(r *openflow.FlowDescReply) bool {
		for i := range r.Flows {
			f := &r.Flows[i]
			a, ok := actions[f.Actions]
			if !ok {
				a = f.Actions
				actions[a] = a
			}
			d.flows = append(d.flows, dumpFlow{
				flow:    &openflow.Flow{Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Match: f.Match, Actions: a},
				foreign: f.Foreign || f.Idle != 0 || f.Hard != 0 || f.Flags != 0 || f.Importance != 0,
			})
		}
		return r.More
	})
}

// maxBucketsDescribed is how many buckets a group may have to be asked for along
// with others. A description has a 16-bit length, which Open vSwitch lets wrap
// around, after which nothing on the connection makes sense unless it is expected
// (see openflow.Conn.AskGroup). 256 leaves 256 bytes for each bucket.
const maxBucketsDescribed = 256

// unknownGroup is the content of a group that was not read: no wanted group has
// it, so it is replaced.
const unknownGroup = "?"

// readGroups reads the groups. How many buckets they have is asked first, for
// the reason given with maxBucketsDescribed.
func (s *session) readGroups(ctx context.Context, d *dump) error {
	if s.w.groupsUnreadable {
		s.w.groupsUnreadable = false
		d.groups = nil
		return nil
	}
	s.w.groupsUnreadable = true // until proved otherwise
	requests := []uint32{openflow.GroupIDAll}
	var small, big []uint32
	err := multipart(ctx, s, &openflow.GroupStatsRequest{ID: openflow.GroupIDAll}, func(r *openflow.GroupStatsReply) bool {
		for _, g := range r.Groups {
			if g.Buckets <= maxBucketsDescribed {
				small = append(small, g.ID)
				continue
			}
			d.groups[g.ID] = unknownGroup
			big = append(big, g.ID)
			requests = nil
		}
		return r.More
	})
	if err != nil {
		return err
	}
	switch {
	case s.conn.Version() != openflow.Version15:
		// Only all at once can be asked for; what was made in 1.4 is short.
		requests, big = []uint32{openflow.GroupIDAll}, nil
	case requests == nil:
		requests = small
	}
	for _, id := range requests {
		xid, err := s.conn.Send(&openflow.GroupDescRequest{ID: id})
		if err == nil {
			err = s.describeGroups(ctx, xid, d)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range big {
		xid, err := s.conn.AskGroup(id)
		if err == nil {
			err = s.describeGroups(ctx, xid, d)
		}
		if err != nil {
			return err
		}
	}
	s.w.groupsUnreadable = false
	return nil
}

func (s *session) describeGroups(ctx context.Context, xid uint32, d *dump) error {
	return parts(ctx, s, xid, func(r *openflow.GroupDescReply) bool {
		for i := range r.Groups {
			g := &r.Groups[i]
			if g.Err != nil {
				s.w.log.Warn("group on the switch not understood", "group", g.ID, "err", g.Err)
				d.groups[g.ID] = unknownGroup
				continue
			}
			d.groups[g.ID] = string(g.Spec.Encode())
		}
		return r.More
	})
}

func (s *session) readMeters(ctx context.Context, d *dump) error {
	if s.feat.MaxMeters == 0 {
		return nil
	}
	return multipart(ctx, s, &openflow.MeterConfigRequest{ID: openflow.MeterAll}, func(r *openflow.MeterConfigReply) bool {
		for _, x := range r.Meters {
			if x.ID <= openflow.MeterMax {
				d.meters[x.ID] = x.Spec
			}
		}
		return r.More
	})
}

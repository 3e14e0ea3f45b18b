package ofbundle

import (
	"context"
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// probe finds out what the switch can do. Nothing it sends has an effect: the
// conntrack flushes name connections that cannot exist, the flow is in a bundle
// that is discarded.
func (s *session) probe(ctx context.Context) error {
	f := &s.feat
	f.Version = s.conn.Version()
	f.GroupHash = f.Version == openflow.Version15

	features, refused, err := one[*openflow.FeaturesReply](ctx, s, &openflow.FeaturesRequest{})
	if err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	f.DatapathID = features.DatapathID

	meters, refused, err := one[*openflow.MeterFeaturesReply](ctx, s, &openflow.MeterFeaturesRequest{})
	if err != nil {
		return err
	}
	if refused == nil {
		f.MaxMeters = meters.MaxMeters
	}
	groups, refused, err := one[*openflow.GroupFeaturesReply](ctx, s, &openflow.GroupFeaturesRequest{})
	if err != nil {
		return err
	}
	if refused == nil {
		f.MaxSelectGroups = groups.MaxGroups[openflow.GroupSelect]
	}
	return s.probeExtensions(ctx)
}

func (s *session) probeExtensions(ctx context.Context) error {
	const icmp = 1
	// ICMP type 1 is unassigned (RFC 792, RFC 6918), and the highest bits of the
	// label are used by nobody.
	noConnection := openflow.CtFlush{Proto: icmp, Orig: openflow.CtTuple{ICMPType: 1}}
	noLabel := noConnection
	noLabel.Label = openflow.U128{Hi: 1 << 60}
	noLabel.LabelMask = noLabel.Label

	id := s.nextBundle()
	bundle := func(kind uint16) *openflow.BundleControl {
		return &openflow.BundleControl{ID: id, Kind: kind, Flags: openflow.BundleAtomic | openflow.BundleOrdered}
	}
	var b openflow.ActionBuilder
	reg0 := openflow.Whole(openflow.FieldReg0)
	b.Sample(openflow.SampleSpec{Probability: 0xffff, ObsDomainSrc: reg0, ObsPointSrc: reg0})
	errs, err := s.try(ctx,
		&noConnection,
		&noLabel,
		bundle(openflow.BundleOpenRequest),
		&openflow.BundleAdd{ID: id, Flags: openflow.BundleAtomic | openflow.BundleOrdered,
			Inner: &openflow.FlowMod{Command: openflow.FlowAdd, Actions: b.Actions()}},
		bundle(openflow.BundleDiscardRequest))
	if err != nil {
		return err
	}
	s.feat.CtFlush = errs[0] == nil
	s.feat.CtLabelFlush = errs[1] == nil
	s.feat.SampleReg = errs[3] == nil
	if errs[2] != nil {
		return errs[2]
	}
	return nil
}

// tunMetadataSlots is how many options a bridge can map.
const tunMetadataSlots = 64

// geneveTries bounds how often a race with another controller is run again.
const geneveTries = 4

// mapGeneve finds the field that OVN's option is mapped to, and maps it to the
// lowest free one if there is none. If the switch refuses, Geneve is off, and
// the agent goes on.
func (s *session) mapGeneve(ctx context.Context) error {
	for range geneveTries {
		t, refused, err := one[*openflow.TLVTableReply](ctx, s, &openflow.TLVTableRequest{})
		if err != nil {
			return err
		}
		if refused != nil {
			s.w.log.Error("the switch does not tell its Geneve option map; Geneve is off", "err", refused)
			return nil
		}
		index, mapped, ok := geneveSlot(t.Maps)
		if !ok {
			s.w.log.Error("no slot of the Geneve option map is free for OVN; Geneve is off")
			return nil
		}
		if !mapped {
			errs, err := s.try(ctx, &openflow.TLVTableMod{Command: openflow.TLVAdd, Maps: []openflow.TLVMap{{
				Class: pipeline.GeneveClass, Type: pipeline.GeneveType, Len: pipeline.GeneveLen, Index: uint16(index)}}})
			switch {
			case err != nil:
				return err
			case errors.Is(errs[0], openflow.ErrTLVAlreadyMapped), errors.Is(errs[0], openflow.ErrTLVDupEntry):
				s.w.log.Info("raced with another controller for a Geneve option; trying again", "err", errs[0])
				continue
			case errs[0] != nil:
				s.w.log.Error("the switch refuses OVN's Geneve option; Geneve is off", "err", errs[0])
				return nil
			}
		}
		s.feat.Geneve, s.feat.GeneveIndex = true, index
		return nil
	}
	s.w.log.Error("others hold OVN's Geneve option with another length; Geneve is off")
	return nil
}

// geneveSlot finds the slot that has OVN's option, or else the lowest free one.
func geneveSlot(maps []openflow.TLVMap) (index uint8, mapped, ok bool) {
	var used [tunMetadataSlots]bool
	for _, m := range maps {
		if m.Index >= tunMetadataSlots {
			continue
		}
		if m.Class == pipeline.GeneveClass && m.Type == pipeline.GeneveType && m.Len == pipeline.GeneveLen {
			return uint8(m.Index), true, true
		}
		used[m.Index] = true
	}
	for i, u := range used {
		if !u {
			return uint8(i), false, true
		}
	}
	return 0, false, false
}

// readBack dumps flows, groups and meters and takes them as installed.
func (s *session) readBack(ctx context.Context) error {
	d := &dump{groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}}
	if err := s.readFlows(ctx, d); err != nil {
		return err
	}
	if err := s.readGroups(ctx, d); err != nil {
		return err
	}
	if err := s.readMeters(ctx, d); err != nil {
		return err
	}
	s.w.state.load(d)
	s.w.log.Debug("read back", "flows", len(d.flows), "groups", len(d.groups), "meters", len(d.meters))
	return nil
}

func (s *session) readFlows(ctx context.Context, d *dump) error {
	replies, err := s.call(ctx, &openflow.FlowDescRequest{Table: openflow.TableAll}, func(m openflow.Message) bool {
		r, ok := m.(*openflow.FlowDescReply)
		return !ok || !r.More
	})
	if err != nil {
		return err
	}
	// Many flows have the same few action lists.
	actions := map[openflow.Actions]openflow.Actions{}
	for _, m := range replies {
		r, ok := m.(*openflow.FlowDescReply)
		if !ok {
			return unexpected(m)
		}
		for i := range r.Flows {
			f := &r.Flows[i]
			a, ok := actions[f.Actions]
			if !ok {
				a = f.Actions
				actions[a] = a
			}
			d.flows = append(d.flows, dumpFlow{
				Flow:    openflow.Flow{Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Match: f.Match, Actions: a},
				foreign: f.Foreign || f.Idle != 0 || f.Hard != 0 || f.Flags != 0 || f.Importance != 0,
			})
		}
	}
	return nil
}

func unexpected(m openflow.Message) error {
	if e, ok := m.(*openflow.ErrorMsg); ok {
		return e
	}
	return errors.New("reply of an unexpected kind")
}

// maxBucketsDescribed is how many buckets a group may have to be asked for. A
// description has a 16-bit length, which Open vSwitch lets wrap around, after
// which nothing on the connection makes sense. 256 leaves 256 bytes for each.
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
	replies, err := s.call(ctx, &openflow.GroupStatsRequest{ID: openflow.GroupIDAll}, func(m openflow.Message) bool {
		r, ok := m.(*openflow.GroupStatsReply)
		return !ok || !r.More
	})
	if err != nil {
		return err
	}
	requests := []uint32{openflow.GroupIDAll}
	var small []uint32
	for _, m := range replies {
		r, ok := m.(*openflow.GroupStatsReply)
		if !ok {
			return unexpected(m)
		}
		for _, g := range r.Groups {
			if g.Buckets <= maxBucketsDescribed {
				small = append(small, g.ID)
				continue
			}
			d.groups[g.ID] = unknownGroup
			requests = nil
		}
	}
	if requests == nil && s.conn.Version() == openflow.Version15 {
		requests = small
	}
	for _, id := range requests {
		if err := s.describeGroups(ctx, id, d); err != nil {
			return err
		}
	}
	s.w.groupsUnreadable = false
	return nil
}

func (s *session) describeGroups(ctx context.Context, id uint32, d *dump) error {
	replies, err := s.call(ctx, &openflow.GroupDescRequest{ID: id}, func(m openflow.Message) bool {
		r, ok := m.(*openflow.GroupDescReply)
		return !ok || !r.More
	})
	if err != nil {
		return err
	}
	for _, m := range replies {
		r, ok := m.(*openflow.GroupDescReply)
		if !ok {
			return unexpected(m)
		}
		for i := range r.Groups {
			g := &r.Groups[i]
			if g.Err != nil {
				s.w.log.Warn("group on the switch not understood", "group", g.ID, "err", g.Err)
				d.groups[g.ID] = unknownGroup
				continue
			}
			d.groups[g.ID] = string(g.Spec.Encode())
		}
	}
	return nil
}

func (s *session) readMeters(ctx context.Context, d *dump) error {
	if s.feat.MaxMeters == 0 {
		return nil
	}
	replies, err := s.call(ctx, &openflow.MeterConfigRequest{ID: openflow.MeterAll}, func(m openflow.Message) bool {
		r, ok := m.(*openflow.MeterConfigReply)
		return !ok || !r.More
	})
	if err != nil {
		return err
	}
	for _, m := range replies {
		r, ok := m.(*openflow.MeterConfigReply)
		if !ok {
			return unexpected(m)
		}
		for _, x := range r.Meters {
			if x.ID <= openflow.MeterMax {
				d.meters[x.ID] = x.Spec
			}
		}
	}
	return nil
}

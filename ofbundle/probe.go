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
	// Open vSwitch 3.1 ignores properties it does not know, and labels are among
	// them: it would flush without regard to the label.
	nonsense := noConnection
	nonsense.Probe = 0x7f00
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
		&noLabel,
		&nonsense,
		bundle(openflow.BundleOpenRequest),
		&openflow.BundleAdd{ID: id, Flags: openflow.BundleAtomic | openflow.BundleOrdered,
			Inner: &openflow.FlowMod{Command: openflow.FlowAdd, Actions: b.Actions()}},
		bundle(openflow.BundleDiscardRequest))
	if err != nil {
		return err
	}
	if errs[2] != nil {
		return errs[2]
	}
	s.feat.SampleReg = errs[3] == nil
	s.feat.CtFlush = errs[0] == nil
	s.feat.CtLabelFlush = errs[0] == nil && errs[1] != nil
	if !s.feat.CtFlush {
		// Asked only now: on a kernel datapath each flush walks all connections.
		if errs, err = s.try(ctx, &noConnection); err != nil {
			return err
		}
		s.feat.CtFlush = errs[0] == nil
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
		if !mapped && s.w.cfg.Observe {
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

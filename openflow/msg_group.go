package openflow

import (
	"fmt"
)

// Commands of GroupMod (OFPGC_*).
const (
	GroupModAdd          = 0
	GroupModModify       = 1
	GroupModDelete       = 2
	GroupModInsertBucket = 3 // OpenFlow 1.5
	GroupModRemoveBucket = 5 // OpenFlow 1.5
)

// GroupIDAll stands for every group in requests and deletions; numbers up to
// GroupIDMax may be given out.
const (
	GroupIDAll = 0xfffffffc
	GroupIDMax = 0xffffff00
)

// Special bucket numbers.
const (
	BucketFirst = 0xfffffffd
	BucketLast  = 0xfffffffe
	BucketAll   = 0xffffffff
)

// GroupMod adds, changes or deletes a group, or some of its buckets.
//
//	+--------------------------------------+ header
//	| command    | type | pad              |
//	| group id                             |
//	| length of buckets | pad              |
//	| bucket id the command refers to      |
//	| buckets                              |
//	| properties                           |
//	+--------------------------------------+
type GroupMod struct {
	Command  uint16
	ID       uint32
	BucketID uint32 // of GroupModInsertBucket, GroupModRemoveBucket
	Spec     GroupSpec
}

func (*GroupMod) msgType() uint8 { return TypeGroupMod }

const groupModHeader = headerLen + 16

func (m *GroupMod) appendBody(b []byte, v Version) ([]byte, error) {
	if v != Version15 {
		return m.appendBody14(b, v)
	}
	b = appendU16(b, m.Command)
	b = append(b, byte(m.Spec.Type), 0)
	b = appendU32(b, m.ID)
	lenAt := len(b)
	b = appendZeros(b, 4)
	b = appendU32(b, m.BucketID)
	at := len(b)
	b = m.Spec.AppendBuckets(b)
	if n := len(b) - at; n > MaxMessage {
		return b, fmt.Errorf("group %d: buckets of %d bytes: %w", m.ID, n, ErrTooLong)
	}
	putU16(b, lenAt, len(b)-at)
	return m.Spec.AppendProperties(b), nil
}

func decodeGroupMod(v Version, r *reader) (*GroupMod, error) {
	m := &GroupMod{Command: r.u16()}
	typ := GroupType(r.u8())
	r.skip(1)
	m.ID = r.u32()
	if v != Version15 {
		if r.err != nil {
			return nil, r.err
		}
		var err error
		m.Spec, err = decodeBuckets14(typ, r)
		return m, err
	}
	n := int(r.u16())
	r.skip(2)
	m.BucketID = r.u32()
	buckets := r.take(n)
	if r.err != nil {
		return nil, r.err
	}
	spec, err := DecodeGroupParts(typ, buckets, r.take(len(r.b)))
	if err != nil {
		return nil, err
	}
	m.Spec = *spec
	return m, nil
}

// GroupAdd makes the messages that add group id. There is one, unless the
// buckets fill more than a message: then the others insert buckets. It is an
// error if one bucket alone is too long, or more than one message is needed in
// OpenFlow 1.4, which cannot insert.
func GroupAdd(v Version, id uint32, spec *GroupSpec) ([]*GroupMod, error) {
	first := &GroupMod{Command: GroupModAdd, ID: id, BucketID: BucketAll, Spec: *spec}
	first.Spec.Buckets = nil
	room := MaxMessage - bundleAddLen - groupModHeader - len(spec.AppendProperties(nil))
	out := []*GroupMod{first}
	cur, used, start := first, 0, 0
	var one []byte
	for i := range spec.Buckets {
		one = spec.Buckets[i].Append(one[:0], spec.Type)
		n := len(one)
		if len(spec.Buckets[i].Actions)+n > 2*room || n > room || len(spec.Buckets[i].Actions) > room {
			return nil, fmt.Errorf("openflow: group %d: bucket %d: %w", id, i, ErrTooLong)
		}
		if used+n > room {
			if v != Version15 {
				return nil, fmt.Errorf("openflow: group %d: %d buckets need bucket insertion, which %v lacks: %w",
					id, len(spec.Buckets), v, ErrTooLong)
			}
			cur.Spec.Buckets = spec.Buckets[start:i:i]
			cur = &GroupMod{Command: GroupModInsertBucket, ID: id, BucketID: BucketLast,
				Spec: GroupSpec{Type: spec.Type}}
			out = append(out, cur)
			used, start = 0, i
		}
		used += n
	}
	cur.Spec.Buckets = spec.Buckets[start:]
	return out, nil
}

// GroupDesc is one group of a dump. Err is set if the switch holds something
// this package cannot express; Spec is then empty.
type GroupDesc struct {
	ID   uint32
	Spec GroupSpec
	Err  error
}

// GroupDescRequest asks for GroupDescReply; ID may be GroupIDAll. OpenFlow 1.4
// always yields all.
type GroupDescRequest struct{ ID uint32 }

func (*GroupDescRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *GroupDescRequest) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartGroupDesc, false)
	if v == Version15 {
		b = appendZeros(appendU32(b, m.ID), 4)
	}
	return b, nil
}

// GroupDescReply is part of a dump of groups.
type GroupDescReply struct {
	More   bool
	Groups []GroupDesc
}

func (*GroupDescReply) msgType() uint8 { return TypeMultipartReply }

func (m *GroupDescReply) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartGroupDesc, m.More)
	for i := range m.Groups {
		g := &m.Groups[i]
		start := len(b)
		b = append(b, 0, 0, byte(g.Spec.Type), 0)
		b = appendU32(b, g.ID)
		if v == Version15 {
			b = appendZeros(b, 8)
			at := len(b)
			b = g.Spec.AppendBuckets(b)
			putU16(b, at-8, len(b)-at)
			b = g.Spec.AppendProperties(b)
		} else {
			var err error
			if b, err = appendBuckets14(b, v, &g.Spec); err != nil {
				return b, err
			}
		}
		n := len(b) - start
		if n > MaxMessage {
			return b, fmt.Errorf("group %d: %w", g.ID, ErrTooLong)
		}
		putU16(b, start, n)
	}
	return b, nil
}

func decodeGroupDescReply(v Version, more bool, r *reader) (*GroupDescReply, error) {
	m := &GroupDescReply{More: more}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < 8 {
			return nil, fmt.Errorf("group description of %d bytes", n)
		}
		e := r.sub(n - 2)
		typ := GroupType(e.u8())
		e.skip(1)
		g := GroupDesc{ID: e.u32()}
		if v == Version15 {
			n := int(e.u16())
			e.skip(6)
			buckets := e.take(n)
			if e.err != nil {
				return nil, e.err
			}
			spec, err := DecodeGroupParts(typ, buckets, e.take(len(e.b)))
			if err == nil {
				g.Spec = *spec
			}
			g.Err = err
		} else {
			if e.err != nil {
				return nil, e.err
			}
			g.Spec, g.Err = decodeBuckets14(typ, e)
		}
		m.Groups = append(m.Groups, g)
	}
	return m, r.err
}

// GroupFeaturesRequest asks for GroupFeaturesReply.
type GroupFeaturesRequest struct{}

func (*GroupFeaturesRequest) msgType() uint8 { return TypeMultipartRequest }
func (*GroupFeaturesRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendMultipart(b, multipartGroupFeatures, false), nil
}

// GroupFeaturesReply tells what groups the switch has; the arrays are indexed by
// GroupType.
type GroupFeaturesReply struct {
	Types        uint32
	Capabilities uint32
	MaxGroups    [4]uint32
	Actions      [4]uint32
}

func (*GroupFeaturesReply) msgType() uint8 { return TypeMultipartReply }
func (m *GroupFeaturesReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartGroupFeatures, false)
	b = appendU32(appendU32(b, m.Types), m.Capabilities)
	for _, n := range m.MaxGroups {
		b = appendU32(b, n)
	}
	for _, n := range m.Actions {
		b = appendU32(b, n)
	}
	return b, nil
}

func decodeGroupFeaturesReply(r *reader) (*GroupFeaturesReply, error) {
	m := &GroupFeaturesReply{Types: r.u32(), Capabilities: r.u32()}
	for i := range m.MaxGroups {
		m.MaxGroups[i] = r.u32()
	}
	for i := range m.Actions {
		m.Actions[i] = r.u32()
	}
	return m, r.err
}

// GroupStatsRequest asks for GroupStatsReply; ID may be GroupIDAll.
type GroupStatsRequest struct{ ID uint32 }

func (*GroupStatsRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *GroupStatsRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartGroupStats, false)
	return appendZeros(appendU32(b, m.ID), 4), nil
}

// GroupStats counts what a group has done.
type GroupStats struct {
	ID           uint32
	Flows        uint32 // that refer to it
	Buckets      int
	DurationNsec uint64
	Packets      uint64
	Bytes        uint64
}

// GroupStatsReply is part of the statistics of groups.
type GroupStatsReply struct {
	More   bool
	Groups []GroupStats
}

const groupStatsLen, bucketStatsLen = 40, 16

func (*GroupStatsReply) msgType() uint8 { return TypeMultipartReply }
func (m *GroupStatsReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartGroupStats, m.More)
	for _, g := range m.Groups {
		b = appendU16(b, uint16(groupStatsLen+bucketStatsLen*g.Buckets))
		b = appendU32(appendU32(appendU16(b, 0), g.ID), g.Flows)
		b = appendU64(appendU64(appendU32(b, 0), g.Packets), g.Bytes)
		b = appendU32(appendU32(b, uint32(g.DurationNsec/1e9)), uint32(g.DurationNsec%1e9))
		b = appendZeros(b, bucketStatsLen*g.Buckets)
	}
	return b, nil
}

func decodeGroupStatsReply(more bool, r *reader) (*GroupStatsReply, error) {
	m := &GroupStatsReply{More: more}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < groupStatsLen {
			return nil, fmt.Errorf("group statistics of %d bytes", n)
		}
		e := r.sub(n - 2)
		e.skip(2)
		g := GroupStats{ID: e.u32(), Flows: e.u32(), Buckets: (n - groupStatsLen) / bucketStatsLen}
		e.skip(4)
		g.Packets, g.Bytes = e.u64(), e.u64()
		g.DurationNsec = uint64(e.u32())*1e9 + uint64(e.u32())
		if e.err != nil {
			return nil, e.err
		}
		m.Groups = append(m.Groups, g)
	}
	return m, r.err
}

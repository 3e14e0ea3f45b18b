package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// GroupType is how a group uses its buckets.
type GroupType uint8

const (
	GroupAll      GroupType = 0
	GroupSelect   GroupType = 1
	GroupIndirect GroupType = 2
	GroupFF       GroupType = 3 // fast failover
)

// GroupSpec is a group without its number.
type GroupSpec struct {
	Type GroupType
	// SelectionMethod is "hash", "dp_hash" or "" (the switch's choice), at most
	// 15 bytes; a Netronome extension.
	SelectionMethod string
	SelectionParam  uint64
	// Fields are what "hash" hashes, each whole.
	Fields  []Field
	Buckets []Bucket
}

// Bucket is one bucket of a group.
type Bucket struct {
	ID         uint32
	Weight     uint16 // of select groups
	WatchPort  uint32 // 0: none
	WatchGroup uint32 // 0: none
	Actions    Actions
}

const (
	bucketHeader        = 8
	bucketPropWeight    = 0
	bucketPropPort      = 1
	bucketPropGroup     = 2
	groupPropExperiment = 0xffff
	netronomeVendor     = 0x0000154d
	ntrSelectionMethod  = 1
	ntrPropHeader       = 40
	selectionMethodLen  = 16
	groupSpecHeader     = 8
)

// Encode is the canonical form of g, in which equal groups are equal bytes:
//
//	type 1, zero 3, length of buckets 4,
//	buckets and then properties as in an OpenFlow 1.5 group description
func (g *GroupSpec) Encode() []byte {
	b := make([]byte, groupSpecHeader, 256)
	b[0] = byte(g.Type)
	b = g.AppendBuckets(b)
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)-groupSpecHeader))
	return g.AppendProperties(b)
}

// AppendBuckets writes the buckets as OpenFlow 1.5 messages carry them. All of
// them may be longer than one message allows.
func (g *GroupSpec) AppendBuckets(b []byte) []byte {
	for i := range g.Buckets {
		b = g.Buckets[i].Append(b, g.Type)
	}
	return b
}

// Append writes one bucket of a group of type t, in OpenFlow 1.5 form.
func (k *Bucket) Append(b []byte, t GroupType) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b[:start+2], uint16(len(k.Actions)))
	b = binary.BigEndian.AppendUint32(b, k.ID)
	b = append(b, k.Actions...)
	prop := func(typ uint16) {
		b = binary.BigEndian.AppendUint16(b, typ)
		b = binary.BigEndian.AppendUint16(b, 8)
	}
	if t == GroupSelect || k.Weight != 0 {
		prop(bucketPropWeight)
		b = binary.BigEndian.AppendUint16(b, k.Weight)
		b = append(b, 0, 0)
	}
	if k.WatchPort != 0 && k.WatchPort != PortAny {
		prop(bucketPropPort)
		b = binary.BigEndian.AppendUint32(b, Port32(k.WatchPort))
	}
	if k.WatchGroup != 0 && k.WatchGroup != PortAny {
		prop(bucketPropGroup)
		b = binary.BigEndian.AppendUint32(b, k.WatchGroup)
	}
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// AppendProperties writes the group's properties in OpenFlow 1.5 form.
func (g *GroupSpec) AppendProperties(b []byte) []byte {
	if g.SelectionMethod == "" {
		return b
	}
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, groupPropExperiment)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, netronomeVendor)
	b = binary.BigEndian.AppendUint32(b, ntrSelectionMethod)
	b = append(b, 0, 0, 0, 0)
	var method [selectionMethodLen]byte
	copy(method[:selectionMethodLen-1], g.SelectionMethod)
	b = append(b, method[:]...)
	b = binary.BigEndian.AppendUint64(b, g.SelectionParam)
	for _, f := range g.sortedFields() {
		b = fields[f].oxm.append(b, false)
		b = MaskN(8*f.Bytes()).appendBE(b, f.Bytes())
	}
	n := len(b) - start
	binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	for range -n & 7 {
		b = append(b, 0)
	}
	return b
}

// DecodeGroup takes the canonical form, or what is canonical but for the order
// or encoding of its parts, apart.
func DecodeGroup(b []byte) (*GroupSpec, error) {
	if len(b) < groupSpecHeader {
		return nil, errors.New("openflow: group: truncated")
	}
	n := binary.BigEndian.Uint32(b[4:])
	rest := b[groupSpecHeader:]
	if uint64(n) > uint64(len(rest)) {
		return nil, errors.New("openflow: group: truncated buckets")
	}
	return DecodeGroupParts(GroupType(b[0]), rest[:n], rest[n:])
}

// DecodeGroupParts makes a group of the buckets and properties of an OpenFlow
// 1.5 message.
func DecodeGroupParts(t GroupType, buckets, props []byte) (*GroupSpec, error) {
	g := &GroupSpec{Type: t}
	if t > GroupFF {
		return nil, fmt.Errorf("openflow: group: unknown type %d", t)
	}
	for len(buckets) > 0 {
		k, n, err := decodeBucket(buckets)
		if err != nil {
			return nil, fmt.Errorf("openflow: group: bucket %d: %w", len(g.Buckets), err)
		}
		g.Buckets = append(g.Buckets, k)
		buckets = buckets[n:]
	}
	for len(props) > 0 {
		typ, body, n, err := splitProp(props)
		if err != nil {
			return nil, fmt.Errorf("openflow: group: property: %w", err)
		}
		if err := g.decodeProp(typ, body); err != nil {
			return nil, fmt.Errorf("openflow: group: %w", err)
		}
		props = props[n:]
	}
	return g, nil
}

// splitProp splits off a property: its data without padding, and its length with.
func splitProp(b []byte) (typ uint16, body []byte, n int, err error) {
	if len(b) < 4 {
		return 0, nil, 0, errTruncated
	}
	typ = binary.BigEndian.Uint16(b)
	size := int(binary.BigEndian.Uint16(b[2:]))
	n = (size + 7) &^ 7
	if size < 4 || n > len(b) {
		return 0, nil, 0, errTruncated
	}
	return typ, b[4:size], n, nil
}

func decodeBucket(b []byte) (k Bucket, n int, err error) {
	if len(b) < bucketHeader {
		return k, 0, errTruncated
	}
	n = int(binary.BigEndian.Uint16(b))
	actions := int(binary.BigEndian.Uint16(b[2:]))
	if n > len(b) || n < bucketHeader+actions {
		return k, 0, errTruncated
	}
	k.ID = binary.BigEndian.Uint32(b[4:])
	k.Actions, err = DecodeActions(b[bucketHeader : bucketHeader+actions])
	if err != nil {
		return k, 0, err
	}
	for props := b[bucketHeader+actions : n]; len(props) > 0; {
		typ, body, size, err := splitProp(props)
		if err != nil {
			return k, 0, err
		}
		props = props[size:]
		switch {
		case typ == bucketPropWeight && (len(body) == 2 || len(body) == 4):
			k.Weight = binary.BigEndian.Uint16(body)
		case typ == bucketPropPort && len(body) == 4:
			k.WatchPort = binary.BigEndian.Uint32(body)
		case typ == bucketPropGroup && len(body) == 4:
			k.WatchGroup = binary.BigEndian.Uint32(body)
		default:
			return k, 0, fmt.Errorf("property %d of %d bytes", typ, len(body))
		}
	}
	return k, n, nil
}

func (g *GroupSpec) decodeProp(typ uint16, body []byte) error {
	if typ != groupPropExperiment || len(body) < ntrPropHeader-4 ||
		binary.BigEndian.Uint32(body) != netronomeVendor ||
		binary.BigEndian.Uint32(body[4:]) != ntrSelectionMethod {
		return fmt.Errorf("unknown property %d", typ)
	}
	if g.SelectionMethod != "" {
		return errors.New("selection method twice")
	}
	method := body[12 : 12+selectionMethodLen]
	end := slices.Index(method, 0)
	if end < 1 {
		return errors.New("ill-formed selection method")
	}
	g.SelectionMethod = string(method[:end])
	g.SelectionParam = binary.BigEndian.Uint64(body[28:])
	for s := string(body[ntrPropHeader-4:]); len(s) > 0; {
		t, err := nextTLV(s)
		if err != nil {
			return fmt.Errorf("selection field: %w", err)
		}
		if !t.known || t.masked {
			return errors.New("selection field unknown or with a mask")
		}
		if v, _ := t.valueMask(); v != MaskN(8*t.field.Bytes()) {
			return fmt.Errorf("selection field %s: only whole fields are known", t.field)
		}
		g.Fields = append(g.Fields, t.field)
		s = s[t.size:]
	}
	return nil
}

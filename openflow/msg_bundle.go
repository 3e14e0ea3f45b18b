package openflow

import (
	"encoding/binary"
	"fmt"
)

// Kinds of BundleControl (OFPBCT_*); a reply is its request plus one.
const (
	BundleOpenRequest    = 0
	BundleOpenReply      = 1
	BundleCloseRequest   = 2
	BundleCloseReply     = 3
	BundleCommitRequest  = 4
	BundleCommitReply    = 5
	BundleDiscardRequest = 6
	BundleDiscardReply   = 7
)

// Flags of a bundle.
const (
	BundleAtomic  = 1 << 0
	BundleOrdered = 1 << 1
)

// BundleControl opens, commits or discards a bundle, or is the reply.
type BundleControl struct {
	ID    uint32
	Kind  uint16
	Flags uint16
}

func (*BundleControl) msgType() uint8 { return TypeBundleControl }

func (m *BundleControl) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendU16(appendU16(appendU32(b, m.ID), m.Kind), m.Flags), nil
}

func decodeBundleControl(r *reader) (*BundleControl, error) {
	m := &BundleControl{ID: r.u32(), Kind: r.u16(), Flags: r.u16()}
	return m, r.err
}

// bundleAddLen is what bundle-add puts before the message it carries.
const bundleAddLen = 16

// BundleAdd puts a message into a bundle. The inner message carries the same
// transaction id as the outer, as OpenFlow demands.
//
//	+--------------------+  header
//	| bundle id          |
//	| pad (2) | flags    |
//	+--------------------+
//	| inner message      |
type BundleAdd struct {
	ID    uint32
	Flags uint16
	Inner Message
	// XID is the inner message's transaction id, set by decoding. Encoding takes
	// the outer one.
	XID uint32
}

func (*BundleAdd) msgType() uint8 { return TypeBundleAdd }

func (m *BundleAdd) appendBody(b []byte, v Version) ([]byte, error) {
	// The outer header is already there and ends in the xid.
	xid := binary.BigEndian.Uint32(b[len(b)-4:])
	b = appendU32(b, m.ID)
	b = appendU16(b, 0)
	b = appendU16(b, m.Flags)
	return AppendMessage(b, v, xid, m.Inner)
}

func decodeBundleAdd(r *reader) (*BundleAdd, error) {
	m := &BundleAdd{ID: r.u32()}
	r.skip(2)
	m.Flags = r.u16()
	if r.err != nil {
		return nil, r.err
	}
	h, err := ParseHeader(r.b)
	if err != nil {
		return nil, err
	}
	if h.Type == TypeBundleAdd {
		return nil, fmt.Errorf("bundle-add inside bundle-add")
	}
	h, m.Inner, err = DecodeMessage(r.b)
	if err != nil {
		return nil, fmt.Errorf("message in bundle %d: %w", m.ID, err)
	}
	m.XID = h.XID
	return m, nil
}

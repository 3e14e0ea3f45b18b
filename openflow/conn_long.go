package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Open vSwitch describes a group of more than 64 KiB all the same: it sends every
// byte, with length fields that have wrapped around. Knowing that a barrier reply
// comes last, the true lengths can be found:
//
//	| length L | group description, L + k*65536 bytes | whole messages | barrier reply |

// longReply is one request whose answer may be that long.
type longReply struct {
	xid     uint32 // of the request
	barrier uint32 // of the barrier request behind it
}

// AskGroup asks for the description of one group, whatever its size. Its parts
// come as *GroupDescReply with the transaction id returned. Only one such request
// may be under way.
func (c *Conn) AskGroup(id uint32) (xid uint32, err error) {
	xid = c.ReserveXIDs(2)
	c.long.Store(&longReply{xid: xid, barrier: xid + 1})
	if err := c.Queue(xid, &GroupDescRequest{ID: id}); err != nil {
		return xid, err
	}
	if err := c.Queue(xid+1, &BarrierRequest{}); err != nil {
		return xid, err
	}
	return xid, c.Flush()
}

// take cuts everything up to the barrier reply off b. ok is false if the reply is
// not there yet. The barrier reply itself is left out.
func (l *longReply) take(v Version, b []byte) (frames [][]byte, rest []byte, ok bool) {
	end, err := AppendMessage(nil, v, l.barrier, &BarrierReply{})
	if err != nil {
		return nil, b, false
	}
	for at := 0; ; {
		i := bytes.Index(b[at:], end)
		if i < 0 {
			return nil, b, false
		}
		at += i
		if frames, ok := l.split(v, b[:at]); ok {
			slices.Reverse(frames)
			return frames, b[at+len(end):], true
		}
		at++
	}
}

// split cuts b into messages, last first, of which group descriptions may be
// longer than they say.
func (l *longReply) split(v Version, b []byte) (frames [][]byte, ok bool) {
	if len(b) == 0 {
		return nil, true
	}
	h, err := ParseHeader(b)
	if err != nil || h.Version != v {
		return nil, false
	}
	long := h.Type == TypeMultipartReply && h.XID == l.xid
	for n := int(h.Length); n <= len(b); n += MaxMessage + 1 {
		if frames, ok := l.split(v, b[n:]); ok {
			return append(frames, append([]byte(nil), b[:n]...)), true
		}
		if !long {
			break
		}
	}
	return nil, false
}

// decodeLong decodes the description of one group that is longer than its length
// field says. Only buckets and properties know their lengths: the first property
// has type 0xffff, which no bucket can have as length.
func decodeLong(frame []byte) (Header, Message, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return h, nil, err
	}
	r := &reader{b: frame[headerLen:]}
	typ, flags := r.u16(), r.u16()
	r.skip(4)
	r.skip(2) // length of the description
	group := GroupType(r.u8())
	r.skip(1)
	d := GroupDesc{ID: r.u32()}
	r.skip(8) // length of the buckets
	if r.err != nil || typ != multipartGroupDesc {
		return h, nil, fmt.Errorf("openflow: message type %d of %d bytes", h.Type, len(frame))
	}
	n := 0
	for n+2 <= len(r.b) {
		size := int(binary.BigEndian.Uint16(r.b[n:]))
		if size == groupPropExperiment {
			break
		}
		if size < bucketHeader || n+size > len(r.b) {
			return h, nil, fmt.Errorf("openflow: group %d: bucket of %d bytes", d.ID, size)
		}
		n += size
	}
	spec, err := DecodeGroupParts(group, r.b[:n], r.b[n:])
	if err == nil {
		d.Spec = *spec
	}
	d.Err = err
	return h, &GroupDescReply{More: flags&multipartMore != 0, Groups: []GroupDesc{d}}, nil
}

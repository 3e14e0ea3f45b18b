package ofbundle

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// flushing is flushes of conntrack that the switch was sent, with a barrier behind
// them, and has not acknowledged. Nothing waits for that: the switch takes them
// before whatever is sent later, so that no flow of a bundle meets what a zone held
// before.
type flushing struct {
	first   uint32 // transaction id of the first of msgs
	barrier uint32
	msgs    []openflow.Message
	errs    []error
	zones   []uint16
	single  []openflow.CtFlush
}

// flush sends the zones to empty and the connections to remove. What is not
// acknowledged before the connection ends is asked for again on the next.
func (s *session) flush() error {
	w := s.w
	if len(w.zones) == 0 && len(w.flushes) == 0 {
		return nil
	}
	f := &flushing{zones: w.zones}
	for _, z := range w.zones {
		f.msgs = append(f.msgs, &openflow.CtFlushZone{Zone: z})
	}
	for i := range w.flushes {
		c := &w.flushes[i]
		if !s.feat.CtFlush || !s.feat.CtLabelFlush && (c.LabelMask != openflow.U128{} || c.MarkMask != 0) {
			w.log.Warn("the switch cannot flush single connections", "flush", fmt.Sprintf("%+v", *c))
			continue
		}
		f.single = append(f.single, *c)
		f.msgs = append(f.msgs, c)
	}
	w.zones, w.flushes = nil, nil
	f.errs = make([]error, len(f.msgs))
	f.first = s.conn.ReserveXIDs(len(f.msgs))
	s.flushing = append(s.flushing, f)
	for i, m := range f.msgs {
		if err := s.conn.Queue(f.first+uint32(i), m); err != nil {
			if s.conn.Err() != nil {
				return err
			}
			f.errs[i] = err
		}
	}
	var err error
	f.barrier, err = s.conn.Send(&openflow.BarrierRequest{})
	return err
}

// flushRefused takes an error if it is about a flush.
func (s *session) flushRefused(xid uint32, e *openflow.ErrorMsg) bool {
	for _, f := range s.flushing {
		if i := xid - f.first; i < uint32(len(f.msgs)) {
			f.errs[i] = e
			return true
		}
	}
	return false
}

// flushed takes the answer to a barrier if it was one behind flushes.
func (s *session) flushed(xid uint32) {
	if len(s.flushing) == 0 || s.flushing[0].barrier != xid {
		return
	}
	f := s.flushing[0]
	s.flushing = s.flushing[1:]
	w := s.w
	for i, z := range f.zones {
		if f.errs[i] != nil {
			w.log.Error("the switch refuses to flush a conntrack zone", "zone", z, "err", f.errs[i])
		}
		w.events.push(ZoneFlushed{Zone: z, Err: f.errs[i]})
	}
	w.count(func(st *Stats) { st.ZoneFlushes += uint64(len(f.zones)) })
	for i, e := range f.errs[len(f.zones):] {
		if e != nil {
			w.log.Warn("the switch refuses to flush connections", "flush", fmt.Sprintf("%+v", f.single[i]), "err", e)
		}
	}
}

// unflushed has what was not acknowledged asked for again.
func (s *session) unflushed() {
	var zones []uint16
	var single []openflow.CtFlush
	for _, f := range s.flushing {
		zones = append(zones, f.zones...)
		single = append(single, f.single...)
	}
	s.w.zones = append(zones, s.w.zones...)
	s.w.flushes = append(single, s.w.flushes...)
}

package ofbundle

import (
	"sync/atomic"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestFlushHoldsNothingUp: a bundle follows the flush of a zone without waiting for
// its acknowledgement, and behind it; a flush that was not acknowledged when the
// connection ended is asked for on the next.
func TestFlushHoldsNothingUp(t *testing.T) {
	_, p, a := startProxied(t)
	a.connected()
	a.Enable()
	a.commit()
	p.recorded()

	// The answer to the barrier behind the flush does not arrive.
	var behind atomic.Uint32
	sawFlush := false
	p.set(func(h openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		switch m.(type) {
		case *openflow.CtFlushZone:
			sawFlush = true
		case *openflow.BarrierRequest:
			if sawFlush {
				behind.CompareAndSwap(0, h.XID)
			}
		}
		return frame, false
	}, func(h openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		if _, ok := m.(*openflow.BarrierReply); ok && h.XID == behind.Load() {
			return nil, false
		}
		return frame, false
	})
	a.FlushZone(7)
	a.Update(nil, []*openflow.Flow{flow(12, 10, 0x5000, nil, resubmit(13))})
	a.commit()
	order := ""
	for _, m := range p.recorded() {
		switch {
		case isCommit(m):
			order += "commit "
		default:
			if _, ok := m.(*openflow.CtFlushZone); ok {
				order += "flush "
			}
		}
	}
	if order != "flush commit " {
		t.Errorf("sent: %q", order)
	}

	p.set(nil, func(openflow.Header, openflow.Message, []byte) ([]byte, bool) { return nil, true })
	a.Update(nil, []*openflow.Flow{flow(12, 20, 0x5001, nil, resubmit(14))})
	a.seq++
	a.Commit(a.seq)
	a.next("disconnected", func(e Event) bool { _, ok := e.(Disconnected); return ok })
	p.set(nil, nil)
	a.next("zone 7", func(e Event) bool {
		f, ok := e.(ZoneFlushed)
		return ok && f.Zone == 7 && f.Err == nil
	})
}

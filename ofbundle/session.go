package ofbundle

import (
	"context"
	"fmt"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// session is one connection's life: probing, reading back, then writing. Its
// methods run on the Writer's goroutine and return an error only if the
// connection is of no more use.
type session struct {
	w    *Writer
	conn *openflow.Conn
	in   chan received
	feat Features

	bundleID uint32
	// patience bounds the wait for a message while connecting, when the switch has
	// nothing to do that takes long; 0 is without bound.
	patience time.Duration
	// hold: the features changed, so what is wanted was made for another switch;
	// wait for the next Commit, or until holdUntil fires.
	hold      bool
	holdUntil <-chan time.Time
	watch     watch
	flushing  []*flushing // in the order they were sent
}

type received struct {
	h openflow.Header
	m openflow.Message
}

func newSession(ctx context.Context, w *Writer, conn *openflow.Conn) *session {
	s := &session{w: w, conn: conn, in: make(chan received)}
	go func() {
		defer close(s.in)
		for {
			h, m, err := conn.Recv(ctx)
			if err != nil {
				return
			}
			select {
			case s.in <- received{h, m}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// drain waits for the receiving goroutine, which is about to end.
func (s *session) drain() {
	for range s.in {
	}
}

// recv waits for the next message of any kind.
func (s *session) recv(ctx context.Context) (received, error) {
	var timeout <-chan time.Time
	if s.patience > 0 {
		t := time.NewTimer(s.patience)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-timeout:
		return received{}, fmt.Errorf("no answer for %v", s.patience)
	case r, ok := <-s.in:
		if !ok {
			return r, s.lost(ctx)
		}
		return r, nil
	case <-ctx.Done():
		return received{}, ctx.Err()
	}
}

func (s *session) lost(ctx context.Context) error {
	if err := s.conn.Err(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return openflow.ErrClosed
}

// async takes a message that answers nothing.
func (s *session) async(r received) {
	switch m := r.m.(type) {
	case *openflow.FlowMonitorReply:
		for i := range m.Updates {
			s.watch.flowEvent(s.w, &m.Updates[i])
		}
	case *openflow.Unknown:
		if m.Type == openflow.TypeRequestForward {
			s.watch.hintIDs()
		}
	case *openflow.BarrierReply:
		s.flushed(r.h.XID)
	case *openflow.ErrorMsg:
		if s.flushRefused(r.h.XID, m) {
			return
		}
		s.w.count(func(st *Stats) { st.Errors++ })
		s.w.log.Warn("the switch reports an error that answers nothing known",
			"error", m.Name(), "xid", r.h.XID, "message", describeData(m.Data))
	case *openflow.Malformed:
		s.w.count(func(st *Stats) { st.Errors++ })
		s.w.log.Warn("undecodable message from the switch", "type", m.Type, "err", m.Err)
	}
}

// describeData names the message inside an error.
func describeData(b []byte) string {
	_, m, err := openflow.DecodeMessage(b)
	if err != nil {
		return fmt.Sprintf("%d bytes, %v", len(b), err)
	}
	if add, ok := m.(*openflow.BundleAdd); ok {
		m = add.Inner
	}
	if fm, ok := m.(*openflow.FlowMod); ok {
		return flowText(&openflow.Flow{Table: fm.Table, Priority: fm.Priority, Cookie: fm.Cookie,
			Match: fm.Match, Actions: fm.Actions})
	}
	return fmt.Sprintf("%T", m)
}

// call sends m and returns the message that answers it, which may be an error
// message.
func (s *session) call(ctx context.Context, m openflow.Message) (openflow.Message, error) {
	xid, err := s.conn.Send(m)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, xid)
}

// answer waits for a message with the transaction id.
func (s *session) answer(ctx context.Context, xid uint32) (openflow.Message, error) {
	for {
		r, err := s.recv(ctx)
		if err != nil {
			return nil, err
		}
		if r.h.XID != xid {
			s.async(r)
			continue
		}
		if m, ok := r.m.(*openflow.Malformed); ok {
			return nil, fmt.Errorf("reply of type %d: %w", m.Type, m.Err)
		}
		return r.m, nil
	}
}

// multipart sends m and hands every part of the answer to part, which says
// whether more are to come.
func multipart[T openflow.Message](ctx context.Context, s *session, m openflow.Message, part func(T) (more bool)) error {
	xid, err := s.conn.Send(m)
	if err != nil {
		return err
	}
	return parts(ctx, s, xid, part)
}

// parts is multipart for a request that has been sent.
func parts[T openflow.Message](ctx context.Context, s *session, xid uint32, part func(T) (more bool)) error {
	for {
		r, err := s.answer(ctx, xid)
		if err != nil {
			return err
		}
		switch r := r.(type) {
		case T:
			if !part(r) {
				return nil
			}
		case *openflow.ErrorMsg:
			return r
		default:
			return fmt.Errorf("the switch answered with %T", r)
		}
	}
}

// one is call for a single reply of type T. refused is the switch's error, if it
// answered so.
func one[T openflow.Message](ctx context.Context, s *session, m openflow.Message) (reply T, refused error, err error) {
	answer, err := s.call(ctx, m)
	if err != nil {
		return reply, nil, err
	}
	switch r := answer.(type) {
	case T:
		return r, nil, nil
	case *openflow.ErrorMsg:
		return reply, r, nil
	}
	return reply, nil, fmt.Errorf("the switch answered %T with %T", m, answer)
}

// try sends messages that have no reply of their own, and then a barrier. errs
// has the switch's error for each, or nil.
func (s *session) try(ctx context.Context, msgs ...openflow.Message) (errs []error, err error) {
	errs = make([]error, len(msgs))
	first := s.conn.ReserveXIDs(len(msgs))
	for i, m := range msgs {
		if err := s.conn.Queue(first+uint32(i), m); err != nil {
			if s.conn.Err() != nil {
				return nil, err
			}
			errs[i] = err
		}
	}
	barrier, err := s.conn.Send(&openflow.BarrierRequest{})
	if err != nil {
		return nil, err
	}
	for {
		r, err := s.recv(ctx)
		if err != nil {
			return nil, err
		}
		if _, ok := r.m.(*openflow.BarrierReply); ok && r.h.XID == barrier {
			return errs, nil
		}
		if e, ok := r.m.(*openflow.ErrorMsg); ok && r.h.XID-first < uint32(len(msgs)) {
			errs[r.h.XID-first] = e
			continue
		}
		if bc, ok := r.m.(*openflow.BundleControl); ok && bc.Kind%2 == 1 {
			continue
		}
		s.async(r)
	}
}

// holdPatience is how long flows made for other features are held back. A switch
// left empty for longer would be worse.
const holdPatience = 5 * time.Second

// connectPatience is for a switch that is busy with others' bundles.
const connectPatience = 30 * time.Second

// connect probes the switch and reads back what it holds.
func (s *session) connect(ctx context.Context) error {
	s.patience = connectPatience
	defer func() { s.patience = 0 }()
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"probing features", s.probe},
		{"watching for changes by others", s.startWatch},
		{"reading the Geneve option map", s.mapGeneve},
		{"reading back", s.readBack},
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

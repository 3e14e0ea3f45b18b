package pinctrl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Times between attempts to connect.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = time.Second
)

// batchSize is how many packets are handled before their answers are sent.
const batchSize = 32

// Run connects, and connects again, until ctx ends.
func (l *Loop) Run(ctx context.Context) {
	// The reader must not wait for it while others compute.
	defer openflow.RunPromptly()()
	backoff := minBackoff
	for ctx.Err() == nil {
		select {
		case <-l.retarget: // by what is read below
		default:
		}
		up, err := l.session(ctx, *l.target.Load())
		if ctx.Err() != nil {
			return
		}
		if up {
			backoff = minBackoff
		}
		l.log.Debug("connection to the switch", "err", err)
		select {
		case <-ctx.Done():
		case <-l.retarget:
		case <-time.After(backoff):
			backoff = min(2*backoff, maxBackoff)
		}
	}
}

var errRetarget = errors.New("the socket's name has changed")

// session serves one connection; up says whether it came up. The connection's own
// goroutine reads and queues, and handles a batch itself when nobody else does, so
// that a single packet needs no change of threads; what is left is handled by this
// one while the other reads on:
//
//	br-int ─► reader ─put─► queue ─take─► handlers ─► answers, one write for a batch
//	            │ full: dropped, counted    ▲
//	            └ never waits               └ what is due with time
func (l *Loop) session(ctx context.Context, target string) (up bool, err error) {
	if target == "" {
		return false, errors.New("no bridge yet")
	}
	in := reader{l: l}
	conn, err := openflow.Dial(ctx, target, openflow.ConnOptions{Frames: in.frame, Probe: time.Duration(l.probe.Load())})
	if err != nil {
		return false, err
	}
	defer func() {
		conn.Close()
		l.connected.Store(false)
		// What waits was punted to a connection that is gone.
		l.stats.abandoned.Add(uint64(l.queue.clear()))
	}()
	if conn.Version() != openflow.Version15 {
		// Nested actions in userdata are in OpenFlow 1.5 encoding; packet-outs
		// are transcoded by the connection.
		l.log.Info("connected", "version", conn.Version().String())
	}
	l.handling.Lock()
	l.conn = batchSender{conn}
	l.handling.Unlock()
	// Controllers get no packet-ins before they ask for whole packets.
	for _, m := range []openflow.Message{
		&openflow.SetPacketInFormat{Format: openflow.FormatPacketIn2},
		&openflow.SetConfig{MissSendLen: 0xffff},
	} {
		if _, err := conn.Send(m); err != nil {
			return true, err
		}
	}
	l.connected.Store(true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-l.retarget:
			return true, errRetarget
		case <-conn.Done():
			return true, conn.Err()
		case <-l.queue.ready:
			l.inTurn(l.serve)
		case <-l.wake:
			l.inTurn(func() { l.guarded("packets that waited", l.release) })
		case <-l.orders:
			timer.Reset(0)
		case <-timer.C:
			l.inTurn(func() {
				l.guarded("periodic work", l.due)
				timer.Reset(l.pace(l.cfg.Now()))
			})
		}
	}
}

// inTurn has f run alone, and then what it has sent goes out.
func (l *Loop) inTurn(f func()) {
	l.handling.Lock()
	defer l.handling.Unlock()
	f()
	l.flush()
}

// flush sends what is buffered. An error shows again as the end of the connection.
func (l *Loop) flush() {
	if c, ok := l.conn.(batchSender); ok {
		_ = c.conn.Flush()
	}
}

// due does what is due with time.
func (l *Loop) due() {
	l.release()
	l.learnDue()
	l.bridgeDue()
	l.sendDue()
}

// batchSender leaves what is sent in the connection's buffer.
type batchSender struct{ conn *openflow.Conn }

func (s batchSender) Send(m openflow.Message) (uint32, error) {
	xid := s.conn.NextXID()
	err := s.conn.Queue(xid, m)
	if err != nil {
		err = fmt.Errorf("%w: %w", errUnsent, err)
	}
	return xid, err
}

// reader queues messages on the connection's reading goroutine, which must never
// wait: what the switch cannot send, it drops without looking whose it is.
type reader struct {
	l    *Loop
	busy gauge
	now  time.Time // of the first message since the last nil
	some int       // messages since the handlers were told
}

func (r *reader) frame(frame []byte) {
	if frame == nil {
		r.l.busyUntil.Store(r.busy.until(r.now).UnixNano())
		r.now, r.some = time.Time{}, 0
		if r.l.handling.TryLock() {
			r.l.serve()
			r.l.flush()
			r.l.handling.Unlock()
		} else {
			poke(r.l.queue.ready)
		}
		return
	}
	if r.now.IsZero() {
		r.now = time.Now()
	}
	r.busy.count++
	o, op, ok := originOf(frame)
	if !r.l.queue.put(o, frame, r.now) {
		r.l.stats.overflowed.Add(1)
		if ok {
			r.l.stats.received(op)
			r.l.stats.drop(op, dropQueue)
		}
	}
	if r.some++; r.some == 2*batchSize {
		poke(r.l.queue.ready)
		r.some = 0
	}
}

// serve handles a batch.
func (l *Loop) serve() {
	l.batch = l.queue.take(l.batch[:0], batchSize)
	now := time.Now()
	for _, s := range l.batch {
		l.stats.waited(now.Sub(s.came))
		l.frame(s.frame)
	}
	if l.queue.recycle(l.batch) {
		poke(l.queue.ready)
	}
	clear(l.batch)
	l.hurry()
}

// frame handles one message.
func (l *Loop) frame(frame []byte) {
	if frame[1] == openflow.TypeExperimenter {
		err := l.in.Decode(frame)
		if err == nil {
			l.packetIn(&l.in)
			return
		}
	}
	_, m, err := openflow.DecodeMessage(frame)
	if err != nil {
		l.stats.malformed.Add(1)
		l.log.Warn("malformed message from the switch", "err", err)
		return
	}
	l.message(m)
}

// message handles what the switch sends.
func (l *Loop) message(m openflow.Message) {
	switch m := m.(type) {
	case *openflow.PacketIn:
		l.packetIn(m)
	case *openflow.ErrorMsg:
		l.stats.refused.Add(1)
		l.log.Warn("the switch refused a packet", "err", m.Error())
	}
}

// opcodeLen is the length of an opcode with its padding.
const opcodeLen = 8

// packetIn hands a packet to the handler of its action.
func (l *Loop) packetIn(in *openflow.PacketIn) {
	l.count("pinctrl_total_pin_pkts")
	if in.Reason != openflow.ReasonApplyAction {
		return
	}
	if len(in.Userdata) < opcodeLen {
		l.stats.malformed.Add(1)
		l.log.Warn("packet-in without an action header", "userdata", hex.EncodeToString(in.Userdata))
		return
	}
	op := opcode(in)
	h := handlers[op]
	l.stats.received(op)
	if h == nil {
		l.stats.drop(op, dropUnhandled)
		l.log.Debug("no handler for packet-in", "opcode", uint32(op))
		return
	}
	if err := l.contained(h, in); err != nil {
		why := reasonOf(err)
		l.stats.drop(op, why)
		// Writing the line costs more than handling the packet, and most of what
		// hostile packets have to say is the same.
		if why == dropPanic || l.complaints.AllowN(l.cfg.Now(), 1) {
			l.log.Warn("packet-in", "action", actionNames[op], "err", err)
		}
	}
}

// handler answers one kind of packet-in. userdata of the packet-in starts after
// the opcode in args. Both are the handler's during the call only: what it keeps,
// it copies (openflow.Resume.Clone).
type handler func(l *Loop, in *openflow.PacketIn, args []byte) error

// maxDump bounds how much of a packet is written to the log, in bytes.
const maxDump = 128

var errPanic = errors.New("panic")

// contained runs a handler; a panic costs its packet only.
func (l *Loop) contained(h handler, in *openflow.PacketIn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			l.stats.panics.Add(1)
			err = fmt.Errorf("%w: %v; packet %s; %s", errPanic, p,
				hex.EncodeToString(in.Packet[:min(len(in.Packet), maxDump)]), debug.Stack())
		}
	}()
	return h(l, in, in.Userdata[opcodeLen:])
}

// guarded does the same for what no packet has asked for.
func (l *Loop) guarded(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			l.stats.panics.Add(1)
			l.log.Error(what, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
}

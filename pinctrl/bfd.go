package pinctrl

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// BFDKey names a session: the router port it runs on, its peer, and the UDP port
// that its packets come from.
type BFDKey struct {
	Port    PortKey
	Peer    netip.Addr
	SrcPort uint16
}

// BFDSession is how a session is run (table BFD).
type BFDSession struct {
	MAC           MAC
	From          netip.Addr // of the peer's family
	Discriminator uint32     // not 0
	MinTx, MinRx  time.Duration
	Multiplier    uint8
	AdminDown     bool
}

// bfdSlow is the shortest interval of a session that is not up, RFC 5880 section
// 6.8.3.
const bfdSlow = time.Second

// bfdSession is one session, RFC 5880 section 6.8.1. It does nothing by itself:
// what happens, and when, it is told, and what to send it returns.
type bfdSession struct {
	BFDSession
	state       BFDState
	diag        uint8
	remoteDisc  uint32
	remoteState BFDState
	remoteMinRx time.Duration
	remoteMinTx time.Duration
	remoteMult  uint8
	demand      bool // the peer does without periodic packets

	// sentTx and sentRx are what the peer was told last, oldTx and oldRx what is in
	// force until it has acknowledged them (section 6.8.3).
	sentTx, sentRx time.Duration
	oldTx, oldRx   time.Duration
	polling        bool

	heard    time.Time // zero: never, or timed out
	due      time.Time // of the next packet
	lingers  time.Time // until when the peer is told that we are administratively down
	wasUp    bool      // it has been up since it was made
	since    time.Time // in this state
	started  time.Time
	reported BFDState
}

func newBFDSession(c BFDSession, now time.Time) *bfdSession {
	s := &bfdSession{BFDSession: c, state: BFDDown, remoteState: BFDDown, remoteMinRx: time.Microsecond, due: now, started: now}
	if c.AdminDown {
		s.state = BFDAdminDown
	}
	s.sentTx, s.sentRx = s.wantTx(), s.MinRx
	s.oldTx, s.oldRx = s.sentTx, s.sentRx
	return s
}

// wantTx is the interval we would like to send at.
func (s *bfdSession) wantTx() time.Duration {
	if s.state != BFDUp {
		return max(s.MinTx, bfdSlow)
	}
	return s.MinTx
}

// configure follows the table.
func (s *bfdSession) configure(c BFDSession, now time.Time) {
	was := s.AdminDown
	s.BFDSession = c
	switch {
	case c.AdminDown && !was:
		if s.state != BFDDown {
			// The peer has to hear of it (section 6.8.16).
			s.lingers = now.Add(time.Duration(s.Multiplier) * max(s.interval(), bfdSlow))
		}
		s.become(BFDAdminDown, bfdDiagAdminDown, now)
		s.due = now
	case !c.AdminDown && was:
		s.become(BFDDown, bfdDiagNone, now)
		s.remoteDisc, s.lingers = 0, time.Time{}
		s.due = now
	}
	s.renegotiate()
}

func (s *bfdSession) become(state BFDState, diag uint8, now time.Time) {
	if s.state == state {
		return
	}
	s.state, s.diag, s.since = state, diag, now
	if state == BFDUp {
		s.wasUp = true
	} else {
		s.demand, s.polling = false, false
		s.oldTx, s.oldRx = s.sentTx, s.sentRx
	}
	s.renegotiate()
}

// renegotiate tells the peer of other intervals. While the session is up, longer
// times to send and shorter times to receive wait for its acknowledgement.
func (s *bfdSession) renegotiate() {
	tx, rx := s.wantTx(), s.MinRx
	if tx == s.sentTx && rx == s.sentRx {
		return
	}
	s.sentTx, s.sentRx = tx, rx
	s.polling = s.state == BFDUp
	if !s.polling {
		s.oldTx, s.oldRx = tx, rx
		return
	}
	s.oldTx, s.oldRx = min(s.oldTx, tx), max(s.oldRx, rx)
}

// interval is the time between two packets, without jitter.
func (s *bfdSession) interval() time.Duration { return max(s.oldTx, s.remoteMinRx) }

// detection is the time without a packet after which the peer is gone, section
// 6.8.4.
func (s *bfdSession) detection() time.Duration {
	return time.Duration(s.remoteMult) * max(s.oldRx, s.remoteMinTx)
}

// periodic tells whether packets are sent without being asked for, section 6.8.7.
func (s *bfdSession) periodic(now time.Time) bool {
	switch {
	case s.state == BFDAdminDown:
		return now.Before(s.lingers) && s.remoteState > BFDDown
	case s.remoteMinRx == 0:
		return false
	case s.demand && s.state == BFDUp && s.remoteState == BFDUp && !s.polling:
		return false
	}
	return true
}

// tick lets time pass and returns a packet when one is due. Timers are looked at
// every step: a packet is sent a step too early rather than too late.
func (s *bfdSession) tick(now time.Time, step time.Duration) (p bfdPacket, send bool) {
	if s.state >= BFDInit && !s.heard.IsZero() && now.Sub(s.heard) >= s.detection() {
		s.heard, s.remoteDisc, s.remoteMinRx = time.Time{}, 0, time.Microsecond
		s.become(BFDDown, bfdDiagTimeout, now)
	}
	if now.Add(step).Before(s.due) || !s.periodic(now) {
		return p, false
	}
	d := s.interval()
	// Three quarters to all of it; with a multiplier of one, nine tenths at most.
	spread := d / 4
	if s.Multiplier == 1 {
		d -= d / 10
		spread = s.interval()/4 - s.interval()/10
	}
	if spread > 0 {
		d -= rand.N(spread)
	}
	s.due = now.Add(d)
	return s.packet(false), true
}

func (s *bfdSession) packet(final bool) bfdPacket {
	p := bfdPacket{
		diag: s.diag, state: s.state, multiplier: s.Multiplier, mine: s.Discriminator, yours: s.remoteDisc,
		minTx: s.sentTx, minRx: s.sentRx,
	}
	switch {
	case final:
		p.flags = bfdFinal
	case s.polling:
		p.flags = bfdPoll
	}
	return p
}

// receive takes a packet of the peer and returns the answer to a poll, section
// 6.8.6.
func (s *bfdSession) receive(p bfdPacket, now time.Time) (answer bfdPacket, send bool) {
	s.remoteDisc, s.remoteState = p.mine, p.state
	s.remoteMinTx, s.remoteMinRx, s.remoteMult = p.minTx, p.minRx, p.multiplier
	if s.polling && p.flags&bfdFinal != 0 {
		s.polling = false
		s.oldTx, s.oldRx = s.sentTx, s.sentRx
	}
	if s.state == BFDAdminDown {
		return answer, false
	}
	switch {
	case p.state == BFDAdminDown:
		if s.state != BFDDown {
			s.become(BFDDown, bfdDiagNeighbor, now)
		}
	case s.state == BFDDown && p.state == BFDDown:
		s.become(BFDInit, bfdDiagNone, now)
	case s.state == BFDDown && p.state == BFDInit, s.state == BFDInit && p.state >= BFDInit:
		s.become(BFDUp, bfdDiagNone, now)
	case s.state == BFDUp && p.state == BFDDown:
		s.become(BFDDown, bfdDiagNeighbor, now)
	}
	s.heard = now
	s.demand = p.flags&bfdDemand != 0 && s.state == BFDUp && p.state == BFDUp
	// Another interval may be shorter than what was waited for.
	if next := now.Add(s.interval()); s.due.After(next) {
		s.due = next
	}
	if p.flags&bfdPoll != 0 {
		return s.packet(true), true
	}
	return answer, false
}

// bfdGrace is how long after the agent's start a session may need to come up before
// it is said to be down: until then it may be as it was.
const bfdGrace = 10 * time.Second

// report is the state that others are to know, ok is false while it may be as it
// was before this session was made.
func (s *bfdSession) report(now time.Time) (state BFDState, ok bool) {
	return s.state, s.state == BFDAdminDown || s.wasUp || now.Sub(s.started) >= bfdGrace
}

// bfdSessions are all sessions.
type bfdSessions struct {
	mu       sync.Mutex // guards what follows
	sessions map[BFDKey]*bfdSession
	// byDisc and byPeer find the session of a packet with and without our
	// discriminator.
	byDisc map[bfdDisc]BFDKey
	byPeer map[bfdPeer]BFDKey
	sent   uint64
	told   time.Time // when Config.BFD was called last
	news   bool      // there were changes since then
}

type bfdDisc struct {
	datapath uint32
	peer     netip.Addr
	disc     uint32
}

type bfdPeer struct {
	port PortKey
	peer netip.Addr
}

// SetBFD sets how sessions are run; nil ends one. It may be called from any
// goroutine.
func (l *Loop) SetBFD(changes map[BFDKey]*BFDSession) {
	if len(changes) == 0 {
		return
	}
	defer l.ordered()
	b := &l.bfd
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sessions == nil {
		b.sessions, b.byDisc, b.byPeer = map[BFDKey]*bfdSession{}, map[bfdDisc]BFDKey{}, map[bfdPeer]BFDKey{}
	}
	now := l.cfg.Now()
	for k, c := range changes {
		s := b.sessions[k]
		if s != nil && (c == nil || c.Discriminator != s.Discriminator) {
			delete(b.sessions, k)
			delete(b.byDisc, bfdDisc{k.Port.Datapath, k.Peer, s.Discriminator})
			delete(b.byPeer, bfdPeer{k.Port, k.Peer})
			s = nil
		}
		switch {
		case c == nil:
			continue
		case s != nil:
			s.configure(*c, now)
		default:
			b.sessions[k] = newBFDSession(*c, now)
		}
		b.byDisc[bfdDisc{k.Port.Datapath, k.Peer, c.Discriminator}] = k
		b.byPeer[bfdPeer{k.Port, k.Peer}] = k
	}
}

// BFDStates returns the states that others are to know. A session whose state is
// not settled yet is left out. It may be called from any goroutine.
func (l *Loop) BFDStates() map[BFDKey]BFDState {
	b := &l.bfd
	b.mu.Lock()
	defer b.mu.Unlock()
	now := l.cfg.Now()
	out := make(map[BFDKey]BFDState, len(b.sessions))
	for k, s := range b.sessions {
		if state, ok := s.report(now); ok {
			out[k] = state
		}
	}
	return out
}

// Changes that can wait are told of once in a while, so that sessions that come up
// together, or flap, are few transactions.
const (
	bfdBatchDelay = time.Second
	bfdHalfwayUp  = 5 * time.Second
)

// noted looks whether a session has something new to say. That one went down
// cannot wait; that one is halfway up is no news unless it stays so.
func (b *bfdSessions) noted(s *bfdSession, now time.Time) (urgent bool) {
	state, ok := s.report(now)
	if !ok || state == s.reported || state == BFDInit && now.Sub(s.since) < bfdHalfwayUp {
		return false
	}
	urgent = state == BFDDown && s.reported == BFDUp
	s.reported = state
	b.news = true
	return urgent
}

func (l *Loop) tellBFD(now time.Time, urgent bool) {
	b := &l.bfd
	if urgent || b.news && now.Sub(b.told) >= bfdBatchDelay {
		b.told, b.news = now, false
		if l.cfg.BFD != nil {
			l.cfg.BFD()
		}
	}
}

// sendBFD sends what is due and finds out who is gone.
func (l *Loop) sendBFD(now time.Time) error {
	b := &l.bfd
	b.mu.Lock()
	defer b.mu.Unlock()
	urgent := false
	for k, s := range b.sessions {
		p, send := s.tick(now, bufferCheck/2)
		urgent = b.noted(s, now) || urgent
		if send {
			if err := l.sendBFDPacket(k, s, p); err != nil {
				return err
			}
		}
	}
	l.tellBFD(now, urgent)
	return nil
}

func (l *Loop) sendBFDPacket(k BFDKey, s *bfdSession, p bfdPacket) error {
	l.bfd.sent++
	return l.inject(p.frame(s.MAC, s.From, k.Peer, k.SrcPort), k.Port, 0)
}

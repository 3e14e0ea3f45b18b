package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// Config is what a session is to do. The zero value of every field but Remotes is
// usable.
type Config struct {
	// Remotes are comma separated lists of unix:FILE, tcp:HOST[:PORT] and
	// ssl:HOST[:PORT].
	Remotes []string
	TLS     TLSFiles
	// Probe is how long the server may be silent before it is asked for an echo;
	// after as long again the connection is given up. 0: never. Unix sockets are
	// never probed.
	Probe time.Duration
	// LeaderOnly refuses members of a cluster that do not lead it.
	LeaderOnly bool
	// Tables are the tables to replicate, each with its columns; nil columns are
	// all of them. A nil map is everything.
	Tables map[string][]string
	// Conditions select rows. They are sequence number 1.
	Conditions Conditions
	// QueueLimit is how many bytes of JSON may wait for a consumer that is busy.
	// Beyond, the session disconnects until they are consumed. 0: 256 MiB.
	QueueLimit int64
	// Logger takes what operators should know. nil: slog.Default().
	Logger *slog.Logger
	// Dial replaces the way connections are made; tests put faults there.
	Dial func(ctx context.Context, remote string) (net.Conn, error)
	// MinBackoff and MaxBackoff bound the wait between attempts to connect. 0: 1 s
	// and 8 s.
	MinBackoff, MaxBackoff time.Duration
}

// Event is one item of a session's stream. Its parts are in effect together.
type Event[U any] struct {
	// State is set when the connection came up (with the first Update) or went
	// down.
	State *State
	// Update is to be applied to the replica.
	Update *U
	// Conditions, when not zero, says that the conditions with this sequence number
	// are in effect: the replica holds all that they select once this event has
	// been applied.
	Conditions uint64
	// Result is what became of a transaction given to Submit. The transaction's own
	// changes are in earlier events.
	Result *Result
	// Mark names the state that the replica is in once this event has been applied,
	// if it has an Update or Conditions; nil when no session could go on from it.
	Mark *Mark
	// Size is the number of bytes of JSON that an update came from, 0 of contents as a
	// whole.
	Size int64
}

// State is the state of a session's connection.
type State struct {
	// Connected means that the database is being monitored.
	Connected bool
	// Remote is where the session is connected or tries to.
	Remote string
	// Attempts counts attempts to connect, Connections those that succeeded.
	Attempts, Connections uint64
	// Since is when Connected last changed.
	Since time.Time
	// Error is why there is no connection.
	Error error
	// SchemaVersion of the server.
	SchemaVersion string
	// Method is how the server is monitored: "monitor_cond_since" and so on.
	Method string
	// Model is "standalone", "clustered" or "relay", "" when unknown. The next
	// three are about clusters.
	Model     string
	Leader    bool
	ClusterID UUID
	Index     int64
	// ReadOnly means that the server has refused a change on this connection.
	ReadOnly bool
	// BadRows counts rows that could not be understood, DroppedWrites columns and
	// operations left out of transactions, Resyncs how often the whole contents
	// were sent.
	BadRows, DroppedWrites, Resyncs uint64
}

// Session keeps a replica of one database up to date, through any number of
// connections one after the other.
//
// Run owns the connection. The other methods may be called from any goroutine.
type Session[U any] struct {
	model *Model[U]
	log   *slog.Logger
	cfg   Config
	queue *eventQueue[U]
	// kick interrupts a wait or a connection when what it is based on has changed.
	kick chan struct{}

	// mu guards what follows. No other lock is taken while it is held, and nothing
	// waits.
	mu         sync.Mutex
	state      State
	remotes    []remote
	next       int // index in remotes of the one to try next
	probe      time.Duration
	tls        TLSFiles
	leaderOnly bool
	drop       error      // why the present connection is to be given up
	fresh      bool       // do not resume: the replica is to be replaced
	given      Conditions // what want was made of
	want       Conditions
	wantSeq    uint64
	requests   []request
	// indexes are the highest raft indexes seen, by cluster.
	indexes map[UUID]int64
	// resume is where to go on from, given from outside, and resumeSeq the sequence
	// number of its conditions.
	resume    *Mark
	resumeSeq uint64

	// Owned by Run: what the replica holds, for resuming.
	acked    Conditions
	ackedSeq uint64
	lastTxn  UUID
	basis    Mark // whose lastTxn it is; Txn and Conditions are not used
	gaps     bool // rows or columns were left out
}

// request is something a connection is asked to do.
type request struct {
	txn  *Txn
	done func(Result)
}

// NewSession returns a session that does nothing until Run is called.
func NewSession[U any](m *Model[U], cfg Config) *Session[U] {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.QueueLimit == 0 {
		cfg.QueueLimit = 256 << 20
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff = time.Second
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = 8 * time.Second
	}
	s := &Session[U]{
		model: m, log: cfg.Logger, cfg: cfg, queue: newEventQueue[U](), kick: make(chan struct{}, 1),
		probe: cfg.Probe, tls: cfg.TLS, leaderOnly: cfg.LeaderOnly,
		want: cfg.Conditions.normal(), wantSeq: 1, indexes: map[UUID]int64{},
	}
	s.setRemotes(cfg.Remotes)
	return s
}

// Updates returns the stream of events. It is closed when Run returns.
func (s *Session[U]) Updates() <-chan Event[U] { return s.queue.out }

// State returns the present state.
func (s *Session[U]) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// SetConditions replaces the conditions and returns their sequence number, the
// present one if nothing changes. An Event says when they are in effect. The
// session keeps the lists of clauses, which must not change any more; one that is
// given again costs nothing.
func (s *Session[U]) SetConditions(c Conditions) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := c
	c = c.normalLike(s.given, s.want)
	s.given = given
	if !c.equal(s.want) {
		s.want = c
		s.wantSeq++
		s.wakeLocked()
	}
	return s.wantSeq
}

// SetRemotes replaces the remotes. A connection to one that is still among them
// goes on.
func (s *Session[U]) SetRemotes(list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setRemotes(list)
	if !slices.ContainsFunc(s.remotes, func(r remote) bool { return r.text == s.state.Remote }) {
		s.dropLocked(errors.New("no longer a configured remote"))
	}
}

func (s *Session[U]) setRemotes(list []string) {
	remotes, errs := parseRemotes(list)
	for _, err := range errs {
		s.log.Warn("ignoring a remote", "err", err)
	}
	s.remotes, s.next = remotes, 0
}

// SetProbe changes Config.Probe.
func (s *Session[U]) SetProbe(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probe = d
	s.wakeLocked()
}

// SetTLS changes Config.TLS for later connections.
func (s *Session[U]) SetTLS(f TLSFiles) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tls = f
}

// SetLeaderOnly changes Config.LeaderOnly.
func (s *Session[U]) SetLeaderOnly(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaderOnly = on
	s.wakeLocked()
}

// Reconnect gives up the present connection.
func (s *Session[U]) Reconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked(errors.New("asked to reconnect"))
}

// Resync gives up the present connection and has the next one send everything,
// for when the replica and the updates do not fit.
func (s *Session[U]) Resync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = true
	s.dropLocked(errors.New("asked to send everything again"))
}

// ResetClusterState forgets how far the clusters were, so that servers that are
// behind are accepted again: for a cluster restored from a backup.
func (s *Session[U]) ResetClusterState() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.indexes)
	if !s.state.Connected {
		s.dropLocked(errors.New("asked to forget how far the cluster was")) // ends the wait
	}
}

func (s *Session[U]) dropLocked(why error) {
	s.drop = why
	s.wakeLocked()
}

func (s *Session[U]) wakeLocked() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Run connects, monitors and reconnects until ctx ends. It is called once.
func (s *Session[U]) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.queue.run(ctx) })
	defer wg.Wait()
	defer cancel() // a panic must end the process, not wait for the queue
	failures := 0
	for ctx.Err() == nil {
		r, n, ok := s.pick()
		if !ok {
			s.setDown("", errors.New("no usable remote is configured"))
			s.pause(ctx, time.Hour)
			continue
		}
		began := time.Now()
		ready, err := s.connect(ctx, r)
		if ctx.Err() != nil {
			s.setDown(r.text, ctx.Err())
			break
		}
		s.setDown(r.text, err)
		if ready && time.Since(began) >= s.cfg.MinBackoff {
			failures = 0
		} else {
			failures++
		}
		level := slog.LevelWarn
		if !ready && failures > 2*n+3 {
			level = slog.LevelDebug // said often enough
		}
		wait := s.backoff(failures, n)
		s.log.Log(ctx, level, "database connection down", "remote", r.text, "retry_in", wait, "err", err)
		s.awaitRoom(ctx)
		s.pause(ctx, wait)
	}
	s.failRequests(ErrNotConnected)
	return ctx.Err()
}

// pick returns the remote to try and how many there are.
func (s *Session[U]) pick() (r remote, n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = len(s.remotes)
	if n == 0 {
		return remote{}, 0, false
	}
	r = s.remotes[s.next%n]
	s.next = (s.next + 1) % n
	s.drop = nil
	s.state.Remote = r.text
	s.state.Attempts++
	return r, n, true
}

// backoff returns how long to wait after failures in a row: nothing until each
// remote has had its turn, then 1, 2, 4, 8 seconds before the next turns. To wait
// before each would leave a cluster of three unfound for three times as long.
func (s *Session[U]) backoff(failures, remotes int) time.Duration {
	if failures == 0 || failures%remotes != 0 {
		return 0
	}
	return min(s.cfg.MaxBackoff, s.cfg.MinBackoff<<min(failures/remotes-1, 16))
}

// pause waits, less long when the session is asked to drop what it does.
func (s *Session[U]) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case <-s.kick:
			s.failRequests(ErrNotConnected)
			s.mu.Lock()
			drop := s.drop != nil
			s.mu.Unlock()
			if drop {
				return
			}
		}
	}
}

// awaitRoom waits until the consumer has caught up if it is far behind.
func (s *Session[U]) awaitRoom(ctx context.Context) {
	for {
		n, empty := s.queue.pending()
		if n < s.cfg.QueueLimit {
			return
		}
		select {
		case <-empty:
		case <-ctx.Done():
			return
		}
	}
}

// setDown records that there is no connection, and tells the consumer once.
func (s *Session[U]) setDown(remote string, err error) {
	s.mu.Lock()
	was := s.state.Connected
	s.state.Connected = false
	s.state.Remote = remote
	s.state.Error = err
	if was || s.state.Since.IsZero() {
		s.state.Since = time.Now()
	}
	state := s.state
	s.mu.Unlock()
	if was {
		s.queue.put(Event[U]{State: &state})
	}
	s.failRequests(ErrNotConnected)
}

// failRequests answers everything that waits to be sent.
func (s *Session[U]) failRequests(err error) {
	s.mu.Lock()
	list := s.requests
	s.requests = nil
	s.mu.Unlock()
	for _, r := range list {
		r.done(Result{Txn: r.txn, Err: err})
	}
}

// connect makes one connection and uses it until it ends. ready tells whether it
// ever got to monitoring.
func (s *Session[U]) connect(ctx context.Context, r remote) (ready bool, err error) {
	s.mu.Lock()
	files := s.tls
	s.mu.Unlock()
	var conn net.Conn
	if s.cfg.Dial != nil {
		conn, err = s.cfg.Dial(ctx, r.text)
	} else {
		conn, err = dial(ctx, r, files)
	}
	if err != nil {
		return false, fmt.Errorf("connecting to %s: %w", r.text, err)
	}
	c := newConnection(s, r, conn)
	err = c.run(ctx)
	return c.ready, err
}

// TransactFunc sends a transaction. done is called once and must not block: on the
// session's goroutine or, when nothing can be sent, before TransactFunc returns.
func (s *Session[U]) TransactFunc(tx *Txn, done func(Result)) {
	if tx.Len() == 0 {
		done(Result{Txn: tx})
		return
	}
	s.mu.Lock()
	if !s.state.Connected {
		s.mu.Unlock()
		done(Result{Txn: tx, Err: ErrNotConnected})
		return
	}
	s.requests = append(s.requests, request{tx, done})
	s.wakeLocked()
	s.mu.Unlock()
}

// Transact sends a transaction and waits for its result.
func (s *Session[U]) Transact(ctx context.Context, tx *Txn) Result {
	ch := make(chan Result, 1)
	s.TransactFunc(tx, func(r Result) { ch <- r })
	select {
	case r := <-ch:
		return r
	case <-ctx.Done():
		return Result{Txn: tx, Err: ctx.Err()}
	}
}

// Submit sends a transaction whose result arrives in the stream of events, after
// the changes it made.
func (s *Session[U]) Submit(tx *Txn) {
	s.TransactFunc(tx, func(r Result) { s.queue.put(Event[U]{Result: &r}) })
}

package ofbundle

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Writer owns one connection to br-int and everything on it. Make one with New
// and start Run.
type Writer struct {
	cfg Config
	log *slog.Logger

	mu     sync.Mutex // guards what follows
	inbox  inbox
	target string
	probe  time.Duration
	stats  Stats
	groups map[uint32]string // content on the switch, by number
	meters []NamedID
	recent []BundleRecord

	work   chan struct{} // a token: inbox has something new
	events *eventQueue

	// What follows is owned by Run.

	state      *table
	feat       *Features // of the last connection
	enabled    bool
	hasCommit  bool
	unanswered bool // Committed{seq} is owed
	seq        uint64
	zones      []uint16 // to be flushed
	flushes    []openflow.CtFlush
	questions  []question
	// groupsUnreadable: the last attempt to read the groups did not end well.
	groupsUnreadable bool
	driftLines       *rate.Limiter // warnings
}

// inbox is what was asked for and not yet applied. Updates become visible with
// the Commit that follows them, so that a bundle never holds half a change set.
type inbox struct {
	staged  []change // since the last Commit
	ready   []change // up to the last Commit
	seq     uint64
	commit  bool
	enable  bool
	zones   []uint16
	flushes []openflow.CtFlush
	retry   bool
	aside   *Aside

	questions []question
}

// change is one Update, or the result of SetMeters if meters is not nil.
type change struct {
	removed, added []*openflow.Flow
	meters         map[string]openflow.MeterSpec
}

// New makes a Writer; it does nothing before Run.
func New(cfg Config) *Writer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MinBackoff <= 0 {
		cfg.MinBackoff = 100 * time.Millisecond
	}
	if cfg.MaxBackoff < cfg.MinBackoff {
		cfg.MaxBackoff = max(time.Second, cfg.MinBackoff)
	}
	if cfg.duty == 0 {
		cfg.duty = duty
	}
	if cfg.whole == 0 {
		cfg.whole = wholeUpTo
	}
	w := &Writer{
		cfg: cfg, log: cfg.Log, target: cfg.Target, probe: cfg.Probe,
		work:   make(chan struct{}, 1),
		events: newEventQueue(),
		state:  newTable(),

		driftLines: rate.NewLimiter(driftLinesPerSecond, driftLines),
	}
	w.state.setReserved(cfg.Aside)
	if cfg.Dial == nil {
		w.cfg.Dial = func(ctx context.Context, target string) (*openflow.Conn, error) {
			_, probe := w.address()
			return openflow.Dial(ctx, target, openflow.ConnOptions{Probe: probe})
		}
	}
	return w
}

// Update takes claims away and adds claims. Flows are told apart by pointer: a
// removed flow must be one that was added, and none is added twice. Nothing happens before Commit. The
// Writer keeps the flows, not the slices.
func (w *Writer) Update(removed, added []*openflow.Flow) {
	if len(removed) == 0 && len(added) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inbox.staged = append(w.inbox.staged,
		change{removed: slices.Clone(removed), added: slices.Clone(added)})
}

// SetMeters replaces the definitions of meters by name. Only those that some
// flow refers to are installed. Names of the form "__string: ..." define
// themselves and need not be listed.
func (w *Writer) SetMeters(meters map[string]openflow.MeterSpec) {
	c := make(map[string]openflow.MeterSpec, len(meters))
	for k, v := range meters {
		c[k] = v
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inbox.staged = append(w.inbox.staged, change{meters: c})
}

// Commit makes all changes so far one change set, to be acknowledged by
// Committed{seq}. Sequence numbers must not decrease. Change sets that arrive
// while a bundle is in flight go out together as the next.
func (w *Writer) Commit(seq uint64) {
	w.mu.Lock()
	w.inbox.ready = append(w.inbox.ready, w.inbox.staged...)
	w.inbox.staged = nil
	w.inbox.seq = max(seq, w.inbox.seq)
	w.inbox.commit = true
	w.mu.Unlock()
	w.poke()
}

// Enable allows writing: the southbound contents that the flows depend on are
// complete. Until then only the switch's contents are read.
func (w *Writer) Enable() {
	w.mu.Lock()
	w.inbox.enable = true
	w.mu.Unlock()
	w.poke()
}

// FlushZone empties a conntrack zone; ZoneFlushed follows once the switch has
// done it. A flush asked for while disconnected or before Enable is sent later.
func (w *Writer) FlushZone(zone uint16) {
	w.mu.Lock()
	w.inbox.zones = append(w.inbox.zones, zone)
	w.mu.Unlock()
	w.poke()
}

// FlushConnections removes the connections that match f, if the switch can (see
// Features); otherwise it is logged.
func (w *Writer) FlushConnections(f openflow.CtFlush) {
	w.mu.Lock()
	w.inbox.flushes = append(w.inbox.flushes, f)
	w.mu.Unlock()
	w.poke()
}

// RetryRefused sends flows that were set aside once more with the next Commit.
func (w *Writer) RetryRefused() {
	w.mu.Lock()
	w.inbox.retry = true
	w.mu.Unlock()
}

// SetAside changes what others may keep on the bridge. What is no longer set
// aside is found by the next audit.
func (w *Writer) SetAside(a Aside) {
	w.mu.Lock()
	w.inbox.aside = &a
	w.mu.Unlock()
	w.poke()
}

// SetTarget changes the socket to connect to and, if it differs, connects anew.
func (w *Writer) SetTarget(target string) {
	w.mu.Lock()
	w.target = target
	w.mu.Unlock()
	w.poke()
}

// SetProbe changes the inactivity probe, 0 for none, and, if it differs, connects
// anew.
func (w *Writer) SetProbe(d time.Duration) {
	w.mu.Lock()
	changed := w.probe != d
	w.probe = d
	w.mu.Unlock()
	if changed {
		w.poke()
	}
}

func (w *Writer) address() (target string, probe time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target, w.probe
}

// Events is where the Writer reports. The Writer never waits for the reader.
func (w *Writer) Events() <-chan Event { return w.events.out }

// Stats returns the counters.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Groups lists the groups on the switch, by name: their text without the number.
func (w *Writer) Groups() []NamedID {
	w.mu.Lock()
	groups := maps.Clone(w.groups)
	w.mu.Unlock()
	out := make([]NamedID, 0, len(groups))
	for id, content := range groups {
		out = append(out, NamedID{Name: groupName(content), ID: id})
	}
	sortNamed(out)
	return out
}

// Meters lists the meters in use, by name.
func (w *Writer) Meters() []NamedID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.meters)
}

func (w *Writer) poke() {
	select {
	case w.work <- struct{}{}:
	default:
	}
}

func (w *Writer) count(f func(*Stats)) {
	w.mu.Lock()
	f(&w.stats)
	w.mu.Unlock()
}

func sortNamed(l []NamedID) {
	slices.SortFunc(l, func(a, b NamedID) int { return strings.Compare(a.Name, b.Name) })
}

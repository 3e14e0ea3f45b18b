// Package loop is the agent's one loop: a single goroutine that owns the state
// and carries out the duties of package controller's sub-packages in order.
//
//	local OVSDB ──► events ─┐                        ┌──► local transaction ─┐
//	SB OVSDB ─────► events ─┤                        ├──► SB transaction ────┤ one of each
//	switch ───────► events ─┼─► round: the duties ───┤                       │ in flight
//	timers ─────────────────┤   look at replicas     └──► translation ──► flows, Commit(seq)
//	control socket ─► do ───┘        ▲                        │ off the loop
//	                                 └──── result ◄───────────┘
//
// Between two rounds everything that waits is drained, so that many changes cost
// one round. While the translation runs on the replicas nothing is applied to
// them: events wait in the sessions' queues, which answer echoes themselves.
//
// Duties are values: they compare replicas with what should be, and add the
// difference to a transaction. When the transaction cannot be sent now they get
// nil and are asked again later; what came of a transaction is seen in the
// replicas, so nothing is ever resent, only evaluated again.
//
// Nothing is deleted before the southbound contents have settled once: every
// condition computed from what is known has been sent, and is in effect.
package loop

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/conditions"
	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/controller/ctflush"
	"github.com/ovn-chassis/ovn-chassis/controller/ctzone"
	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/ifstatus"
	"github.com/ovn-chassis/ovn-chassis/controller/nbcfg"
	"github.com/ovn-chassis/ovn-chassis/controller/patch"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/controller/translate"
	"github.com/ovn-chassis/ovn-chassis/controller/vifplug"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// Versions this agent stands in for.
const (
	// CompatibleVersion is the release of OVN whose behaviour this agent has.
	CompatibleVersion = "26.03.2"
	// CompatibleSchema is the southbound schema of that release.
	CompatibleSchema = sbdb.SchemaVersion
	// InternalVersion is what SB_Global options:northd_internal_version must be with
	// ovn-match-northd-version: release, the last number of which does not count,
	// schema, number of actions and minor.
	InternalVersion = CompatibleVersion + "-" + CompatibleSchema + "-82.14"
)

// Options are what the loop is given by the command.
type Options struct {
	// Workers is the number of goroutines that translate; 0 means one a processor.
	Workers     int
	OVSDatabase string // target of the local database
	OVSRunDir   string // where <bridge>.mgmt is
	Identity    config.Identity
	TLS         TLSOptions
	// Logger returns the logger of a module.
	Logger func(module string) *slog.Logger
	Stats  *coverage.Registry

	// SnapshotFile is where the southbound replica is kept for the next start, "" for
	// nowhere.
	SnapshotFile string

	// ReturnMemory gives memory that is not in use back to the host. It is called,
	// on a goroutine of its own, some seconds after much has changed; nil is not to.
	ReturnMemory func()

	// AtRest is called, if not nil, when the loop has had nothing to do for a while, the
	// start being over: not again before it has had. It must not block.
	AtRest func()

	// Observe has the loop change nothing: see RunObserver.
	Observe *Observe

	// NewTranslator makes the translation; nil is the real one. Tests put fakes here.
	NewTranslator func(*sbdb.DB) Translator
	// NewWriter makes the writer; nil is the real one.
	NewWriter func(ofbundle.Config) Writer
}

// Loop is the agent. Its fields belong to the goroutine in Run, those above the
// line apart.
type Loop struct {
	opts Options
	do   chan func()
	done chan struct{} // closed when Run has returned

	// sbMu is held for writing while the southbound replica changes, for those who
	// read it from other goroutines.
	sbMu sync.RWMutex

	// ---

	log    *slog.Logger
	local  side[vswitchdb.Update]
	sbSide side[sbdb.Update]
	ovs    *replica.Local
	sb     *replica.SB
	writer Writer
	tr     Translator

	cfg        config.Config
	cfgKnown   bool
	features   ofbundle.Features
	featured   bool
	switchUp   bool // connected to the switch
	switchGone switchGone

	// Found by the duties of the last round.
	bridge   *vswitchdb.Bridge
	datapath *vswitchdb.Datapath
	chassis  *sbdb.Chassis
	private  *sbdb.ChassisPrivate
	upNames  map[string]bool // chassis that BFD reports up

	// Changes since the last round.
	sbChanges  *sbdb.Changes
	ovsChanges *vswitchdb.Changes
	due        duties

	binding  *binding.Duty
	zones    *ctzone.State
	encaps   *encaps.Duty
	ha       *hachassis.Duty
	patch    *patch.Duty
	ifstatus *ifstatus.Duty
	nbcfg    *nbcfg.Duty
	flushes  *ctflush.Duty
	plugs    vifplug.Duty
	packets  *packets
	learned  <-chan struct{} // the packet-in loop has learned something
	fed      fed
	kept     conditions.Kept
	oldMoved string // the integration bridge that tunnels were last put on

	quiet    chan struct{} // non-nil for an observer, to be told that all is translated
	problems []string      // of the translation, kept for an observer

	conds       conditions.Scope
	condSeq     uint64 // of the last conditions that bring rows
	condPorts   uint64 // of the last that ports wait for
	condInForce uint64
	settledOnce bool

	warm warm

	running    bool // the translation runs
	results    chan runResult
	stale      bool // inputs of the translation changed since it last began
	seq        uint64
	acked      uint64 // by the writer
	enabled    bool   // the writer may write
	paused     bool
	mismatched bool // northd's version is not ours
	exit       exitState
	// recomputeAfter: everything is to be translated again after the present run.
	recomputeAfter bool

	// switchRetry: what the switch refused is to be sent again.
	switchRetry switchRetry
	release     release

	clock   clock
	rest    rest
	stirred bool // something was received in this step
	stats   stats
	cleared clearedStats
}

// New returns a loop that does nothing before Run.
func New(o Options) *Loop {
	if o.Logger == nil {
		o.Logger = func(string) *slog.Logger { return slog.Default() }
	}
	o.Logger = remember(o.Logger)
	if o.Stats == nil {
		o.Stats = coverage.NewRegistry()
	}
	// Guests wait for packets to be answered; a translation takes its time anyway.
	var answering *pinctrl.Loop
	busy := func() bool { return answering != nil && answering.Busy() }
	if o.NewTranslator == nil {
		o.NewTranslator = func(db *sbdb.DB) Translator {
			return translate.New(db, translate.Options{Workers: o.Workers, Yield: busy})
		}
	}
	if o.NewWriter == nil {
		o.NewWriter = func(c ofbundle.Config) Writer { return ofbundle.New(c) }
	}
	l := &Loop{
		opts: o, do: make(chan func()), done: make(chan struct{}), log: o.Logger("main"),
		ovs: replica.NewLocal(vswitchdb.NewDB()), sb: replica.NewSB(sbdb.NewDB()),
		binding: binding.New(o.Logger("binding")), zones: ctzone.New(o.Logger("ct_zone")), nbcfg: nbcfg.New(time.Now()), flushes: ctflush.New(),
		results: make(chan runResult, 1), stats: newStats(o.Stats), fed: newFed(),
		warm: warm{saved: make(chan saved, 1)},
	}
	l.encaps, l.patch = encaps.New(l.sb, l.ovs), patch.New(l.sb, l.ovs)
	l.ha = hachassis.New(l.sb, l.ovs, l.encaps)
	l.ifstatus = ifstatus.New(o.Logger("if_status"), l.ovs)
	l.due = allDuties
	l.tr = o.NewTranslator(l.sb.DB)
	l.writer = o.NewWriter(ofbundle.Config{Describe: l.describe, Log: o.Logger("ofctrl")})
	l.local = newSide[vswitchdb.Update]("OVS", l.log, l.stats.txnRefused)
	l.sbSide = newSide[sbdb.Update]("OVNSB", l.log, l.stats.txnRefused)
	l.local.session = ovsdb.NewSession(vswitchdb.Model(), ovsdb.Config{
		Remotes: []string{o.OVSDatabase}, MaxBackoff: localBackoff, TLS: o.TLS.files(nil),
		Tables: conditions.LocalTables(), Logger: o.Logger("ovsdb"),
	})
	l.sbSide.session = ovsdb.NewSession(sbdb.Model(), ovsdb.Config{
		TLS: o.TLS.files(nil), Tables: conditions.SBTables(), Conditions: conditions.Compute(conditions.Inputs{}),
		Logger: o.Logger("ovsdb"),
	})
	l.condSeq, l.condPorts = 1, 1
	l.local.observed, l.sbSide.observed = o.Observe != nil, o.Observe != nil
	l.packets = l.newPackets()
	answering = l.packets.loop
	return l
}

// remember makes each logger once. Rounds ask for many.
func remember(newLogger func(module string) *slog.Logger) func(module string) *slog.Logger {
	var mu sync.Mutex
	loggers := map[string]*slog.Logger{}
	return func(module string) *slog.Logger {
		mu.Lock()
		defer mu.Unlock()
		if loggers[module] == nil {
			loggers[module] = newLogger(module)
		}
		return loggers[module]
	}
}

// localBackoff bounds the wait between attempts to reach the local database, on which
// interfaces wait. Its server is on this host and has this one agent.
const localBackoff = time.Second

// Run works until ctx ends, or until a client of the control socket asked to exit
// and the clean-up is done.
func (l *Loop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer close(l.done)
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = l.local.session.Run(ctx) })
	wg.Go(func() { _ = l.sbSide.session.Run(ctx) })
	wg.Go(func() { _ = l.writer.Run(ctx) })
	if l.opts.Observe == nil {
		wg.Go(func() { l.packets.loop.Run(ctx) })
		wg.Go(func() { l.packets.learned.cache.Statistics.Run(ctx) })
	}
	defer l.leaveSnapshot()
	defer l.awaitTranslation()

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := l.step(ctx, timer); err != nil {
			return nil
		}
		if l.exit.finished {
			return nil
		}
	}
}

var errDone = errors.New("done")

// step waits for something to happen, drains what else has, and does a round.
func (l *Loop) step(ctx context.Context, timer *time.Timer) error {
	wait := l.untilTimer(l.clock.now())
	if l.acked >= l.seq { // else there is no rest before the switch answers
		wait = l.rest.wait(wait)
	}
	timer.Reset(wait)
	l.stirred = false
	if !l.receive(ctx, timer.C, true) {
		return errDone
	}
	for l.receive(ctx, nil, false) {
		// A stream that never ends must not starve the round.
		if l.backlog() {
			break
		}
	}
	if ctx.Err() != nil {
		return errDone
	}
	if now := time.Now(); l.stirred || l.running || l.acked < l.seq {
		l.rest.stirred(now)
	} else if l.rest.reached(now) && l.enabled && l.opts.AtRest != nil {
		l.opts.AtRest()
	}
	if l.running || l.paused {
		return nil
	}
	start := time.Now()
	l.round(l.clock.now())
	l.stats.round.Since(start)
	l.saveSnapshot(l.clock.now())
	l.noteQuiet()
	return nil
}

// receive takes one item from whoever has one. While the translation runs, or the
// loop is paused, changes stay where they are. It reports whether it took one.
func (l *Loop) receive(ctx context.Context, timer <-chan time.Time, block bool) bool {
	localEvents, sbEvents := l.local.session.Updates(), l.sbSide.session.Updates()
	writerEvents := l.writer.Events()
	if l.running || l.paused {
		localEvents, sbEvents, timer = nil, nil, nil
	}
	if l.paused {
		writerEvents = nil
	}
	stirs := true
	if block {
		select {
		case <-ctx.Done():
			return false
		case e, ok := <-localEvents:
			l.localEvent(e, ok)
		case e, ok := <-sbEvents:
			l.sbEvent(e, ok)
		case e := <-writerEvents:
			l.writerEvent(e)
		case r := <-l.results:
			l.translated(r)
		case f := <-l.do:
			stirs = false
			f()
		case <-l.learned:
		case <-timer:
			stirs = false
		}
		l.stirred = l.stirred || stirs
		l.stats.drained++
		return true
	}
	select {
	case e, ok := <-localEvents:
		l.localEvent(e, ok)
	case e, ok := <-sbEvents:
		l.sbEvent(e, ok)
	case e := <-writerEvents:
		l.writerEvent(e)
	case r := <-l.results:
		l.translated(r)
	case f := <-l.do:
		stirs = false
		f()
	default:
		l.stats.drained = 0
		return false
	}
	l.stirred = l.stirred || stirs
	l.stats.drained++
	return true
}

// maxDrain bounds what is taken in between two rounds.
const maxDrain = 1000

func (l *Loop) backlog() bool {
	if l.stats.drained < maxDrain {
		return false
	}
	l.stats.drained = 0
	return true
}

// untilTimer is how long the loop may sleep.
func (l *Loop) untilTimer(now time.Time) time.Duration {
	next := now.Add(time.Minute)
	for _, t := range []time.Time{
		l.binding.NextTimer(), l.nbcfg.NextTimer(now), l.kept.Due(), l.conds.Due(), l.local.next(), l.sbSide.next(), l.switchRetry.at,
		l.switchGone.at, l.nextSnapshot(), l.release.at,
	} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return max(next.Sub(now), time.Millisecond)
}

// Do runs f on the loop's goroutine and waits for it; it reports whether f ran,
// which it does not once the loop has ended.
func (l *Loop) Do(ctx context.Context, f func()) bool {
	ran := make(chan struct{})
	select {
	case l.do <- func() { f(); close(ran) }:
		<-ran
		return true
	case <-l.done:
	case <-ctx.Done():
	}
	return false
}

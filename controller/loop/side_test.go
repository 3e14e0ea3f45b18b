package loop

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// sideBed is one side of a loop with a clock of its own.
type sideBed struct {
	side[sbdb.Update]
	t   *testing.T
	log strings.Builder
	db  *sbdb.DB
	now time.Time
	// states and results as they came, true for those that were good.
	results []bool
}

func newSideBed(t *testing.T, remote string) *sideBed {
	b := &sideBed{t: t, db: sbdb.NewDB(), now: time.Unix(1_700_000_000, 0)}
	b.side = newSide[sbdb.Update]("OVNSB", slog.New(slog.NewTextHandler(&b.log, nil)), coverage.NewRegistry().Counter("txn_op_refused"))
	b.session = ovsdb.NewSession(sbdb.Model(), ovsdb.Config{
		Remotes: []string{remote}, MinBackoff: 20 * time.Millisecond, MaxBackoff: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.session.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	b.until("the contents", func() bool { return b.ready })
	return b
}

// until takes events until ok says so.
func (b *sideBed) until(what string, ok func() bool) {
	b.t.Helper()
	timeout := time.After(10 * time.Second)
	for !ok() {
		select {
		case e := <-b.session.Updates():
			if e.State != nil {
				b.stateChanged(e.State)
			}
			if e.Update != nil {
				b.aside.Changed(sbRows(b.db.Apply(e.Update)))
				b.ready = true
			}
			if e.Result != nil {
				b.results = append(b.results, b.finished(e.Result, b.now))
			}
		case <-timeout:
			b.t.Fatalf("%s: did not happen\n%s", what, b.log.String())
		}
	}
}

// round does a round whose duty is build, and reports whether it sent anything.
func (b *sideBed) round(build func(*ovsdb.Txn)) bool {
	if tx := b.begin(b.now); tx != nil {
		build(tx)
	}
	return b.commit(b.now)
}

// write does a round and waits for all that comes of it.
func (b *sideBed) write(build func(*ovsdb.Txn)) (committed bool) {
	b.t.Helper()
	b.results = nil
	if !b.round(build) {
		b.t.Fatalf("nothing was sent\n%s", b.log.String())
	}
	b.until("an answer", func() bool { return !b.inFlight })
	return b.results[len(b.results)-1]
}

// One operation that is refused does not keep a round's others from being written,
// and they are not written again.
func TestSideRefused(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	b := newSideBed(t, srv.Unix)
	set := func(name string) func(*ovsdb.Txn) {
		return func(tx *ovsdb.Txn) {
			sbdb.InsertAddressSet(tx).SetName(name)
			sbdb.InsertDatapathBinding(tx).SetTunnelKey(1 << 40)
		}
	}
	if b.write(set("as1")) {
		t.Error("a round of which a part was refused counts as committed")
	}
	b.until("the rest", func() bool { return b.db.AddressSet.Len() == 1 })
	if b.refused.Total() != 1 || !strings.Contains(b.log.String(), "insert of row") || !strings.Contains(b.log.String(), "in table Datapath_Binding is refused") {
		t.Errorf("counted %d, logged %s", b.refused.Total(), b.log.String())
	}
	if !b.write(set("as2")) || b.refused.Total() != 1 {
		t.Error("it was tried again at once")
	}
	if want := b.now.Add(time.Second); b.next() != want || b.due(b.now) {
		t.Errorf("tried again after %v", b.next().Sub(b.now))
	}
	b.now = b.now.Add(time.Second)
	if !b.due(b.now) {
		t.Error("not due after its time")
	}
	b.write(set("as3"))
	if b.refused.Total() != 2 || b.aside.Len() != 1 {
		t.Errorf("refused %d times", b.refused.Total())
	}
	// Many are counted and not all named.
	for i := range 100 {
		b.now = b.now.Add(time.Millisecond)
		b.write(func(tx *ovsdb.Txn) { sbdb.InsertDatapathBinding(tx).SetTunnelKey(int64(i) + 1<<30) })
	}
	if n := strings.Count(b.log.String(), "is refused"); n > 30 || b.refused.Total() != 102 {
		t.Errorf("%d lines for %d refusals", n, b.refused.Total())
	}
}

// A backup says no to everything, and becomes the active server without a word.
func TestSideBackup(t *testing.T) {
	active := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	backup := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t), "--sync-from="+active.Unix)
	b := newSideBed(t, backup.Unix)
	set := func(tx *ovsdb.Txn) { sbdb.InsertAddressSet(tx).SetName("as1") }
	if b.write(set) || !b.readOnly {
		t.Fatal("the backup took a change")
	}
	connections := b.session.State().Connections
	for delay := readOnlyMin; delay < 8*time.Second; delay *= 2 {
		b.now = b.now.Add(delay - time.Millisecond)
		if b.round(set) {
			t.Errorf("asked again before %v", delay)
		}
		b.now = b.now.Add(time.Millisecond)
		b.write(set)
	}
	// Another connection may be to another server, or to one that was told otherwise.
	b.session.Reconnect()
	connections++
	b.until("another connection", func() bool { return b.session.State().Connections == connections && b.connected })
	if n := len(b.results); !b.round(set) {
		t.Error("a new connection is not asked at once")
	} else {
		b.until("an answer", func() bool { return len(b.results) > n })
	}
	backup.Control("ovsdb-server/disconnect-active-ovsdb-server")
	b.now = b.now.Add(readOnlyMax)
	if !b.write(set) || b.readOnly {
		t.Error("the server is active and is not written to")
	}
	if n := b.session.State().Connections; n != connections {
		t.Errorf("%d connections, %d before", n, connections)
	}
	if n := strings.Count(b.log.String(), "read-only"); n != 2 || !strings.Contains(b.log.String(), "takes changes again") {
		t.Errorf("logged\n%s", b.log.String())
	}
}

// An answer that is lost on the way is not waited for for ever.
func TestSideAnswerLost(t *testing.T) {
	srv := ovsdbtest.Start(t, ovsdbtest.SouthboundNewest(t))
	p := ovsdbtest.StartProxy(t, srv.Unix)
	b := newSideBed(t, p.Remote)
	p.Set(ovsdbtest.Faults{Stall: true})
	set := func(name string) func(*ovsdb.Txn) {
		return func(tx *ovsdb.Txn) { sbdb.InsertAddressSet(tx).SetName(name) }
	}
	if !b.round(set("as1")) {
		t.Fatal("nothing was sent")
	}
	time.Sleep(50 * time.Millisecond)
	p.Set(ovsdbtest.Faults{})
	b.now = b.now.Add(answerPatience - time.Second)
	if b.round(set("as2")) || b.next() != b.now.Add(time.Second) || b.session.State().Connections != 1 {
		t.Error("two transactions at a time, or too little patience")
	}
	b.now = b.now.Add(time.Second)
	b.round(set("as2"))
	b.until("another connection", func() bool { return b.session.State().Connections == 2 && b.connected })
	if !b.write(set("as2")) {
		t.Error("not committed")
	}
	if !strings.Contains(b.log.String(), fmt.Sprintf("no answer to a transaction for %v", answerPatience)) {
		t.Errorf("logged\n%s", b.log.String())
	}
}

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

// gcPercent is how much garbage the collector lets pile up on what is in use while
// the agent starts. A host has other uses for its memory than an agent's garbage:
// half of Go's default costs little, since most of what is made at the start stays.
//
// gcPercentThen is the same from then on. A collection in the midst of changes has
// them take three times as long, and the memory is there: less than the start took
// is in use. It is used up by changes that follow each other without a pause only,
// see atRest.
const (
	gcPercent     = 50
	gcPercentThen = 75
)

// gcLeast is the least garbage, in bytes, that is worth a collection. On a small
// heap half of it is soon made, and every tenth small change would wait for a
// collector that shares two cores with the switch.
const gcLeast = 24 << 20

// garbage says when it is collected.
type garbage struct {
	fixed      bool // GOGC says it
	started    atomic.Bool
	collecting atomic.Bool

	mu      sync.Mutex
	percent int // told the runtime
}

// limitGarbage sets the limit for the start, unless GOGC says otherwise.
func limitGarbage() *garbage {
	g := &garbage{fixed: os.Getenv("GOGC") != ""}
	if g.fixed {
		return g
	}
	g.set()
	// The end of a collection is told by the finalizer of an object that nothing
	// refers to.
	type sentinel struct{ _ [16]byte }
	var again func(*sentinel)
	again = func(s *sentinel) {
		g.set()
		runtime.SetFinalizer(s, again)
	}
	runtime.SetFinalizer(new(sentinel), again)
	return g
}

// set tells the runtime the percentage for what is in use now.
func (g *garbage) set() {
	if g.fixed {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if now := garbagePercent(live[0].Value.Uint64(), g.started.Load()); now != g.percent {
		g.percent = now
		debug.SetGCPercent(now)
	}
}

// garbagePercent is the percentage for a heap of which so many bytes are in use.
func garbagePercent(live uint64, started bool) int {
	share := gcPercent
	if started {
		share = gcPercentThen
	}
	if live == 0 {
		return share
	}
	return max(share, min(400, int(gcLeast*100/live)))
}

// atRest is called when nobody waits for the agent, first when the start is over. It
// collects the garbage that would be collected in the midst of changes otherwise. A
// collection takes both processors of a small host for a while, from the switch and
// the database server, too.
func (g *garbage) atRest() {
	if !g.started.Swap(true) {
		g.set()
	}
	now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(now)
	live, heap, free := now[0].Value.Uint64(), now[1].Value.Uint64(), now[2].Value.Uint64()
	collect := runtime.GC
	if worthReturning(live, heap, free) {
		collect = debug.FreeOSMemory
	} else if !worthCollecting(live, heap) {
		return
	}
	if !g.collecting.CompareAndSwap(false, true) {
		return
	}
	go func() {
		collect()
		g.collecting.Store(false)
	}()
}

// worthReturning tells whether what a long series of changes has left behind, garbage
// and memory that is free already, is half of what is in use: the host gets it back.
func worthReturning(live, heap, free uint64) bool {
	return heap+free > live && heap+free-live > max(live/2, 2*gcLeast)
}

// worthCollecting tells whether a tenth of what was in use after the last collection
// has piled up since as garbage, a fifth of gcLeast at least.
func worthCollecting(live, heap uint64) bool {
	return heap > live && heap-live >= live*uint64(garbagePercent(live, false))/500
}

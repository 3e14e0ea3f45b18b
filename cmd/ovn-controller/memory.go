package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// gcPercent is how much garbage the collector lets pile up on what is in use. A
// host has other uses for its memory than an agent's garbage: half of Go's
// default costs little, since most of what is made at the start stays.
const gcPercent = 50

// gcLeast is the least garbage, in bytes, that is worth a collection. On a small
// heap half of it is soon made, and every tenth small change would wait for a
// collector that shares two cores with the switch.
const gcLeast = 24 << 20

// limitGarbage sets it, unless GOGC says otherwise.
func limitGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	followGarbage(new(atomic.Int64))
}

// followGarbage sets the percentage anew after each collection: the end of one is
// told by the finalizer of an object that nothing refers to.
func followGarbage(percent *atomic.Int64) {
	type sentinel struct{ _ [16]byte }
	var again func(*sentinel)
	again = func(s *sentinel) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if now := garbagePercent(live[0].Value.Uint64()); int64(now) != percent.Swap(int64(now)) {
			debug.SetGCPercent(now)
		}
		runtime.SetFinalizer(s, again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

// garbagePercent is the percentage for a heap of which so many bytes are in use.
func garbagePercent(live uint64) int {
	if live == 0 {
		return gcPercent
	}
	return max(gcPercent, min(400, int(gcLeast*100/live)))
}

// collectAtRest returns what to call when nobody waits for the agent: it collects
// the garbage that would be collected in the midst of changes otherwise. A
// collection takes both processors of a small host for a while, from the switch and
// the database server, too.
func collectAtRest() func() {
	var collecting atomic.Bool
	return func() {
		now := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(now)
		if !worthCollecting(now[0].Value.Uint64(), now[1].Value.Uint64()) || !collecting.CompareAndSwap(false, true) {
			return
		}
		go func() {
			runtime.GC()
			collecting.Store(false)
		}()
	}
}

// worthCollecting tells whether a fifth of the garbage that may be has piled up on
// what was in use after the last collection.
func worthCollecting(live, heap uint64) bool {
	return heap > live && heap-live >= live*uint64(garbagePercent(live))/500
}

package loop

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRelease(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var r release
	for seq := range uint64(10_000) {
		r.note(seq, largeChange-1)
		r.acked(now, seq)
	}
	if !r.at.IsZero() {
		t.Error("due for nothing but small changes")
	}
	r.note(1, releaseAfter-1)
	r.acked(now, 1)
	if !r.at.IsZero() {
		t.Error("due before there is enough")
	}
	r.note(2, largeChange)
	r.acked(now, 1)
	if !r.at.IsZero() {
		t.Error("due before the switch has what changed")
	}
	r.acked(now, 2)
	// Small changes go on all the time.
	r.note(3, 1000)
	r.acked(now.Add(releaseDelay/2), 3)
	if want := now.Add(releaseDelay); r.at != want || r.due(want.Add(-1), true) {
		t.Errorf("due at %v, want %v", r.at, want)
	}
	r.note(4, largeChange)
	if r.due(now.Add(time.Hour), true) {
		t.Error("due in the middle of another large change")
	}
	now = now.Add(time.Hour)
	r.acked(now, 4)
	if now = now.Add(releaseDelay); !r.due(now, true) || r.due(now.Add(time.Hour), true) {
		t.Error("not due once")
	}
	r.note(5, releaseAfter)
	r.acked(now, 5)
	for now = now.Add(releaseDelay); now.Before(r.by); now = now.Add(restAfter) {
		if r.due(now, false) {
			t.Fatal("due though the loop is not at rest")
		}
	}
	if !r.due(now, false) {
		t.Error("not due after a minute without rest")
	}
	r.acked(now, 5)
	if !r.at.IsZero() {
		t.Error("due twice for the same changes")
	}
}

// TestMemoryIsReturned: memory is given back after the start, after much was
// installed, and after it has gone, once each, and not after small changes.
func TestMemoryIsReturned(t *testing.T) {
	b := newBed(t)
	var times atomic.Int32
	a := b.plugged("hv1", func(o *Options) { o.ReturnMemory = func() { times.Add(1) } })
	returned := func(n int32) func() bool {
		return func() bool {
			a.Do(t.Context(), func() { a.clock.warp(releaseDelay / 25) })
			return times.Load() >= n
		}
	}
	b.eventually("given back after the start", returned(1))
	dp := b.sbctl("--columns=_uuid list Datapath_Binding")
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf("10.0.%d.%d", i>>8, i&255))
	}
	b.must("ovn-sbctl", "create", "Address_Set", "name=as", "addresses="+strings.Join(list, ","))
	b.must("ovn-sbctl", "create", "Logical_Flow", "logical_datapath="+dp, "pipeline=ingress", "table_id=3", "priority=100",
		`match="ip4.src == $as"`, `actions="next;"`)
	b.eventually("given back after many flows have come", returned(2))
	b.must("ovn-sbctl", "remove", "Address_Set", "as", "addresses", list[0])
	b.must("ovn-sbctl", "clear", "Address_Set", "as", "addresses")
	b.eventually("given back after all have gone", returned(3))
	b.must("ovn-sbctl", "set", "Address_Set", "as", "addresses="+strings.Join(list[:100], ","))
	b.eventually("a few addresses are back", func() bool {
		return strings.Count(b.must("ovs-ofctl", "-O", "OpenFlow15", "dump-flows", "br-int", "table=11"), "nw_src=10.0.0.") == 100
	})
	before := times.Load()
	for range 50 {
		returned(0)()
	}
	if n := times.Load(); n != before {
		t.Errorf("given back %d times, %d before a small change", n, before)
	}
}

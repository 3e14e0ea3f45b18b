package ofbundle

import (
	"sync"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestSlices: whatever there is, each flow is in one slice, and one after the other
// they are all.
func TestSlices(t *testing.T) {
	var c flowCounts
	flows := benchFlows(4000)
	for i, f := range flows {
		f.Table = []uint8{20, 20, 21, 200}[i%4]
		c.add(f, 1)
	}
	const whole = 1500
	all := c.slices(whole)
	if want := int(lastOwned) + 1 + 1 + cookieParts - 1; len(all) != want {
		t.Errorf("%d slices, want %d", len(all), want)
	}
	for i, x := range all {
		if i > 0 && x.place() < all[i-1].after() {
			t.Errorf("%+v begins at %d, %+v ends at %d", x, x.place(), all[i-1], all[i-1].after())
		}
	}
	for _, f := range flows {
		n := 0
		for _, x := range all {
			if x.has(f) {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("a flow of table %d with cookie %x is in %d slices", f.Table, f.Cookie, n)
		}
	}
	for _, x := range all {
		n := 0
		for _, f := range flows {
			if x.has(f) {
				n++
			}
		}
		if got := c.of(x); got != n {
			t.Errorf("%+v: %d flows counted, there are %d", x, got, n)
		}
	}
}

// TestAuditInParts: of a table with many flows an audit asks for few at a time, and in
// the end for all.
func TestAuditInParts(t *testing.T) {
	t.Parallel()
	s := startSwitch(t)
	p := &proxy{t: t, s: s}
	a := startAgent(t, Config{Target: s.target(), Dial: p.dial, Audit: soon, Poll: never, duty: 5})
	a.connected()
	var mu sync.Mutex
	parts := map[uint64]bool{}
	p.set(func(_ openflow.Header, m openflow.Message, frame []byte) ([]byte, bool) {
		if r, ok := m.(*openflow.FlowDescRequest); ok && r.Table == 20 {
			mu.Lock()
			defer mu.Unlock()
			if r.CookieMask != cookieParts-1 {
				t.Errorf("asked for cookies %x of mask %x", r.Cookie, r.CookieMask)
			}
			parts[r.Cookie] = true
		}
		return frame, false
	}, nil)
	flows := benchFlows(2 * wholeUpTo)
	for _, f := range flows {
		f.Table = 20
	}
	a.Enable()
	a.Update(nil, flows)
	a.commit()
	eventually(t, "all parts to be asked for", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(parts) == cookieParts
	})
}

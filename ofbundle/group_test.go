package ofbundle

import (
	"fmt"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// BenchmarkNewGroup has a group come and go, by the groups that stay.
func BenchmarkNewGroup(b *testing.B) {
	content := func(n int) string {
		spec := openflow.GroupSpec{Type: openflow.GroupSelect, Buckets: []openflow.Bucket{{ID: uint32(n), Weight: 100}}}
		return string(spec.Encode())
	}
	for _, groups := range []int{100, 10_000} {
		b.Run(fmt.Sprint(groups), func(b *testing.B) {
			t := newGroupTable()
			for n := range groups {
				t.acquire(content(n))
			}
			t.number(true)
			for content, g := range t.byContent {
				t.installed[g.id] = content
			}
			one := content(groups)
			for b.Loop() {
				t.acquire(one)
				t.number(false)
				g := t.byContent[one]
				if g.id != uint32(groups+1) {
					b.Fatalf("number %d of %d groups", g.id, groups+1)
				}
				t.release(one)
				t.forget(g)
			}
		})
	}
}

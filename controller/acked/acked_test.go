package acked

import (
	"fmt"
	"strings"
	"testing"
)

// TestQueue: nothing comes out before the commit of its flows is acknowledged, nothing
// twice, and all in the order in which it was put in.
func TestQueue(t *testing.T) {
	for _, c := range []struct{ name, steps, out string }{
		{"acknowledged", "add a, stamp 1, acked 1", "a"},
		{"no commit yet", "add a, acked 9", ""},
		{"an earlier commit", "add a, stamp 2, acked 1", ""},
		{"a later commit", "add a, stamp 2, acked 5", "a"},
		{"once", "add a, stamp 1, acked 1, acked 1, acked 2", "a"},
		{"added after the commit", "add a, stamp 1, add b, acked 1", "a"},
		{"each with its own", "add a, stamp 1, add b, stamp 2, acked 1, acked 2", "a b"},
		{"several at once", "add a, add b, stamp 1, add c, stamp 2, add d, stamp 3, acked 2", "a b c"},
		{"stamped once", "add a, stamp 1, stamp 2, acked 1", "a"},
		{"forgotten", "add a, forget, stamp 1, acked 1", ""},
		{"too late to forget", "add a, stamp 1, add b, forget, stamp 2, acked 2", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q Queue[string]
			var out []string
			for step := range strings.SplitSeq(c.steps, ", ") {
				var seq uint64
				what, arg, _ := strings.Cut(step, " ")
				if what == "stamp" || what == "acked" {
					if _, err := fmt.Sscan(arg, &seq); err != nil {
						t.Fatal(err)
					}
				}
				switch what {
				case "add":
					q.Add(arg)
				case "stamp":
					q.Stamp(seq)
				case "acked":
					out = append(out, q.Acked(seq)...)
				case "forget":
					q.Forget()
				}
			}
			if got := strings.Join(out, " "); got != c.out {
				t.Errorf("%s: %q comes out, want %q", c.steps, got, c.out)
			}
		})
	}
}

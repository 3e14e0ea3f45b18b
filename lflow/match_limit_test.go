package lflow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestLargeMatches reduces matches of thousands of parts: those that are within
// the limit must come out, the others must be refused, all of them in time and
// memory that the limit bounds. (They would take minutes or gigabytes if not.)
func TestLargeMatches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	list := func(n int, one func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = one(i)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	dense := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }
	random4 := func(int) string {
		return fmt.Sprintf("%d.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(256))
	}
	random6 := func(int) string {
		return fmt.Sprintf("%x:%x:%x:%x:%x:%x:%x:%x", r.IntN(65536), r.IntN(65536), r.IntN(65536),
			r.IntN(65536), r.IntN(65536), r.IntN(65536), r.IntN(65536), r.IntN(65536))
	}
	anyOf := func(n int, one func(i int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = one(i)
		}
		return strings.Join(parts, " || ")
	}
	ranges := anyOf(3000, func(i int) string {
		return fmt.Sprintf("(1 < tcp.dst < %d && ip4.src == %s)", i+3, dense(i))
	})
	for _, c := range []struct {
		name, match string
		ok          bool
	}{
		{"60000 addresses", "ip4.src == " + list(60000, dense), true},
		{"70000 addresses", "ip4.src == " + list(70000, dense), false},
		{"two lists", "ip4.src == " + list(30000, dense) + " && ip4.dst == " + list(30000, dense), true},
		{"none of 200 addresses", "ip4.src != " + list(200, random4), true},
		{"none of 1000 neighbours", "ip4.src != " + list(1000, dense), true},
		{"none of 60000 addresses", "ip4.src != " + list(60000, dense), false},
		{"none of 30 IPv6 addresses", "ip6.src != " + list(30, random6), true},
		{"none of 5000 IPv6 addresses", "ip6.src != " + list(5000, random6), false},
		{"ranges", ranges, true},
		{"ranges multiplied", "(" + ranges + ") && (reg0 == 1 || reg4 == 1 || reg8 == {1, 2, 3})", false},
		{"three mixed lists", strings.Join([]string{
			"(ip4.src == " + list(300, dense) + " || reg0 == 1)",
			"(ip4.dst == " + list(300, dense) + " || reg4 == 1)",
			"(tcp.dst == " + list(300, func(i int) string { return fmt.Sprint(i) }) + " || reg8 == 1)",
		}, " && "), false},
		{"random masks", "ip4 && xxreg0 == " + list(2000, func(int) string {
			return fmt.Sprintf("%#x/%#x", r.Uint64(), r.Uint64())
		}), true},
		{"conditions", anyOf(3000, func(i int) string { return fmt.Sprintf("is_chassis_resident(\"p%d\")", i) }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := twinWorld(t)
			out, err := placeMatch(Compiler{}, Source{Match: c.match, Actions: "next;"}, w, Datapath{Key: 3})
			var tooMany *TooManyFlowsError
			switch {
			case err != nil && !errors.As(err, &tooMany):
				t.Fatal(err)
			case (err == nil) != c.ok:
				t.Fatalf("error %v", err)
			case err == nil && (len(out.Flows) == 0 || len(out.Flows) > DefaultMaxFlows):
				t.Fatalf("%d flows", len(out.Flows))
			}
		})
	}
}

package physical

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestOracle compares all physical flows of a scenario with those that the C
// agent of OVN 26.03 had installed for it. Each file of testdata/oracle holds
//
//	rows       southbound rows, a line each: TABLE UUID JSON
//	local      this chassis (see world.locals)
//	flows      what ovs-ofctl -O OpenFlow15 --no-names --no-stats dump-flows printed
//	           of one table, sorted
//	problems   what our translation complains about
//
// The results of "flows" are the C agent's: -rewrite is for "problems" only.
func TestOracle(t *testing.T) {
	datadriven.Walk(t, "testdata/oracle", func(t *testing.T, path string) {
		var w *world
		var out *Flows
		untested := map[uint8]bool{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var err error
			switch d.Cmd {
			case "rows":
				if w, err = newWorld(d.Input); err != nil {
					t.Fatal(err)
				}
				return fmt.Sprintf("%d rows\n", strings.Count(d.Input, "\n")+1)
			case "local":
				if err = w.locals(d.Input); err != nil {
					t.Fatal(err)
				}
				out = w.build()
				for _, f := range out.List {
					untested[f.Table] = true
				}
				return "ok\n"
			case "flows":
				var table string
				d.ScanArgs(t, "table", &table)
				n, err := strconv.ParseUint(table, 10, 8)
				if err != nil {
					t.Fatal(err)
				}
				delete(untested, uint8(n))
				return text(out.List, uint8(n))
			case "problems":
				var b strings.Builder
				var lines []string
				for _, p := range out.Problems {
					lines = append(lines, p.Error())
				}
				slices.Sort(lines)
				for _, l := range slices.Compact(lines) {
					fmt.Fprintln(&b, l)
				}
				return b.String()
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
		for table := range untested {
			t.Errorf("table %d: there should be no flows:\n%s", table, text(out.List, table))
		}
	})
}

// text is the flows of one table as dumped, sorted. Of several with the same
// priority and match, the one of the row with the lowest UUID is installed.
func text(flows []*openflow.Flow, table uint8) string {
	type identity struct {
		priority uint16
		match    openflow.Match
	}
	winners := map[identity]*openflow.Flow{}
	for _, f := range flows {
		if f.Table != table {
			continue
		}
		id := identity{f.Priority, f.Match}
		if w := winners[id]; w == nil || bytes.Compare(f.Owner[:], w.Owner[:]) < 0 {
			winners[id] = f
		}
	}
	var lines []string
	for _, f := range winners {
		lines = append(lines, f.String())
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

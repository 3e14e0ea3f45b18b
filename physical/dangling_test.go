package physical

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// TestDangling builds scenarios from which rows, and what this chassis knows, have
// been taken at random, as happens while a network is torn down or before all of
// it has arrived: whatever is missing, there are flows for what is left, and
// well-formed ones.
func TestDangling(t *testing.T) {
	files, err := os.ReadDir("testdata/oracle")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		var rows, local []string
		datadriven.RunTest(t, "testdata/oracle/"+file.Name(), func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "rows":
				rows = strings.Split(d.Input, "\n")
			case "local":
				local = strings.Split(d.Input, "\n")
			}
			return d.Expected
		})
		t.Run(file.Name(), func(t *testing.T) {
			for seed := range uint64(100) {
				if t.Failed() {
					break
				}
				t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { dangle(t, seed, rows, local) })
			}
		})
	}
}

func dangle(t *testing.T, seed uint64, rows, local []string) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	percent := rnd.IntN(60)
	kept := func(lines []string) string {
		var list []string
		for _, l := range lines {
			// This chassis itself stays.
			if strings.HasPrefix(l, "self ") || strings.Contains(l, `"name":"hv1"`) || rnd.IntN(100) >= percent {
				list = append(list, l)
			}
		}
		return strings.Join(list, "\n")
	}
	w, err := newWorld(kept(rows))
	if err == nil {
		err = w.locals(kept(local))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range w.build().List {
		if _, err := openflow.DecodeActions([]byte(f.Actions)); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if (f.Kind == openflow.FlowDrop) != (f.Actions == "") {
			t.Fatalf("%s: kind %d", f, f.Kind)
		}
	}
}

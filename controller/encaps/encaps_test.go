package encaps

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// TestEncaps runs each file of testdata as chassis hv1: "run" prints the
// transaction, with external_ids of the configuration as arguments.
func TestEncaps(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := replicatest.New(t)
		w.Do("bridge br-int")
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			own := w.SB.ChassisByName.One("hv1")
			br := w.Local.BridgeByName.One("br-int")
			switch td.Cmd {
			case "world":
				for line := range strings.SplitSeq(td.Input, "\n") {
					if !w.Do(line) {
						td.Fatalf(t, "unknown line %q", line)
					}
				}
				return ""
			case "run":
				ids := map[string]string{"system-id": "hv1"}
				index := ""
				for _, a := range td.CmdArgs {
					switch a.Key {
					case "index":
						index = a.Vals[0]
					case "unsettled":
					default:
						ids[a.Key] = strings.Join(a.Vals, ",")
					}
				}
				cfg, _ := config.Parse(ovsdb.MapFrom(ids), config.Identity{})
				tx := ovsdb.NewTxn("")
				Run(Inputs{
					SB: w.SB, Local: w.Local, Config: cfg, Bridge: br, Chassis: own, Index: index, MayDelete: !td.HasArg("unsettled"),
				}, tx, slog.New(slog.DiscardHandler))
				return w.Print(tx)
			case "tunnels":
				pairs, shared := Tunnels(w.Local, br, own, w.SB)
				var b strings.Builder
				for _, p := range pairs {
					p.port = ovsdb.UUID{}
					fmt.Fprintf(&b, "%+v\n", p)
				}
				for _, s := range shared {
					fmt.Fprintf(&b, "%+v\n", s)
				}
				return b.String()
			case "remove-all":
				tx := ovsdb.NewTxn("")
				return fmt.Sprintf("%v\n%s", RemoveAll(w.Local, br, tx), w.Print(tx))
			}
			td.Fatalf(t, "unknown command %q", td.Cmd)
			return ""
		})
	})
}

func TestNameIsShort(t *testing.T) {
	r := &run{Inputs: Inputs{Index: "z"}, names: map[string]bool{"ovnz-chass-0": true}}
	if n := r.chooseName("chassis-with-a-long-name"); n != "ovnz-chass-1" || len(n) > 15 {
		t.Errorf("%q", n)
	}
	r = &run{names: map[string]bool{}}
	if n := r.chooseName("hv"); n != "ovn-hv-0" {
		t.Errorf("%q", n)
	}
}

package encaps

import (
	"fmt"
	"log/slog"
	"slices"
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
		duty := New(w.SB, w.Local)
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
				duty.Run(Inputs{
					SB: w.SB, Local: w.Local, Config: cfg, Bridge: br, Chassis: own, Index: index, MayDelete: !td.HasArg("unsettled"),
				}, true, tx, slog.New(slog.DiscardHandler))
				return w.Print(tx)
			case "tunnels":
				var pairs []Tunnel
				for chassis := range duty.Peers(br) {
					pairs = append(pairs, duty.Ready(br, own, chassis)...)
				}
				slices.SortFunc(pairs, func(a, b Tunnel) int { return a.Port.Compare(b.Port) })
				var b strings.Builder
				for _, p := range pairs {
					p.Port = ovsdb.UUID{}
					fmt.Fprintf(&b, "%+v\n", p)
				}
				for _, s := range duty.Shared(br, own) {
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
	w := replicatest.New(t)
	w.Do("iface ovnz-chass-0")
	named := func(index string) *run {
		return &run{Duty: New(w.SB, w.Local), Inputs: Inputs{Index: index}, taken: map[string]bool{}, made: map[string]int{}}
	}
	if n := named("z").chooseName("chassis-with-a-long-name"); n != "ovnz-chass-1" || len(n) > 15 {
		t.Errorf("%q", n)
	}
	if n := named("").chooseName("hv"); n != "ovn-hv-0" {
		t.Errorf("%q", n)
	}
	// Names of tunnels that have gone are given again, and every one is free.
	w.Do("del iface ovnz-chass-0")
	r := named("z")
	for i := 5; i < 300; i += 2 {
		w.Do(fmt.Sprintf("iface ovnz-chass-%x", i))
	}
	for range 500 {
		n := r.chooseName("chassis-with-a-long-name")
		if n == "" || r.taken[n] || w.Local.PortByName.One(n) != nil || len(n) > 15 {
			t.Fatalf("%q", n)
		}
		r.taken[n] = true
	}
}

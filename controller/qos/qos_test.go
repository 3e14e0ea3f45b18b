package qos

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestQueues runs each file of testdata with the networks phys and phys2 mapped:
// "run" prints the transaction. A port is here if its row names chassis hv1.
func TestQueues(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := replicatest.New(t)
		w.Do("bridge br-int")
		w.Do("chassis hv1")
		cfg, _ := config.Parse(ovsdb.NewMap("ovn-bridge-mappings", "phys:br-phys,phys2:br-phys2"), config.Identity{})
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "world":
				for line := range strings.SplitSeq(td.Input, "\n") {
					if !w.Do(line) {
						td.Fatalf(t, "unknown line %q", line)
					}
				}
				return ""
			case "run":
				tx := ovsdb.NewTxn("")
				Run(Inputs{
					SB: w.SB, Local: w.Local, Config: cfg, Bridge: w.Local.BridgeByName.One("br-int"), MayDelete: !td.HasArg("unsettled"),
					Here: func(p *sbdb.PortBinding) bool { return p.Chassis == w.ID("chassis", "hv1") },
				}, tx)
				return w.Print(tx)
			}
			td.Fatalf(t, "unknown command %q", td.Cmd)
			return ""
		})
	})
}

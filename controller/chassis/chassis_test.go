package chassis

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func messages(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			return a
		}
		return slog.Attr{}
	}}))
}

// TestChassis runs each file of testdata as hv1: "run" prints log and transaction,
// its arguments are external_ids and flags of the switch.
func TestChassis(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := replicatest.New(t)
		w.Do("open o types=geneve,vxlan")
		w.Do("bridge br-int dptype=system")
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			switch td.Cmd {
			case "world":
				for line := range strings.SplitSeq(td.Input, "\n") {
					if !w.Do(line) {
						td.Fatalf(t, "unknown line %q", line)
					}
				}
				return ""
			case "run", "remove":
				ids := map[string]string{"system-id": "hv1", "hostname": "h1"}
				for _, a := range td.CmdArgs {
					ids[a.Key] = strings.Join(a.Vals, ",")
				}
				cfg, _ := config.Parse(ovsdb.MapFrom(ids), config.Identity{})
				tx := ovsdb.NewTxn("")
				var log strings.Builder
				if td.Cmd == "remove" {
					Remove(w.SB, "hv1", tx)
					RemoveIndex(w.Local.Root(), "hv1", tx)
				} else {
					Run(Inputs{
						SB: w.SB, Config: cfg, Root: w.Local.Root(), Bridge: w.Local.BridgeByName.One("br-int"),
						Features: Features{CtLabelFlush: true},
					}, tx, messages(&log))
					if err := StoreIndex(w.Local.Root(), "hv1", tx); err != nil {
						log.WriteString(err.Error() + "\n")
					}
				}
				return log.String() + w.Print(tx)
			}
			td.Fatalf(t, "unknown command %q", td.Cmd)
			return ""
		})
	})
}

// TestSettles: what the duty writes is what it wants to find.
func TestSettles(t *testing.T) {
	w := replicatest.New(t)
	w.Do("open o oc:ovn-chassis-idx-hv1=")
	w.Do("bridge br-int dptype=system")
	cfg, _ := config.Parse(ovsdb.NewMap("system-id", "hv1", "hostname", "h1", "ovn-encap-type", "geneve", "ovn-encap-ip", "10.0.0.1"), config.Identity{})
	in := Inputs{SB: w.SB, Config: cfg, Root: w.Local.Root(), Bridge: w.Local.BridgeByName.One("br-int")}
	line := "chassis hv1 host=h1 encaps=geneve/10.0.0.1"
	for k, v := range OtherConfig(in).All() {
		line += " oc:" + k + "=" + v
	}
	w.Do(line)
	w.Do("private hv1")
	tx := ovsdb.NewTxn("")
	if s := Run(in, tx, slog.New(slog.DiscardHandler)); s.Chassis == nil || s.Private == nil || tx.Len() != 0 {
		t.Errorf("%+v\n%s", s, w.Print(tx))
	}
}

package mirror

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// TestMirrors runs each file of testdata: "run" prints log and transaction. A port
// is bound by the interface that carries its name.
func TestMirrors(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := replicatest.New(t)
		w.Do("bridge br-int")
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
				var log strings.Builder
				Run(Inputs{
					SB: w.SB, Local: w.Local, Bridge: w.Local.BridgeByName.One("br-int"), MayDelete: !td.HasArg("unsettled"),
					Interface: func(lport string) (ovsdb.UUID, bool) {
						for _, i := range w.Local.Interfaces(w.Local.BridgeByName.One("br-int")) {
							if i.ExternalIDs.Get("iface-id") == lport {
								return i.UUID, true
							}
						}
						return ovsdb.UUID{}, false
					},
				}, tx, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.MessageKey {
						return a
					}
					return slog.Attr{}
				}})))
				return log.String() + w.Print(tx)
			}
			td.Fatalf(t, "unknown command %q", td.Cmd)
			return ""
		})
	})
}

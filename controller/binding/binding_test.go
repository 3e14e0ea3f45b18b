package binding

import (
	"fmt"
	"io"
	"log/slog"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/ctzone"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// lineLog keeps messages only, for goldens.
func lineLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey {
			return a
		}
		return slog.Attr{}
	}}))
}

// TestBinding runs each file of testdata: lines of replicatest change the
// replicas, "run" does a round as chassis hv1 and prints what came of it.
// -rewrite is for a change of behaviour that was looked at line by line.
func TestBinding(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := replicatest.New(t)
		var logText strings.Builder
		d := New(lineLog(&logText))
		now := time.Unix(1000, 0)
		up := map[string]bool{}
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
			case "tunnels-up":
				up = map[string]bool{}
				for _, a := range td.CmdArgs {
					up[a.Key] = true
				}
				return ""
			case "pass":
				var ms int
				td.ScanArgs(t, "ms", &ms)
				now = now.Add(time.Duration(ms) * time.Millisecond)
				return ""
			case "run":
				tx := ovsdb.NewTxn("")
				if td.HasArg("read-only") {
					tx = nil
				}
				logText.Reset()
				delta := d.Run(Inputs{
					SB: w.SB, Local: w.Local, Bridge: w.Local.BridgeByName.One("br-int"), Chassis: w.SB.ChassisByName.One("hv1"),
					UpTunnels: up, Now: now, MayRelease: !td.HasArg("unsettled"), SBChanges: w.SBChanges, LocalChanges: w.LocalChanges,
				}, tx)
				w.Reset()
				return logLines(logText.String()) + w.Print(tx) + printDelta(w, delta)
			case "zones":
				var out []string
				for name, u := range d.ZoneUsers() {
					out = append(out, fmt.Sprintf("%s limit=%d requested=%s\n", name, u.Limit, requested(u)))
				}
				sort.Strings(out)
				return strings.Join(out, "")
			case "datapaths":
				return d.DumpDatapaths() + d.DumpPeers()
			case "related":
				return d.DumpRelated()
			case "bindings":
				return d.DumpBindings()
			case "timer":
				if next := d.NextTimer(); !next.IsZero() {
					return fmt.Sprintf("in %v\n", next.Sub(now))
				}
				return "none\n"
			}
			td.Fatalf(t, "unknown command %q", td.Cmd)
			return ""
		})
	})
}

// TestNestedTooDeep: the flood through peers ends after a hundred, and says so.
func TestNestedTooDeep(t *testing.T) {
	w := replicatest.New(t)
	w.Do("bridge br-int")
	w.Do("chassis hv1")
	for i := range 110 {
		w.Do(fmt.Sprintf("datapath d%d key=%d", i, i+1))
		w.Do(fmt.Sprintf("port up%d dp=d%d key=1 type=patch opt:peer=down%d", i, i, i+1))
		w.Do(fmt.Sprintf("port down%d dp=d%d key=2 type=patch opt:peer=up%d", i, i, i-1))
	}
	w.Do("port p dp=d0 key=3")
	w.Do("iface vif ofport=1 ext:iface-id=p")
	var said strings.Builder
	d := New(lineLog(&said))
	delta := d.Run(Inputs{SB: w.SB, Local: w.Local, Bridge: w.Local.BridgeByName.One("br-int"), Chassis: w.SB.ChassisByName.One("hv1"),
		SBChanges: w.SBChanges, LocalChanges: w.LocalChanges}, nil)
	if len(delta.Datapaths) != maxDepth+1 || !strings.Contains(said.String(), "nested too deep") {
		t.Errorf("%d datapaths: %s", len(delta.Datapaths), said.String())
	}
}

func logLines(s string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		if line = strings.Trim(strings.TrimPrefix(line, "msg="), `"`); line != "" {
			lines = append(lines, "log: "+line+"\n")
		}
	}
	return strings.Join(lines, "")
}

func printDelta(w *replicatest.World, d Delta) string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format+"\n", args...)) }
	for id, dp := range d.Datapaths {
		if dp == nil {
			add("datapath -%s", w.Names(id.String()))
		} else {
			add("datapath +%s", w.Names(id.String()))
		}
	}
	for lport, i := range d.Interfaces {
		if i == nil {
			add("interface -%s", lport)
		} else {
			add("interface +%s ofport=%d", lport, i.OFPort)
		}
	}
	for _, r := range d.Related {
		add("related %s %v %v", r.LPort, r.Key, r.Related)
	}
	for lport, b := range d.Bound {
		add("bound %s %v", lport, b)
	}
	for lport, r := range d.Resident {
		add("resident %s %v", lport, r)
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// requested is the zone number that a user must have, any if none.
func requested(u ctzone.User) string {
	if n, ok := u.Requested.Get(); ok {
		return strconv.Itoa(int(n))
	}
	return "any"
}

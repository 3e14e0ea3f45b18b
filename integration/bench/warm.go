package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

// restarted is one start of an agent on a switch that already holds everything.
type restarted struct {
	wall, cpu time.Duration
	fromSB    int64 // bytes
	flowMods  int
}

// warm measures restarts beside a clustered southbound server: of the reference,
// which fetches everything, of ours without its snapshot, with it, and with one that
// the server has forgotten.
func warm(t integration.T, scales []int, agents []string, runs int, o options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", machine())
	fmt.Fprintln(&b, "| logical flows | agent | start | from SB | settled after | CPU | flow mods |")
	fmt.Fprintln(&b, "| ---: | --- | --- | ---: | ---: | ---: | ---: |")
	for _, scale := range scales {
		db := workload.Make(t, workload.Scales[scale], t.Logf)
		for _, agent := range agents {
			found := map[string][]restarted{}
			var names []string
			for range runs {
				err := integration.Run(agent, os.Stderr, func(t integration.T) {
					names = restarts(t, db, agentKind(t, agent), o, func(name string, r restarted) {
						found[name] = append(found[name], r)
					})
				})
				if err != nil {
					t.Errorf("%d logical flows, %s: %v", db.LogicalFlows, agent, err)
				}
			}
			for _, name := range names {
				var wall, cpu []time.Duration
				last := found[name][0]
				for _, r := range found[name] {
					wall, cpu = append(wall, r.wall), append(cpu, r.cpu)
					last.fromSB, last.flowMods = r.fromSB, r.flowMods
				}
				fmt.Fprintf(&b, "| %d | %s | %s | %.0f kB | %.2f s | %.2f s | %d |\n", db.LogicalFlows, agent, name,
					float64(last.fromSB)/1000, middle(wall).Seconds(), middle(cpu).Seconds(), last.flowMods)
			}
		}
	}
	return b.String()
}

// restarts starts an agent again in each way there is.
func restarts(t integration.T, db workload.Database, kind integration.AgentKind, o options, report func(string, restarted)) []string {
	c, ch := stageOn(t, db, kind, true)
	prepare(t, kind)
	wire := ch.TapWire()
	ch.StartAgent()
	up(t, c, ch, db, o.timeout)
	once := func(name string) string {
		before := wire.Counts()
		began := time.Now()
		ch.StartAgent()
		if err := c.WaitSettled(ch, o.timeout); err != nil {
			t.Fatalf("does not settle after a restart: %v\n%s", err, ch.Agent.Tail(20))
		}
		r := restarted{wall: time.Since(began)}
		after := wire.Counts()
		r.fromSB, r.flowMods = after.FromSB-before.FromSB, after.FlowMods-before.FlowMods
		usage, err := ch.Agent.Usage()
		if err != nil {
			t.Fatalf("%v", err)
		}
		r.cpu = usage.CPU
		report(name, r)
		return name
	}
	if kind == integration.Reference {
		ch.Agent.Exit(true)
		return []string{once("restart")}
	}
	ch.Agent.Exit(true)
	if err := os.Remove(filepath.Join(ch.Dir(), "ovn-controller.snapshot")); err != nil {
		t.Fatalf("%v", err)
	}
	names := []string{once("no snapshot")}
	ch.Agent.Exit(true)
	names = append(names, once("snapshot"))
	ch.Agent.Exit(true)
	for n := range 110 {
		if err := c.TransactSouthbound(map[string]any{"op": "update", "table": "SB_Global", "where": []any{},
			"row": map[string]any{"external_ids": []any{"map", [][]string{{"n", fmt.Sprint(n)}}}}}); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return append(names, once("snapshot, 110 transactions later"))
}

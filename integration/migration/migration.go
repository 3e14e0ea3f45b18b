// Command migration measures what a guest that moves costs those who talk to it:
// packets lost at one packet every 10 ms, with the C ovn-controller and with ours,
// in one run, on real switches and real packets.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

func main() {
	repeat := flag.Int("n", 5, "round trips of each kind")
	agents := flag.String("agents", "reference,ours", "agents to run")
	only := flag.String("run", "", "only the moves whose name contains this")
	switches := flag.Int("switches", 0, "other switches on the guest's router")
	flag.DurationVar(&interval, "interval", interval, "between two packets")
	flag.Parse()
	lost := map[string]map[string][]int{}
	err := integration.Run("migration", os.Stderr, func(t integration.T) {
		for _, agent := range strings.Split(*agents, ",") {
			kind := integration.Ours
			if agent == "reference" {
				kind = integration.Reference
			}
			lost[agent] = map[string][]int{}
			if err := integration.Run(agent, os.Stderr, func(t integration.T) {
				w := newWorld(t, integration.Options{Agent: kind, NoVerify: true}, *switches)
				for _, m := range moves {
					if !strings.Contains(m.name, *only) {
						continue
					}
					for i := range 2 * *repeat {
						loss := w.lose(m, w.hv[i%2], w.hv[(i+1)%2])
						t.Logf("%-20s %s: %v", m.name, agent, loss)
						lost[agent][m.name] = append(lost[agent][m.name], loss.Lost)
					}
				}
			}); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
	integration.Sweep()
	for _, m := range moves {
		for _, agent := range strings.Split(*agents, ",") {
			list := lost[agent][m.name]
			slices.Sort(list)
			if len(list) > 0 {
				fmt.Printf("%-20s %-10s median %d max %d %v\n", m.name, agent, list[len(list)/2], list[len(list)-1], list)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "migration:", err)
		os.Exit(1)
	}
}

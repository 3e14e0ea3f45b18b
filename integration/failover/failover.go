// Command failover measures what the loss of a gateway costs those who talk to the
// world outside by way of it: ovs-vswitchd of the active gateway of three chassis is
// killed and later started again while a guest on the third pings an external host,
// with the C ovn-controller and with ours in turn, on real switches and real packets.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

func main() {
	repeat := flag.Int("n", 5, "failures of each agent's gateway")
	agents := flag.String("agents", "reference,ours", "agents to run")
	bfd := flag.Duration("bfd", 200*time.Millisecond, "between two BFD packets, three of which may be lost; 0 for the default of Open vSwitch, a second")
	inbound := flag.Bool("inbound", false, "the external host pings the guest")
	keep := flag.Bool("logs", false, "print what the agents logged while a gateway failed")
	flag.Parse()
	results := map[string]map[string][]outcome{}
	names := strings.Split(*agents, ",")
	err := integration.Run("failover", os.Stderr, func(t integration.T) {
		// All of them stand by while one is measured: each meets the same machine.
		worlds := map[string]*world{}
		for _, name := range names {
			kind := integration.Ours
			if name == "reference" {
				kind = integration.Reference
			}
			worlds[name] = newWorld(t, integration.Options{Agent: kind, NoVerify: true}, *bfd, 3)
			if *inbound {
				worlds[name].fromOutside()
			}
			results[name] = map[string][]outcome{}
		}
		for i := range *repeat {
			for j := range names {
				name := names[(i+j)%len(names)]
				w := worlds[name]
				for _, e := range events {
					o := w.measure(e)
					t.Logf("%-10s %-7s %v, taken over after %v", name, e.name, o.Loss, o.taken.Round(time.Millisecond))
					results[name][e.name] = append(results[name][e.name], o)
					if *keep {
						w.printLogs(os.Stderr, e.name)
					}
				}
			}
		}
	})
	integration.Sweep()
	for _, e := range events {
		fmt.Printf("%s: %s\n", e.name, e.about)
		for _, name := range names {
			if list := results[name][e.name]; len(list) > 0 {
				print(name, list)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
		os.Exit(1)
	}
}

// print prints a line of the table: medians and maxima.
func print(agent string, list []outcome) {
	ms := func(d time.Duration) int { return int(d.Milliseconds()) }
	column := func(value func(outcome) int) (median, most int, all []int) {
		for _, o := range list {
			all = append(all, value(o))
		}
		slices.Sort(all)
		return all[len(all)/2], all[len(all)-1], all
	}
	silence, silenceMax, all := column(func(o outcome) int { return ms(o.Silence) })
	lost, lostMax, _ := column(func(o outcome) int { return o.Lost })
	taken, takenMax, _ := column(func(o outcome) int { return ms(o.taken) })
	fmt.Printf("  %-10s without traffic: median %d ms max %d ms %v; lost: median %d max %d; taken over after: median %d ms max %d ms\n",
		agent, silence, silenceMax, all, lost, lostMax, taken, takenMax)
}

package loop

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

var errEnding = errors.New("the daemon is ending")

// RegisterCommands offers the agent's commands on a control socket,
// ovn-controller(8) "Runtime Management Commands".
func (l *Loop) RegisterCommands(s *unixctl.Server) {
	// onLoop registers a command that runs on the loop's goroutine.
	onLoop := func(name, usage string, lo, hi int, run func(args []string) (string, error)) {
		s.Register(name, usage, lo, hi, func(req *unixctl.Request) (text string, err error) {
			if !l.Do(req.Context, func() { text, err = run(req.Args) }) {
				return "", errEnding
			}
			return text, err
		})
	}
	s.Register("exit", "[--restart]", 0, 1, l.exitCommand)
	onLoop("connection-status", "", 0, 0, func([]string) (string, error) {
		if l.sbSide.connected {
			return "connected\n", nil
		}
		return "not connected\n", nil
	})
	s.Register("group-table-list", "", 0, 0, func(*unixctl.Request) (string, error) { return named(l.writer.Groups()), nil })
	s.Register("meter-table-list", "", 0, 0, func(*unixctl.Request) (string, error) { return named(l.writer.Meters()), nil })
	onLoop("ct-zone-list", "", 0, 0, func([]string) (string, error) { return l.zones.List(), nil })
	onLoop("sb-cluster-state-reset", "", 0, 0, func([]string) (string, error) {
		l.log.Info("Resetting southbound database cluster state")
		l.sbSide.session.ResetClusterState()
		return "", nil
	})
	recompute := func([]string) (string, error) { l.recompute(); return "", nil }
	onLoop("recompute", "[deprecated]", 0, 0, recompute)
	onLoop("inc-engine/recompute", "", 0, 0, recompute)
	onLoop("lflow-cache/flush", "", 0, 0, recompute)
	onLoop("flush-lflow-cache", "[deprecated]", 0, 0, recompute)
	onLoop("lflow-cache/show-stats", "", 0, 0, func([]string) (string, error) { return "Enabled: false\n", nil })
	onLoop("inc-engine/show-stats", "[engine_node_name] [counter_name]", 0, 2, l.engineStats)
	onLoop("inc-engine/clear-stats", "", 0, 0, func([]string) (string, error) { l.clearEngineStats(); return "", nil })
	onLoop("inc-engine/compute-log-timeout", "<msecs>", 1, 1, func(a []string) (string, error) {
		if _, err := strconv.ParseUint(a[0], 10, 32); err != nil {
			return "", errors.New("unsigned integer required")
		}
		return "", nil
	})
	onLoop("inc-engine/list-stopwatches", "[engine_node_name]", 0, 1, func([]string) (string, error) {
		return strings.Join(l.opts.Stats.StopwatchNames(), "\n"), nil
	})
	onLoop("inject-pkt", "MICROFLOW", 1, 1, l.inject)
	l.registerDebug(onLoop)
	l.registerLists(s)
	l.registerInspection(s)
	l.registerPacketStats(s)
}

func (l *Loop) registerDebug(onLoop func(name, usage string, lo, hi int, run func([]string) (string, error))) {
	onLoop("debug/pause", "", 0, 0, func([]string) (string, error) {
		l.log.Info("User triggered execution pause.")
		l.paused = true
		return "", nil
	})
	onLoop("debug/resume", "", 0, 0, func([]string) (string, error) {
		l.log.Info("User triggered execution resume.")
		l.paused = false
		return "", nil
	})
	onLoop("debug/status", "", 0, 0, func([]string) (string, error) {
		if l.paused {
			return "paused\n", nil
		}
		return "running\n", nil
	})
	onLoop("debug/delay-nb-cfg-report", "SECONDS", 1, 1, func(a []string) (string, error) {
		n, err := strconv.ParseUint(a[0], 10, 16)
		if err != nil {
			return "", errors.New("unsigned integer required")
		}
		l.nbcfg.Delay = time.Duration(n) * time.Second
		if n == 0 {
			return "no delay for nb_cfg report.", nil
		}
		return fmt.Sprintf("delay nb_cfg report for %d seconds.", n), nil
	})
	dump := func(name string, text func() string) {
		onLoop("debug/"+name, "", 0, 0, func([]string) (string, error) { return text(), nil })
	}
	dump("dump-local-bindings", l.binding.DumpBindings)
	dump("dump-local-datapaths", l.binding.DumpDatapaths)
	dump("dump-related-ports", l.binding.DumpRelated)
	dump("dump-peer-ports", l.binding.DumpPeers)
	dump("dump-local-template-vars", l.dumpTemplates)
	dump("dump-mac-bindings", l.dumpMACBindings)
	onLoop("debug/enable-timewarp", "", 0, 0, func([]string) (string, error) {
		onLoop("time/stop", "", 0, 0, func([]string) (string, error) { l.clock.stop(); return "", nil })
		onLoop("time/warp", "[large_msecs] msecs", 1, 2, func(a []string) (string, error) {
			ms, err := strconv.ParseUint(a[0], 10, 31)
			if err != nil || ms == 0 {
				return "", errors.New("invalid MSECS")
			}
			l.clock.warp(time.Duration(ms) * time.Millisecond)
			return "warped", nil
		})
		return "", nil
	})
}

// exitCommand answers when the clean-up is done; all clients that asked are
// answered together.
func (l *Loop) exitCommand(req *unixctl.Request) (string, error) {
	restart := len(req.Args) == 1 && req.Args[0] == "--restart"
	if !l.Do(req.Context, func() { l.askExit(restart) }) {
		return "", nil
	}
	<-l.done
	return "", nil
}

// recompute has everything looked at and translated again.
func (l *Loop) recompute() {
	l.log.Info("User triggered force recompute.")
	l.stats.recomputes.Inc()
	l.due = allDuties
	l.stale = true
	l.fed.scope, l.fed.allZones = true, true
	l.writer.RetryRefused()
	if l.running {
		l.recomputeAfter = true
		return
	}
	l.tr.Recompute()
}

func named(list []ofbundle.NamedID) string {
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, "%s: %d\n", n.Name, n.ID)
	}
	return b.String()
}

// engineStats answers in the C agent's form: a block per node, of which this
// agent's translation has one.
func (l *Loop) engineStats(args []string) (string, error) {
	values := map[string]uint64{
		"recompute": l.stats.recomputes.Total() - l.cleared.recomputes,
		"compute":   l.stats.runs.Total() - l.cleared.runs,
		"cancel":    0,
	}
	const node = "flow_output"
	if len(args) > 0 && args[0] != node && args[0] != "lflow_output" {
		//lint:ignore ST1005 wording of the C agent
		return "", errors.New("Invalid engine node name")
	}
	if len(args) == 2 {
		v, ok := values[args[1]]
		if !ok {
			//lint:ignore ST1005 wording of the C agent
			return "", errors.New("Invalid counter name")
		}
		return fmt.Sprintf("%d\n", v), nil
	}
	return fmt.Sprintf("Node: %s\n- recompute: %12d\n- compute:   %12d\n- cancel:    %12d\n",
		node, values["recompute"], values["compute"], values["cancel"]), nil
}

type clearedStats struct{ recomputes, runs uint64 }

func (l *Loop) clearEngineStats() {
	l.cleared = clearedStats{l.stats.recomputes.Total(), l.stats.runs.Total()}
}

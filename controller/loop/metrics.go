package loop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/metrics"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// scrapePatience is how long a scrape waits for the loop, and for the switch.
const scrapePatience = time.Second

// WriteMetrics writes all figures of the agent. It may be called from any
// goroutine.
func (l *Loop) WriteMetrics(w metrics.Writer) {
	w.Gauge("build_info", "1; the release of OVN that the agent stands in for.", 1, "ovn", CompatibleVersion, "schema", CompatibleSchema)
	l.writeLoop(w)
	l.writeSwitch(w)
	writePackets(w, l.packets.loop.Stats(), l.packets.loop.ReplyStats(), l.packets.loop.Drops())
	if c, err := l.switchDrops(); err == nil {
		for _, d := range c {
			w.Counter("switch_packet_in_dropped_total", "Packet-ins that the switch itself dropped, on all its bridges, by where there was no room.",
				float64(d.packets), "where", d.where)
		}
	}
	for name, n := range l.opts.Stats.Totals() {
		w.Counter("events_total", "Events as coverage/show counts them.", float64(n), "event", name)
	}
}

// writeLoop writes what belongs to the loop's goroutine, if it has time.
func (l *Loop) writeLoop(w metrics.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	var sb, local, settled bool
	var acked, asked uint64
	ok := l.Do(ctx, func() {
		sb, local, settled = l.sbSide.connected, l.local.connected, l.settledOnce
		asked, acked = l.seq, l.acked
	})
	w.Bool("loop_responding", "Whether the main loop answered within a second.", ok)
	if ok {
		const help = "Whether the session with the database is up."
		w.Bool("database_connected", help, sb, "database", "southbound")
		w.Bool("database_connected", help, local, "database", "local")
		w.Bool("southbound_complete", "Whether the southbound contents were complete once.", settled)
		w.Gauge("translations_outstanding", "Translations begun and not yet acknowledged by the switch.", float64(asked-acked))
	}
	n, sum := l.stats.round.Total()
	w.Counter("rounds_total", "Rounds of the main loop.", float64(n))
	w.Counter("round_seconds_total", "Time spent in rounds of the main loop.", sum.Seconds())
	w.Counter("translations_total", "Runs of the translation.", float64(l.stats.runs.Total()))
	_, sum = l.stats.translation.Total()
	w.Counter("translation_seconds_total", "Time spent in the translation.", sum.Seconds())
	w.Counter("units_built_total", "Units that the translation built.", float64(l.stats.built.Total()))
	w.Counter("recomputes_total", "Translations from scratch that were asked for.", float64(l.stats.recomputes.Total()))
	w.Counter("translation_errors_total", "Rows that could not be translated.", float64(l.stats.rowErrors.Total()))
	w.Counter("transactions_total", "Rounds that sent a transaction.", float64(l.stats.transactions.Total()))
	const failed = "Transactions that failed; a conflict is evaluated again."
	w.Counter("transactions_failed_total", failed, float64(l.stats.conflicts.Total()), "reason", "conflict")
	w.Counter("transactions_failed_total", failed, float64(l.stats.failures.Total()), "reason", "error")
}

func (l *Loop) writeSwitch(w metrics.Writer) {
	s := l.writer.Stats()
	const flows = "OpenFlow flows now, by state."
	w.Gauge("flows", flows, float64(s.Desired), "state", "desired")
	w.Gauge("flows", flows, float64(s.Installed), "state", "installed")
	w.Gauge("flows", flows, float64(s.SetAside), "state", "refused")
	const bundles = "Bundles by result; a discarded one held a message that the switch refused."
	w.Counter("bundles_total", bundles, float64(s.Bundles), "result", "committed")
	w.Counter("bundles_total", bundles, float64(s.BundlesDiscarded), "result", "discarded")
	w.Counter("switch_refused_total", "Messages that the switch refused.", float64(s.Refused))
	w.Counter("switch_connects_total", "Connections to the switch that came up.", float64(s.Connects))
	const mods = "Changes sent to the switch."
	for _, m := range []struct {
		kind string
		n    uint64
	}{{"flow-add", s.FlowAdds}, {"flow-modify", s.FlowModifies}, {"flow-delete", s.FlowDeletes}, {"group-add", s.GroupAdds},
		{"group-delete", s.GroupDeletes}, {"meter", s.MeterMods}, {"zone-flush", s.ZoneFlushes}} {
		w.Counter("switch_changes_total", mods, float64(m.n), "kind", m.kind)
	}
	const drift = "What others changed on the bridge and was repaired."
	w.Counter("drift_repaired_total", drift, float64(s.DriftFlows), "kind", "flow")
	w.Counter("drift_repaired_total", drift, float64(s.DriftGroups), "kind", "group")
	w.Counter("drift_repaired_total", drift, float64(s.DriftMeters), "kind", "meter")
}

func writePackets(w metrics.Writer, s pinctrl.Stats, r pinctrl.ReplyStats, drops []pinctrl.Drop) {
	w.Bool("packet_in_connected", "Whether the packet-in connection to the switch is up.", s.Connected)
	for action, n := range s.Received {
		w.Counter("packet_in_received_total", "Packet-ins by logical action.", float64(n), "action", action)
		w.Counter("packet_in_answered_total", "Packet-ins that were answered.", float64(r.Answered[action]), "action", action)
		w.Counter("packet_in_passed_total", "Packet-ins that went on as they were.", float64(r.Passed[action]), "action", action)
	}
	for _, d := range drops {
		w.Counter("packet_in_dropped_total", "Packet-ins that came to nothing.", float64(d.Packets), "action", d.Action, "reason", d.Reason)
	}
	w.Counter("packet_in_panics_total", "Panics that were contained.", float64(s.Panics))
	w.Counter("packet_in_malformed_total", "Messages of the switch that could not be decoded.", float64(s.Malformed))
	w.Counter("packet_in_refused_total", "Answers that the switch refused.", float64(s.Refused))
	w.Gauge("packet_in_queue_bytes", "Memory of packet-ins that wait.", float64(s.QueuedBytes))
	w.Gauge("packet_in_queue_ports", "Ports that packet-ins wait from.", float64(s.QueuedPorts))
	w.Counter("packet_in_queue_overflows_total", "Messages that found no room in the queue.", float64(s.Overflowed))
	w.Durations("packet_in_queue_seconds", "Time that packet-ins waited.", pinctrl.WaitBounds[:], s.Waits[:], s.Waited)
	for _, e := range []struct {
		name string
		n    uint64
	}{
		{"packet-buffered", s.Buffered}, {"buffered-packet-dropped", s.BufferDropped}, {"address-learned", s.Learned},
		{"address-not-learned", s.LearnDropped}, {"address-bridged", s.Bridged}, {"request-sent", s.Requests},
		{"request-withheld", s.RequestsWithheld}, {"announced", s.Announced}, {"solicited", s.Solicited},
		{"advertised", s.Advertised}, {"queried", s.Queries}, {"line-logged", r.Logged}, {"abandoned", s.Abandoned},
	} {
		w.Counter("packet_in_events_total", "What the packet-in loop did.", float64(e.n), "event", e.name)
	}
}

// switchDrop is how many packet-ins the switch dropped for lack of room.
type switchDrop struct {
	where   string
	packets uint64
}

// switchDrops asks the switch on its control socket what OpenFlow cannot tell: how
// many packets never reached a connection.
func (l *Loop) switchDrops() ([]switchDrop, error) {
	socket, err := switchControl(l.opts.OVSRunDir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	var all []switchDrop
	for _, c := range []struct{ counter, where string }{
		{"packet_in_overflow", "bridge"}, {"rconn_overflow", "connection"},
	} {
		text, err := unixctl.Call(ctx, socket, "coverage/read-counter", c.counter)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.counter, err)
		}
		all = append(all, switchDrop{c.where, n})
	}
	return all, nil
}

// switchControl is the control socket of ovs-vswitchd: named after its pid file, or,
// where it was given another name, after the program.
func switchControl(runDir string) (string, error) {
	const name = "ovs-vswitchd"
	socket, err := unixctl.FindSocket(runDir, name)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(socket); err != nil {
		socket = filepath.Join(runDir, name+".ctl")
	}
	return socket, nil
}

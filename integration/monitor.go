package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FlowMonitor is an ovs-ofctl that watches every change of br-int's flows.
type FlowMonitor struct {
	*Process
	t T
}

// Monitor starts watching. The flows present at the start are not reported.
func (ch *Chassis) Monitor() *FlowMonitor {
	ch.t.Helper()
	ch.monitors++
	log := filepath.Join(ch.dir, fmt.Sprintf("monitor-%d.log", ch.monitors))
	// OpenFlow 1.0 is what Nicira's flow monitor belongs to; it sees the changes
	// of every version.
	p := ch.ns.start(ch.t, "flow monitor of "+ch.Name, log, command{
		stack: ch.c.opt.Switch, path: "ovs-ofctl", env: runEnv(ch.dir),
		args: []string{"--no-names", "monitor", "br-int", "watch:!initial"}})
	m := &FlowMonitor{Process: p, t: ch.t}
	// It works from when it reports a flow made for the purpose. Its removal is
	// reported too, so that what follows is the watched only.
	const probe = "table=251"
	WaitFor(ch.t, 10*time.Second, "flow monitor", func() error {
		ch.OFCtl("add-flow", "br-int", probe+",actions=drop")
		ch.OFCtl("del-flows", "br-int", probe)
		return m.reported("event=DELETED", probe)
	})
	return m
}

func (m *FlowMonitor) reported(parts ...string) error {
	for _, line := range m.lines() {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return nil
		}
	}
	return fmt.Errorf("no line with %q", parts)
}

func (m *FlowMonitor) lines() []string {
	text, _ := os.ReadFile(m.Log)
	return strings.Split(string(text), "\n")
}

// WaitFor waits until a line contains mark, and returns the events before it
// without the monitor's own.
func (m *FlowMonitor) WaitFor(mark string) []string {
	m.t.Helper()
	WaitFor(m.t, 10*time.Second, "event "+mark, func() error { return m.reported(mark) })
	var before []string
	for _, line := range m.lines() {
		if strings.Contains(line, mark) {
			break
		}
		if strings.Contains(line, "event=") && !strings.Contains(line, "table=251") {
			before = append(before, line)
		}
	}
	return before
}

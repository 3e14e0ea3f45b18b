package vifplug

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
)

func TestRequests(t *testing.T) {
	w := replicatest.New(t)
	d := &Duty{}
	run := func(lines string, want ...string) {
		t.Helper()
		for line := range strings.SplitSeq(lines, "\n") {
			if !w.Do(line) {
				t.Fatalf("unknown line %q", line)
			}
		}
		var log strings.Builder
		d.Run(w.SB, w.ID("chassis", "hv1"), w.SBChanges, slog.New(slog.NewTextHandler(&log, nil)))
		w.Reset()
		if n := strings.Count(log.String(), "Unable to open VIF plug provider"); n != len(want) {
			t.Errorf("after %q: %d lines, want %d:\n%s", lines, n, len(want), log.String())
		}
		for _, s := range want {
			if !strings.Contains(log.String(), s) {
				t.Errorf("after %q: no %q in\n%s", lines, s, log.String())
			}
		}
	}
	run("chassis hv1\nchassis hv2\nport p1 requested=hv1 opt:vif-plug-type=representor\nport p2 requested=hv2 opt:vif-plug-type=representor\nport p3 requested=hv1",
		"vif-plug-type: 'representor' lport p1")
	run("port p1 requested=hv1 up=false opt:vif-plug-type=representor")
	run("port p1 requested=hv1 opt:vif-plug-type=dummy", "vif-plug-type: 'dummy' lport p1")
	run("port p2 requested=hv1 opt:vif-plug-type=representor", "lport p2")
	run("del port p1")
	run("port p1 requested=hv1 opt:vif-plug-type=dummy", "lport p1")
	run("port c1 requested=hv1 parent=p1 opt:vif-plug-type=dummy")
}

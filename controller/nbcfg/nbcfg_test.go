package nbcfg

import (
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestReportAfterAcknowledgement(t *testing.T) {
	w := replicatest.New(t)
	w.Do("private hv1")
	w.Do("bridge br-int")
	start := time.UnixMilli(1000)
	d := New(start)
	now := time.UnixMilli(5000)
	run := func(enabled bool) string {
		sb, local := ovsdb.NewTxn(""), ovsdb.NewTxn("")
		d.Run(w.SB.PrivateByName.One("hv1"), w.Local.BridgeByName.One("br-int"), enabled, now, sb, local)
		return w.Print(sb) + w.Print(local)
	}
	if got := run(true); got != "mutate Bridge br-int external_ids delete [ovn-startup-ts] external_ids insert {ovn-startup-ts:1000}\n" {
		t.Errorf("start: %s", got)
	}
	w.Do("bridge br-int ext:ovn-startup-ts=1000")
	if !d.Waiting(7) {
		t.Error("a new value needs no run")
	}
	d.Stamp(3, 7)
	d.Stamp(4, 8)
	if d.Waiting(8) || !d.Waiting(9) {
		t.Error("waiting")
	}
	if got := run(true); got != "" {
		t.Errorf("before the acknowledgement: %s", got)
	}
	d.Acked(3, now)
	want := "update Chassis_Private hv1 nb_cfg=7 nb_cfg_timestamp=5000\n" +
		"mutate Bridge br-int external_ids delete [ovn-nb-cfg ovn-nb-cfg-ts] external_ids insert {ovn-nb-cfg-ts:5000 ovn-nb-cfg:7}\n"
	if got := run(true); got != want {
		t.Errorf("7:\n%s want\n%s", got, want)
	}
	d.Delay = time.Minute
	d.Acked(9, now)
	if got := run(true); got != "" || d.NextTimer(now) != now.Add(time.Minute) {
		t.Errorf("delayed: %s", got)
	}
	now = now.Add(time.Minute)
	if got := run(false); !strings.Contains(got, "ovn-nb-cfg:8") || strings.Contains(got, "Chassis_Private") {
		t.Errorf("8, not for the southbound database:\n%s", got)
	}
	w.Do("private hv1 nb_cfg=8")
	w.Do("bridge br-int ext:ovn-startup-ts=1000 ext:ovn-nb-cfg=8")
	if got := run(true); got != "" {
		t.Errorf("again: %s", got)
	}
	// The counter of a database made anew goes down.
	d.Delay = 0
	d.Stamp(10, 1)
	d.Acked(10, now)
	if got := run(true); !strings.Contains(got, "nb_cfg=1") {
		t.Errorf("down to 1:\n%s", got)
	}
}

package event

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func TestWrite(t *testing.T) {
	db := sbdb.NewDB()
	us := &sbdb.Chassis{UUID: ovsdb.UUID{5}, Name: "hv1"}
	var q Queue
	write := func() string {
		tx := ovsdb.NewTxn("")
		q.Write(db, us, nil) // must keep it
		q.Write(db, us, tx)
		return tx.String()
	}
	e := pinctrl.EmptyLoadBalancer{VIP: "10.0.0.1:80", Protocol: "tcp", LoadBalancer: "lb"}
	row := func(chassis ovsdb.UUID, n byte) {
		u := &sbdb.Update{}
		u.PutControllerEvent(&sbdb.ControllerEvent{UUID: ovsdb.UUID{n}, Chassis: chassis, EventType: emptyLBBackends,
			EventInfo: ovsdb.NewMap("vip", e.VIP, "protocol", e.Protocol, "load_balancer", e.LoadBalancer)})
		db.Apply(u)
	}
	row(ovsdb.UUID{6}, 1) // another chassis'
	q.Put(e)
	q.Put(e)
	for i := range 2 { // the first transaction comes to nothing
		got := write()
		if strings.Count(got, `"insert"`) != 1 {
			t.Errorf("transaction %s", got)
		}
		for _, want := range []string{"empty_lb_backends", "10.0.0.1:80", us.UUID.String(), fmt.Sprintf(`"seq_num":%d`, i+1)} {
			if !strings.Contains(got, want) {
				t.Errorf("transaction %s lacks %q", got, want)
			}
		}
	}
	row(us.UUID, 2)
	if got := write(); strings.Contains(got, "insert") || len(q.waiting) != 0 {
		t.Errorf("what is there is written again: %s", got)
	}
	for i := range 2 * maxQueued {
		q.Put(pinctrl.EmptyLoadBalancer{VIP: fmt.Sprint(i)})
	}
	if len(q.waiting) != maxQueued || q.Dropped() != maxQueued {
		t.Errorf("%d wait, %d dropped", len(q.waiting), q.Dropped())
	}
	for range maxTries + 1 {
		write()
	}
	if len(q.waiting) != 0 {
		t.Error("tried for ever")
	}
}

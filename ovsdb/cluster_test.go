package ovsdb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Clustered servers keep a history: a reconnection brings only what is new, under
// the conditions that were in effect, and new ones come after.
func TestResume(t *testing.T) {
	servers := ovsdbtest.StartCluster(t, ovsdbtest.SouthboundNewest(t), 1)
	srv := servers[0]
	p := ovsdbtest.StartProxy(t, srv.Unix)
	writer := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	writer.connected()
	tx := ovsdb.NewTxn("")
	dp1, ids := insertSwitch(tx, 1, "a1", "a2", "a3")
	dp2, _ := insertSwitch(tx, 2, "b1", "b2")
	// A server keeps no more history than contents.
	for i := range 100 {
		sbdb.InsertAddressSet(tx).SetName(fmt.Sprint("as", i))
	}
	writer.must(tx)

	r := southbound(t, ovsdb.Config{
		Remotes:    []string{p.Remote},
		Conditions: ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp1)}},
	})
	r.connected()
	if st := r.State(); st.Model != "clustered" || !st.Leader || st.ClusterID.IsZero() || st.Resyncs != 1 {
		t.Errorf("state %+v", st)
	}
	tx = ovsdb.NewTxn("")
	sbdb.UpdatePortBinding(tx, ids[0]).SetType("patch")
	writer.must(tx)
	r.until("patch", func() bool { return r.db.PortBinding.Get(ids[0]).Type == "patch" })

	p.Set(ovsdbtest.Faults{CutAfter: 1})
	p.Cut()
	r.until("loss", func() bool { return !r.states[len(r.states)-1].Connected })
	tx = ovsdb.NewTxn("")
	sbdb.UpdatePortBinding(tx, ids[1]).SetType("patch").MutateMACDelete("unknown")
	sbdb.DeletePortBinding(tx, ids[2])
	writer.must(tx)
	seq := r.SetConditions(ovsdb.Conditions{"Port_Binding": {ovsdb.WhereUUID("datapath", dp1), ovsdb.WhereUUID("datapath", dp2)}})
	r.net = new(sbdb.Changes)
	p.Set(ovsdbtest.Faults{})
	r.until("conditions", func() bool { return r.cond == seq })
	if st := r.State(); st.Resyncs != 1 || st.Connections != 2 {
		t.Errorf("everything was sent again: %+v", st)
	}
	if r.db.PortBinding.Len() != 4 || len(r.net.PortBinding) != 4 || len(r.db.PortBinding.Get(ids[1]).MAC) != 1 {
		t.Errorf("%d rows, %d changes", r.db.PortBinding.Len(), len(r.net.PortBinding))
	}

	// A change of conditions that was under way when the connection was lost leaves
	// nothing to resume from.
	p.Set(ovsdbtest.Faults{Stall: true})
	seq = r.SetConditions(nil)
	time.Sleep(50 * time.Millisecond)
	p.Cut()
	p.Set(ovsdbtest.Faults{})
	r.until("conditions", func() bool { return r.cond == seq })
	if st := r.State(); st.Resyncs != 2 {
		t.Errorf("state %+v", st)
	}
}

func TestCluster(t *testing.T) {
	servers := ovsdbtest.StartCluster(t, ovsdbtest.SouthboundNewest(t), 3)
	var remotes []string
	for _, s := range servers {
		remotes = append(remotes, s.Unix)
	}
	all := strings.Join(remotes, ",")
	any := southbound(t, ovsdb.Config{Remotes: []string{all}})
	any.connected()
	leads := southbound(t, ovsdb.Config{Remotes: []string{all}, LeaderOnly: true})
	leads.connected()
	leader := func() *ovsdbtest.Server {
		for range 1000 {
			for _, s := range servers {
				if s.Running() && s.Leader() {
					return s
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("no leader")
		return nil
	}
	first := leader()
	if st := leads.State(); st.Remote != first.Unix || !st.Leader {
		t.Errorf("state %+v", st)
	}
	write := func(i int) {
		t.Helper()
		// While the cluster elects, transactions fail: what was intended is looked at
		// again and tried again.
		for try := 0; ; try++ {
			tx := ovsdb.NewTxn("")
			sbdb.InsertAddressSet(tx).SetName(fmt.Sprint("as", i))
			res := leads.transact(tx)
			if res.Err == nil || ovsdb.IsKind(res.Err, ovsdb.Constraint) {
				return
			}
			if !ovsdb.Retriable(res.Err) || try > 200 {
				t.Fatal(res.Err)
			}
			leads.until("a moment", func() bool { return true })
			time.Sleep(20 * time.Millisecond)
		}
	}
	for i := range 5 {
		write(i)
	}
	any.until("rows", func() bool { return any.db.AddressSet.Len() == 5 })
	n := leads.State().Connections
	first.Stop()
	leads.until("a new leader", func() bool { st := leads.State(); return st.Connected && st.Connections > n })
	if st := leads.State(); st.Remote == first.Unix || st.Remote != leader().Unix {
		t.Errorf("state %+v", st)
	}
	if st := leads.State(); st.Resyncs != 1 {
		t.Errorf("another member of the cluster sent everything again: %+v", st)
	}
	write(5)
	leads.until("row", func() bool { return leads.db.AddressSet.Len() == 6 })
	any.until("row", func() bool { return any.db.AddressSet.Len() == 6 })

	// A cluster without a majority is not where to be.
	second := leader()
	second.Stop()
	any.until("loss of the cluster", func() bool { return !any.State().Connected })
	if any.db.AddressSet.Len() != 6 {
		t.Error("losing the cluster lost rows")
	}
	first.Run()
	any.until("return of the cluster", func() bool { return any.State().Connected })
}

// A member that is behind what was seen before is refused until told otherwise.
func TestStaleMember(t *testing.T) {
	srv := ovsdbtest.StartCluster(t, ovsdbtest.SouthboundNewest(t), 1)[0]
	srv.Stop()
	srv.Save()
	srv.Run()
	r := southbound(t, ovsdb.Config{Remotes: []string{srv.Unix}})
	r.connected()
	for i := range 5 {
		tx := ovsdb.NewTxn("")
		sbdb.InsertAddressSet(tx).SetName(fmt.Sprint("as", i))
		r.must(tx)
	}
	r.until("rows", func() bool { return r.db.AddressSet.Len() == 5 })
	srv.Stop()
	srv.Restore()
	srv.Run()
	r.until("refusal", func() bool { return strings.Contains(fmt.Sprint(r.State().Error), "behind") })
	if r.db.AddressSet.Len() != 5 {
		t.Error("rows are gone")
	}
	r.ResetClusterState()
	r.until("acceptance", func() bool { return r.State().Connected && r.db.AddressSet.Len() == 0 })
}

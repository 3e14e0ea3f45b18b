package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// change is one kind of small change of the southbound database.
type change struct {
	name string
	// find picks the rows to change in a database; false if it has none.
	find func(*sbdb.DB) (step, bool)
}

// step adds the n-th change to a transaction; every second one takes back the one
// before.
type step func(tx *ovsdb.Txn, n int)

// changes are measured one after the other on an agent at rest.
var changes = []change{
	{"an address more or less in the largest set", func(db *sbdb.DB) (step, bool) {
		var best *sbdb.AddressSet
		for s := range db.AddressSet.All() {
			if best == nil || len(s.Addresses) > len(best.Addresses) {
				best = s
			}
		}
		return func(tx *ovsdb.Txn, n int) {
			a := []string{fmt.Sprintf("10.254.%d.1", n/2%250)}
			if w := sbdb.UpdateAddressSet(tx, best.UUID); n%2 == 0 {
				w.MutateAddressesInsert(a...)
			} else {
				w.MutateAddressesDelete(a...)
			}
		}, best != nil
	}},
	{"one ACL's logical flow changed", func(db *sbdb.DB) (step, bool) {
		return priority(largest(db, func(f *sbdb.LogicalFlow) int {
			if !strings.Contains(f.Match, "$") {
				return -1
			}
			return int(f.UUID[0])
		}))
	}},
	{"a logical flow of the largest datapath group changed", func(db *sbdb.DB) (step, bool) {
		return priority(largest(db, func(f *sbdb.LogicalFlow) int {
			g := db.LogicalDPGroup.Get(f.LogicalDPGroup)
			if g == nil || strings.ContainsAny(f.Match, "$@") {
				return -1
			}
			return len(g.Datapaths)
		}))
	}},
	{"a pod elsewhere moves to another chassis", func(db *sbdb.DB) (step, bool) {
		var chassis []ovsdb.UUID
		for c := range db.Chassis.All() {
			if c.Name != workload.LocalChassis {
				chassis = append(chassis, c.UUID)
			}
		}
		slices.SortFunc(chassis, ovsdb.UUID.Compare)
		var pod *sbdb.PortBinding
		for p := range db.PortBinding.All() {
			if p.Type == "" && slices.Contains(chassis, p.Chassis) && (pod == nil || p.LogicalPort < pod.LogicalPort) {
				pod = p
			}
		}
		return func(tx *ovsdb.Txn, n int) {
			sbdb.UpdatePortBinding(tx, pod.UUID).SetChassis(chassis[n%2])
		}, pod != nil && len(chassis) > 1
	}},
	{"a MAC address learned or forgotten", func(db *sbdb.DB) (step, bool) {
		var port *sbdb.PortBinding
		for p := range db.PortBinding.All() {
			if (p.Type == "patch" || p.Type == "l3gateway") && strings.HasPrefix(p.LogicalPort, "rto") && (port == nil || p.LogicalPort < port.LogicalPort) {
				port = p
			}
		}
		var last ovsdb.UUID
		return func(tx *ovsdb.Txn, n int) {
			if n%2 == 1 {
				sbdb.DeleteMACBinding(tx, last)
				return
			}
			last = sbdb.InsertMACBinding(tx).SetLogicalPort(port.LogicalPort).SetDatapath(port.Datapath).
				SetIP(fmt.Sprintf("10.253.0.%d", n/2%250)).SetMAC("02:00:00:00:00:01").UUID()
		}, port != nil
	}},
}

// largest is the logical flow with the highest weight, nil if none has one that is
// not negative; of equals the one with the lowest UUID.
func largest(db *sbdb.DB, weight func(*sbdb.LogicalFlow) int) *sbdb.LogicalFlow {
	var best *sbdb.LogicalFlow
	top := -1
	for f := range db.LogicalFlow.All() {
		w := weight(f)
		if w > top || w == top && best != nil && f.UUID.Compare(best.UUID) < 0 {
			best, top = f, w
		}
	}
	return best
}

// priority raises and lowers the priority of a logical flow.
func priority(f *sbdb.LogicalFlow) (step, bool) {
	if f == nil {
		return nil, false
	}
	return func(tx *ovsdb.Txn, n int) {
		sbdb.UpdateLogicalFlow(tx, f.UUID).SetPriority(f.Priority + int64(1-n%2))
	}, true
}

// latency is what one kind of change took.
type latency struct {
	p50, p99, cpu time.Duration
}

// client is a session with the southbound database, to change rows and see the
// agent's acknowledgement.
type client struct {
	t       integration.T
	db      *sbdb.DB
	session *ovsdb.Session[sbdb.Update]
}

func newClient(t integration.T, remote string) (*client, func()) {
	c := &client{t: t, db: sbdb.NewDB()}
	c.session = ovsdb.NewSession(sbdb.Model(), ovsdb.Config{
		Remotes: []string{remote}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Tables: map[string][]string{
			sbdb.TableAddressSet: nil, sbdb.TableLogicalFlow: {"match", "priority", "logical_dp_group", "logical_datapath"},
			sbdb.TableLogicalDPGroup: nil, sbdb.TablePortBinding: {"logical_port", "type", "chassis", "datapath"},
			sbdb.TableChassis: {"name"}, sbdb.TableSBGlobal: {"nb_cfg"}, sbdb.TableChassisPrivate: {"name", "nb_cfg"},
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.session.Run(ctx) }()
	c.until(func() bool { return c.db.SBGlobal.Len() > 0 })
	return c, func() { cancel(); <-done }
}

// until follows the database until ok.
func (c *client) until(ok func() bool) {
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case e := <-c.session.Updates():
			if e.Update != nil {
				c.db.Apply(e.Update)
			}
			if e.Result != nil && e.Result.Err != nil {
				c.t.Fatalf("%v", e.Result.Err)
			}
		case <-deadline:
			c.t.Fatalf("the agent does not acknowledge a change within a minute")
		}
	}
}

// measure makes changes one by one, each with a new nb_cfg, and takes the time
// until the agent says that it is installed.
func (c *client) measure(s step, times int, cpu func() time.Duration) latency {
	var global ovsdb.UUID
	var cfg int64
	for g := range c.db.SBGlobal.All() {
		global, cfg = g.UUID, g.NbCfg
	}
	acked := func() int64 {
		for p := range c.db.ChassisPrivate.All() {
			if p.Name == workload.LocalChassis {
				return p.NbCfg
			}
		}
		return 0
	}
	var took []time.Duration
	const warm = 4
	var before time.Duration
	for n := range times + warm {
		if n == warm {
			before = cpu()
		}
		cfg++
		tx := ovsdb.NewTxn("bench")
		s(tx, n)
		sbdb.UpdateSBGlobal(tx, global).SetNbCfg(cfg)
		began := time.Now()
		c.session.Submit(tx)
		c.until(func() bool { return acked() == cfg })
		if n >= warm {
			took = append(took, time.Since(began))
		}
	}
	used := cpu() - before
	slices.Sort(took)
	rank := func(p float64) time.Duration { return took[min(len(took)-1, int(math.Ceil(p*float64(len(took))))-1)] }
	return latency{p50: rank(0.5), p99: rank(0.99), cpu: used / time.Duration(times)}
}

package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// client changes rows in the southbound and in the chassis' database and sees what
// the agent makes of it.
type client struct {
	t     integration.T
	ch    *integration.Chassis
	sb    *sbdb.DB
	sbTx  *ovsdb.Session[sbdb.Update]
	ovs   *vswitchdb.DB
	ovsTx *ovsdb.Session[vswitchdb.Update]

	flows chan openflow.FlowUpdate // of table 0, while watched

	// made is how long the switch took to make the port of the last change, from
	// the row in its database to the port's number there; zero without a port.
	made time.Duration
}

// patience bounds the wait for one change.
const patience = 2 * time.Minute

func newClient(t integration.T, c *integration.Cluster, ch *integration.Chassis) *client {
	cl := &client{t: t, ch: ch, sb: sbdb.NewDB(), ovs: vswitchdb.NewDB()}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	cl.sbTx = ovsdb.NewSession(sbdb.Model(), ovsdb.Config{
		Remotes: []string{"unix:" + c.SouthboundSocket()}, Logger: quiet,
		Tables: map[string][]string{
			sbdb.TableLogicalFlow:    {"match", "priority", "logical_dp_group", "logical_datapath"},
			sbdb.TableLogicalDPGroup: nil, sbdb.TablePortBinding: {"logical_port", "type", "chassis", "datapath", "up"},
			sbdb.TableChassis: {"name"}, sbdb.TableSBGlobal: {"nb_cfg"}, sbdb.TableChassisPrivate: {"name", "nb_cfg"},
			sbdb.TableAddressSet: {"name"}, sbdb.TableDatapathBinding: {"external_ids"},
		},
	})
	cl.ovsTx = ovsdb.NewSession(vswitchdb.Model(), ovsdb.Config{
		Remotes: []string{"unix:" + ch.DatabaseSocket()}, Logger: quiet,
		Tables: map[string][]string{
			vswitchdb.TableBridge: {"name", "ports"}, vswitchdb.TablePort: {"name", "interfaces"},
			vswitchdb.TableInterface: {"name", "external_ids", "options", "ofport"},
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = cl.sbTx.Run(ctx); done <- struct{}{} }()
	go func() { _ = cl.ovsTx.Run(ctx); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	cl.until(func() bool { return cl.sb.SBGlobal.Len() > 0 && cl.ovs.Bridge.Len() > 0 })
	return cl
}

// until follows the databases until ok.
func (c *client) until(ok func() bool) {
	deadline := time.After(patience)
	for !ok() {
		select {
		case e := <-c.sbTx.Updates():
			if e.Update != nil {
				c.sb.Apply(e.Update)
			}
			c.check(e.Result)
		case e := <-c.ovsTx.Updates():
			if e.Update != nil {
				c.ovs.Apply(e.Update)
			}
			c.check(e.Result)
		case <-deadline:
			c.t.Fatalf("nothing comes of a change within %v\n%s", patience, c.ch.Agent.Tail(20))
		}
	}
}

func (c *client) check(r *ovsdb.Result) {
	if r != nil && r.Err != nil {
		c.t.Fatalf("%v", r.Err)
	}
}

// acknowledged is the nb_cfg that the agent has carried out last.
func (c *client) acknowledged() int64 {
	for p := range c.sb.ChassisPrivate.All() {
		if p.Name == workload.LocalChassis {
			return p.NbCfg
		}
	}
	return 0
}

// change writes what fill adds to a transaction, with a new nb_cfg, and waits until
// the agent acknowledges that.
func (c *client) change(fill func(tx *ovsdb.Txn)) time.Duration {
	var global *sbdb.SBGlobal
	for g := range c.sb.SBGlobal.All() {
		global = g
	}
	cfg := max(global.NbCfg, c.acknowledged()) + 1
	tx := ovsdb.NewTxn("")
	fill(tx)
	sbdb.UpdateSBGlobal(tx, global.UUID).SetNbCfg(cfg)
	began := time.Now()
	c.sbTx.Submit(tx)
	c.until(func() bool { return c.acknowledged() == cfg })
	return time.Since(began)
}

// settle waits until the agent has nothing left to do.
func (c *client) settle() { c.change(func(*ovsdb.Txn) {}) }

// port is the row of a logical port.
func (c *client) port(name string) *sbdb.PortBinding {
	for p := range c.sb.PortBinding.All() {
		if p.LogicalPort == name {
			return p
		}
	}
	c.t.Fatalf("no port %s", name)
	return nil
}

func (c *client) bridge() ovsdb.UUID {
	for b := range c.ovs.Bridge.All() {
		if b.Name == "br-int" {
			return b.UUID
		}
	}
	c.t.Fatalf("no br-int")
	return ovsdb.UUID{}
}

// bind adds an interface for a logical port and waits for the mark that the port's
// flows are installed.
func (c *client) bind(lport string, ofport int64) time.Duration {
	name := "bench-" + lport
	tx := ovsdb.NewTxn("")
	iface := vswitchdb.InsertInterface(tx).SetName(name).SetType("dummy").
		SetExternalIDs(ovsdb.NewMap("iface-id", lport)).SetOfportRequest(ofport).UUID()
	port := vswitchdb.InsertPort(tx).SetName(name).SetInterfaces([]ovsdb.UUID{iface}).UUID()
	vswitchdb.UpdateBridge(tx, c.bridge()).MutatePortsInsert(port)
	began := time.Now()
	c.ovsTx.Submit(tx)
	c.until(func() bool {
		i := c.ovs.Interface.Get(iface)
		if i != nil && c.made == 0 && i.Ofport.Value() > 0 {
			c.made = time.Since(began)
		}
		return i != nil && i.ExternalIDs.Get("ovn-installed") == "true"
	})
	return time.Since(began)
}

// unbind removes the interface and waits until the port is released.
func (c *client) unbind(lport string) time.Duration {
	var port ovsdb.UUID
	for p := range c.ovs.Port.All() {
		if p.Name == "bench-"+lport {
			port = p.UUID
		}
	}
	row := c.port(lport).UUID
	tx := ovsdb.NewTxn("")
	vswitchdb.UpdateBridge(tx, c.bridge()).MutatePortsDelete(port)
	began := time.Now()
	c.ovsTx.Submit(tx)
	c.until(func() bool { return c.sb.PortBinding.Get(row).Chassis == ovsdb.UUID{} })
	return time.Since(began)
}

// watch follows the flows of table 0 on a connection of its own until the returned
// function is called.
func (c *client) watch() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := openflow.Dial(ctx, "unix:"+c.ch.SwitchSocket(), openflow.ConnOptions{})
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	if _, err := conn.Send(&openflow.FlowMonitorRequest{ID: 1, Flags: openflow.MonitorAdd | openflow.MonitorRemoved}); err != nil {
		c.t.Fatalf("%v", err)
	}
	flows := make(chan openflow.FlowUpdate, 1024)
	c.flows = flows
	go func() {
		for {
			_, m, err := conn.Recv(ctx)
			if err != nil {
				return
			}
			if r, ok := m.(*openflow.FlowMonitorReply); ok {
				for _, u := range r.Updates {
					select {
					case flows <- u:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	}()
	return func() { cancel(); conn.Close(); c.flows = nil }
}

// chassis adds a remote chassis, or removes it, and waits for the first flow of its
// tunnel to come or go.
func (c *client) chassis(name, ip string, add bool) time.Duration {
	tx := ovsdb.NewTxn("")
	event := uint16(openflow.UpdateAdded)
	if add {
		encap := sbdb.InsertEncap(tx).SetChassisName(name).SetType("geneve").SetIP(ip).
			SetOptions(ovsdb.NewMap("csum", "true")).UUID()
		sbdb.InsertChassis(tx).SetName(name).SetHostname(name).SetEncaps([]ovsdb.UUID{encap})
	} else {
		event = openflow.UpdateRemoved
		for row := range c.sb.Chassis.All() {
			if row.Name == name {
				sbdb.DeleteChassis(tx, row.UUID)
			}
		}
	}
	var asked time.Time
	began := time.Now()
	c.sbTx.Submit(tx)
	late := time.After(patience)
	for {
		select {
		case e := <-c.ovsTx.Updates():
			if e.Update != nil {
				c.ovs.Apply(e.Update)
			}
			c.check(e.Result)
			if c.made != 0 || !add {
				continue
			}
			for i := range c.ovs.Interface.All() {
				if i.Options.Get("remote_ip") != ip {
					continue
				}
				if asked.IsZero() {
					asked = time.Now()
				}
				if i.Ofport.Value() > 0 {
					c.made = time.Since(asked)
				}
			}
		case u := <-c.flows:
			if u.Event == event && hasInPort(u.Flow.Match) {
				took := time.Since(began)
				c.settle()
				return took
			}
		case <-late:
			c.t.Fatalf("no flow for the tunnel to %s within %v", name, patience)
		}
	}
}

func hasInPort(m openflow.Match) bool {
	_, _, nxm := m.Get(openflow.FieldInPort)
	_, _, oxm := m.Get(openflow.FieldInPortOXM)
	return nxm || oxm
}

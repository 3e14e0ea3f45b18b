// Package explain finds the southbound rows behind a flow and says in words what
// they are: which table, which logical stage, which datapath, and what northd noted
// of the northbound row they come from.
//
// A flow's cookie is the first 32 bits of its row's UUID (ovn-architecture(7)), so
// several rows can be meant. Flows of conjunctions carry no cookie: their rows are
// known to the agent only.
package explain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// UUID makes a row's UUID of a flow's owner.
func UUID(owner [16]byte) ovsdb.UUID { return ovsdb.UUID(owner) }

// Southbound is a copy of the southbound database at one moment.
type Southbound struct{ *sbdb.DB }

// tables are those whose rows yield flows, and those that name them.
func tables() map[string][]string {
	m := map[string][]string{}
	for _, t := range []string{
		sbdb.TableLogicalFlow, sbdb.TableLogicalDPGroup, sbdb.TableDatapathBinding, sbdb.TablePortBinding, sbdb.TableMulticastGroup,
		sbdb.TableMACBinding, sbdb.TableStaticMACBinding, sbdb.TableFDB, sbdb.TableLoadBalancer, sbdb.TableChassis,
		sbdb.TableAddressSet, sbdb.TablePortGroup, sbdb.TableDHCPOptions, sbdb.TableDHCPv6Options, sbdb.TableChassisTemplateVar,
	} {
		m[t] = nil
	}
	return m
}

// Load reads the database once.
func Load(ctx context.Context, remote string, tls ovsdb.TLSFiles) (*Southbound, error) {
	if remote == "" {
		return nil, errors.New("no southbound database is configured: ovn-remote is not set")
	}
	s := &Southbound{sbdb.NewDB()}
	session := ovsdb.NewSession(sbdb.Model(), ovsdb.Config{
		Remotes: []string{remote}, TLS: tls, Tables: tables(), Logger: slog.New(slog.DiscardHandler),
	})
	if err := Once(ctx, session, func(u *sbdb.Update) { s.Apply(u) }); err != nil {
		return nil, fmt.Errorf("southbound database %s: %w", remote, err)
	}
	return s, nil
}

// Once runs a session until it has the contents of its database, hands them to
// apply, and ends it.
func Once[U any](ctx context.Context, session *ovsdb.Session[U], apply func(*U)) error {
	run, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = session.Run(run) }()
	defer func() {
		cancel()
		for {
			select {
			case <-session.Updates():
			case <-ended:
				return
			}
		}
	}()
	for {
		select {
		case e, ok := <-session.Updates():
			if !ok {
				return errors.New("the session has ended")
			}
			if e.Update != nil {
				apply(e.Update)
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("no contents: %w", ctx.Err())
		}
	}
}

// Row is a row in words.
type Row struct {
	Table  string
	UUID   ovsdb.UUID
	Fields []Field
}

// Field is one thing that is said about a row.
type Field struct{ Name, Value string }

func (r *Row) add(name, value string) {
	if value != "" {
		r.Fields = append(r.Fields, Field{name, value})
	}
}

// String is the row on several lines.
func (r Row) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Table, r.UUID)
	for _, f := range r.Fields {
		fmt.Fprintf(&b, "  %-11s %s\n", f.Name, f.Value)
	}
	return b.String()
}

// OneLine is the row on one line.
func (r Row) OneLine() string {
	parts := []string{r.Table + " " + r.UUID.String()}
	for _, f := range r.Fields {
		parts = append(parts, f.Name+": "+f.Value)
	}
	return strings.Join(parts, ", ")
}

// ByCookie lists the rows that flows with a cookie can come from.
func (s *Southbound) ByCookie(cookie uint64) []Row {
	if cookie>>32 != 0 {
		return nil
	}
	return s.find(func(id ovsdb.UUID) bool { return uint64(id.First32()) == cookie })
}

// ByUUID lists the row with a UUID, in whatever table it is.
func (s *Southbound) ByUUID(id ovsdb.UUID) []Row {
	return s.find(func(other ovsdb.UUID) bool { return other == id })
}

func (s *Southbound) find(is func(ovsdb.UUID) bool) []Row {
	var out []Row
	for r := range s.LogicalFlow.All() {
		if is(r.UUID) {
			out = append(out, s.logicalFlow(r))
		}
	}
	for r := range s.PortBinding.All() {
		if is(r.UUID) {
			out = append(out, s.portBinding(r))
		}
	}
	for r := range s.MulticastGroup.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableMulticastGroup, UUID: r.UUID}
			row.add("name", r.Name)
			row.add("datapath", s.datapath(r.Datapath))
			row.add("ports", fmt.Sprint(len(r.Ports)))
			out = append(out, row)
		}
	}
	for r := range s.MACBinding.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableMACBinding, UUID: r.UUID}
			row.add("port", r.LogicalPort)
			row.add("address", r.IP+" is at "+r.MAC)
			row.add("datapath", s.datapath(r.Datapath))
			out = append(out, row)
		}
	}
	for r := range s.StaticMACBinding.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableStaticMACBinding, UUID: r.UUID}
			row.add("port", r.LogicalPort)
			row.add("address", r.IP+" is at "+r.MAC)
			row.add("datapath", s.datapath(r.Datapath))
			out = append(out, row)
		}
	}
	for r := range s.FDB.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableFDB, UUID: r.UUID}
			row.add("address", r.MAC)
			row.add("keys", fmt.Sprintf("datapath %d, port %d", r.DPKey, r.PortKey))
			out = append(out, row)
		}
	}
	for r := range s.LoadBalancer.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableLoadBalancer, UUID: r.UUID}
			row.add("name", r.Name)
			for vip, backends := range r.VIPs.All() {
				row.add("vip", vip+" to "+backends)
			}
			out = append(out, row)
		}
	}
	for r := range s.Chassis.All() {
		if is(r.UUID) {
			row := Row{Table: sbdb.TableChassis, UUID: r.UUID}
			row.add("name", r.Name)
			row.add("hostname", r.Hostname)
			out = append(out, row)
		}
	}
	return out
}

func (s *Southbound) datapath(id ovsdb.UUID) string {
	dp := s.DatapathBinding.Get(id)
	if dp == nil {
		return id.String() + " (no such row)"
	}
	text := fmt.Sprintf("key %d", dp.TunnelKey)
	if name := dp.ExternalIDs.Get("name"); name != "" {
		text = name + " (" + text + ")"
	}
	for _, kind := range []string{"logical-switch", "logical-router"} {
		if nb := dp.ExternalIDs.Get(kind); nb != "" {
			text += ", " + kind + " " + nb
		}
	}
	return text
}

// maxDatapaths is how many datapaths of a group are named.
const maxDatapaths = 8

func (s *Southbound) logicalFlow(r *sbdb.LogicalFlow) Row {
	row := Row{Table: sbdb.TableLogicalFlow, UUID: r.UUID}
	first := pipeline.TableIngress
	if r.Pipeline == sbdb.LogicalFlowPipelineEgress {
		first = pipeline.TableEgress
	}
	stage := fmt.Sprintf("%s table %d, OpenFlow table %d", r.Pipeline, r.TableID, int64(first)+r.TableID)
	if name := r.ExternalIDs.Get("stage-name"); name != "" {
		stage = name + " (" + stage + ")"
	}
	row.add("stage", stage)
	if !r.LogicalDatapath.IsZero() {
		row.add("datapath", s.datapath(r.LogicalDatapath))
	}
	if g := s.LogicalDPGroup.Get(r.LogicalDPGroup); g != nil {
		for i, id := range g.Datapaths {
			if i == maxDatapaths {
				row.add("datapath", fmt.Sprintf("and %d more of group %s", len(g.Datapaths)-i, g.UUID))
				break
			}
			row.add("datapath", s.datapath(id))
		}
	}
	row.add("priority", fmt.Sprint(r.Priority))
	row.add("match", r.Match)
	row.add("actions", r.Actions)
	row.add("meter", r.ControllerMeter.Value())
	row.add("description", r.FlowDesc.Value())
	if hint := r.ExternalIDs.Get("stage-hint"); hint != "" {
		row.add("northbound", "row whose UUID begins with "+hint)
	}
	row.add("made by", r.ExternalIDs.Get("source"))
	for k, v := range r.ExternalIDs.All() {
		if k != "stage-name" && k != "stage-hint" && k != "source" {
			row.add(k, v)
		}
	}
	for k, v := range r.Tags.All() {
		row.add("tag", k+"="+v)
	}
	return row
}

func (s *Southbound) portBinding(r *sbdb.PortBinding) Row {
	row := Row{Table: sbdb.TablePortBinding, UUID: r.UUID}
	kind := r.Type
	if kind == "" {
		kind = "VIF"
	}
	row.add("port", fmt.Sprintf("%s (%s, key %d)", r.LogicalPort, kind, r.TunnelKey))
	row.add("datapath", s.datapath(r.Datapath))
	if c := s.Chassis.Get(r.Chassis); c != nil {
		row.add("bound to", c.Name)
	}
	row.add("addresses", strings.Join(r.MAC, " "))
	row.add("northbound", r.ExternalIDs.Get("neutron:port_name"))
	return row
}

package explain

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func id(table, row byte) ovsdb.UUID { return ovsdb.UUID{0xaa, table, 0, row, 15: row} }

func full[R any](id ovsdb.UUID, row *R) ovsdb.RowUpdate[R] {
	return ovsdb.RowUpdate[R]{ID: id, Kind: ovsdb.RowFull, Row: row}
}

func southbound(t *testing.T) *Southbound {
	t.Helper()
	s := &Southbound{sbdb.NewDB()}
	dp0, dp1 := id(1, 0), id(1, 1)
	u := &sbdb.Update{
		DatapathBinding: []ovsdb.RowUpdate[sbdb.DatapathBinding]{
			full(dp0, &sbdb.DatapathBinding{UUID: dp0, TunnelKey: 5, ExternalIDs: ovsdb.NewMap("name", "sw0", "logical-switch", "nb-uuid")}),
			full(dp1, &sbdb.DatapathBinding{UUID: dp1, TunnelKey: 6, ExternalIDs: ovsdb.NewMap("name", "lr0", "logical-router", "nb-uuid-2")}),
		},
		LogicalDPGroup: []ovsdb.RowUpdate[sbdb.LogicalDPGroup]{
			full(id(2, 0), &sbdb.LogicalDPGroup{UUID: id(2, 0), Datapaths: []ovsdb.UUID{dp0, dp1}}),
		},
		LogicalFlow: []ovsdb.RowUpdate[sbdb.LogicalFlow]{
			full(id(3, 0), &sbdb.LogicalFlow{UUID: id(3, 0), LogicalDatapath: dp0, Pipeline: "ingress", TableID: 9, Priority: 2000,
				Match: "ip4", Actions: "next;", ExternalIDs: ovsdb.NewMap("stage-name", "ls_in_acl_eval", "stage-hint", "12345678", "source", "northd.c:42"),
				Tags: ovsdb.NewMap("acl_ct_translation", "true")}),
			full(id(3, 1), &sbdb.LogicalFlow{UUID: id(3, 1), LogicalDPGroup: id(2, 0), Pipeline: "egress", TableID: 2, Priority: 1, Match: "1", Actions: "drop;"}),
		},
		Chassis: []ovsdb.RowUpdate[sbdb.Chassis]{full(id(4, 0), &sbdb.Chassis{UUID: id(4, 0), Name: "hv1", Hostname: "host1"})},
		PortBinding: []ovsdb.RowUpdate[sbdb.PortBinding]{
			full(id(5, 0), &sbdb.PortBinding{UUID: id(5, 0), LogicalPort: "p1", Datapath: dp0, TunnelKey: 3, Chassis: id(4, 0), MAC: []string{"00:00:00:00:00:01 10.0.0.1"}}),
		},
		MACBinding: []ovsdb.RowUpdate[sbdb.MACBinding]{
			full(id(6, 0), &sbdb.MACBinding{UUID: id(6, 0), LogicalPort: "lrp", IP: "10.0.0.9", MAC: "00:00:00:00:00:09", Datapath: id(9, 9)}),
		},
		LoadBalancer: []ovsdb.RowUpdate[sbdb.LoadBalancer]{
			full(id(7, 0), &sbdb.LoadBalancer{UUID: id(7, 0), Name: "lb0", VIPs: ovsdb.NewMap("1.1.1.1:80", "10.0.0.1:80")}),
		},
	}
	if c := s.Apply(u); len(c.Errors) > 0 {
		t.Fatal(c.Errors)
	}
	return s
}

func TestRows(t *testing.T) {
	s := southbound(t)
	for _, c := range []struct {
		id   ovsdb.UUID
		want []string
	}{
		{id(3, 0), []string{"Logical_Flow aa030000-", "ls_in_acl_eval (ingress table 9, OpenFlow table 17)", "sw0 (key 5), logical-switch nb-uuid",
			"priority    2000", "begins with 12345678", "northd.c:42", "acl_ct_translation=true"}},
		{id(3, 1), []string{"egress table 2, OpenFlow table 50", "sw0 (key 5)", "lr0 (key 6), logical-router nb-uuid-2", "drop;"}},
		{id(5, 0), []string{"Port_Binding", "p1 (VIF, key 3)", "bound to    hv1", "10.0.0.1"}},
		{id(6, 0), []string{"MAC_Binding", "10.0.0.9 is at 00:00:00:00:00:09", "(no such row)"}},
		{id(7, 0), []string{"Load_Balancer", "lb0", "1.1.1.1:80 to 10.0.0.1:80"}},
		{id(4, 0), []string{"Chassis", "hv1", "host1"}},
	} {
		rows := s.ByCookie(uint64(c.id.First32()))
		if len(rows) != 1 || rows[0].UUID != c.id {
			t.Errorf("cookie %#x: %v", c.id.First32(), rows)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(rows[0].String(), w) {
				t.Errorf("no %q in\n%s", w, rows[0])
			}
		}
		if line := rows[0].OneLine(); strings.Contains(line, "\n") || !strings.HasPrefix(line, rows[0].Table+" ") {
			t.Errorf("one line: %q", line)
		}
		if again := s.ByUUID(c.id); len(again) != 1 {
			t.Errorf("%s: %d rows", c.id, len(again))
		}
	}
	if rows := s.ByCookie(0x1234); len(rows) != 0 {
		t.Errorf("unknown cookie: %v", rows)
	}
	if rows := s.ByCookie(1<<32 | uint64(id(3, 0).First32())); len(rows) != 0 {
		t.Errorf("a cookie of more than 32 bits is no row's: %v", rows)
	}
}

func TestLoadNobody(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Load(ctx, "unix:/nowhere", ovsdb.TLSFiles{}); err == nil || !strings.Contains(err.Error(), "southbound database unix:/nowhere") {
		t.Errorf("error %v", err)
	}
	if _, err := Load(ctx, "", ovsdb.TLSFiles{}); err == nil {
		t.Error("no remote, no error")
	}
}

package conditions

import (
	"slices"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

func has(w ovsdb.Where, column, part string) bool {
	return slices.ContainsFunc(w, func(c ovsdb.Condition) bool { return c.Column == column && strings.Contains(c.Value, part) })
}

func TestCompute(t *testing.T) {
	if c := Compute(Inputs{MonitorAll: true}); len(c) != 0 {
		t.Errorf("monitor-all: %v", c)
	}
	early := Compute(Inputs{Interfaces: []string{"p1"}})
	pb := early[sbdb.TablePortBinding]
	for _, want := range [][2]string{{"type", "patch"}, {"type", "l3gateway"}, {"logical_port", "p1"}} {
		if !has(pb, want[0], want[1]) {
			t.Errorf("before the chassis is known: no clause %v in %v", want, pb)
		}
	}
	if _, limited := early[sbdb.TableChassisPrivate]; limited {
		t.Error("Chassis_Private is limited before the chassis is known")
	}
	for _, table := range []string{sbdb.TableLogicalFlow, sbdb.TableMACBinding, sbdb.TableIGMPGroup} {
		if w, ok := early[table]; !ok || len(w) != 0 || w == nil {
			t.Errorf("%s: %v: nothing is needed yet", table, w)
		}
	}
	us := &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}
	dp := ovsdb.NewUUID()
	c := Compute(Inputs{Chassis: us, Datapaths: []Datapath{{dp, 42}}})
	for table, want := range map[string][2]string{
		sbdb.TablePortBinding:          {"requested_chassis", us.UUID.String()},
		sbdb.TableLogicalFlow:          {"logical_datapath", dp.String()},
		sbdb.TableFDB:                  {"dp_key", "42"},
		sbdb.TableDNS:                  {"datapaths", dp.String()},
		sbdb.TableChassisPrivate:       {"name", "hv1"},
		sbdb.TableControllerEvent:      {"chassis", us.UUID.String()},
		sbdb.TableChassisTemplateVar:   {"chassis", "hv1"},
		sbdb.TableAdvertisedRoute:      {"datapath", dp.String()},
		sbdb.TableAdvertisedMACBinding: {"datapath", dp.String()},
		sbdb.TableMulticastGroup:       {"datapath", dp.String()},
	} {
		if !has(c[table], want[0], want[1]) {
			t.Errorf("%s: no clause %v in %v", table, want, c[table])
		}
	}
	if !has(c[sbdb.TablePortBinding], "type", "l3gateway") {
		t.Errorf("gateways: %v", c[sbdb.TablePortBinding])
	}
}

// TestEqualities: the server looks up conditions of the tables with many rows by
// hash, which it does only if all clauses are equalities.
func TestEqualities(t *testing.T) {
	c := Compute(Inputs{Chassis: &sbdb.Chassis{UUID: ovsdb.NewUUID(), Name: "hv1"}, Interfaces: []string{"p1"},
		Datapaths: []Datapath{{ovsdb.NewUUID(), 42}}})
	for _, table := range []string{
		sbdb.TablePortBinding, sbdb.TableLogicalFlow, sbdb.TableMACBinding, sbdb.TableFDB, sbdb.TableMulticastGroup,
	} {
		for _, clause := range c[table] {
			if clause.Function != "==" {
				t.Errorf("%s: %v", table, clause)
			}
		}
	}
	if !has(c[sbdb.TablePortBinding], "parent_port", "p1") {
		t.Errorf("ports inside p1: %v", c[sbdb.TablePortBinding])
	}
}

// TestTables: every table and column named exists in the schema.
func TestTables(t *testing.T) {
	check := func(tables map[string][]string, columns map[string][]string) {
		for table, cols := range tables {
			all, ok := columns[table]
			if !ok {
				t.Errorf("no table %s", table)
			}
			for _, c := range cols {
				if !slices.Contains(all, c) {
					t.Errorf("no column %s in %s", c, table)
				}
			}
		}
	}
	sb, local := map[string][]string{}, map[string][]string{}
	for _, m := range sbdb.Model().Tables {
		sb[m.Name] = m.Columns
	}
	for _, m := range vswitchdb.Model().Tables {
		local[m.Name] = m.Columns
	}
	check(SBTables(), sb)
	check(LocalTables(), local)
	for table, w := range Compute(Inputs{Chassis: &sbdb.Chassis{}, Datapaths: []Datapath{{}}, Interfaces: []string{"x"}}) {
		if _, monitored := SBTables()[table]; !monitored {
			t.Errorf("a condition on %s, which is not monitored", table)
		}
		for _, c := range w {
			if !slices.Contains(sb[table], c.Column) {
				t.Errorf("a condition on %s.%s, which does not exist", table, c.Column)
			}
		}
	}
}

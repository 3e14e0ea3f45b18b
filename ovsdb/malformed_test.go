package ovsdb_test

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// One bad row costs that row.
func TestMalformedRows(t *testing.T) {
	const text = `{
	"Logical_Flow": {
		"00000000-0000-0000-0000-000000000001": {"initial": {"match": "1", "pipeline": "ingress", "table_id": 3}},
		"00000000-0000-0000-0000-000000000002": {"initial": {"match": "1", "pipeline": "sideways"}},
		"00000000-0000-0000-0000-000000000003": {"initial": {"match": 1}},
		"00000000-0000-0000-0000-000000000004": {"initial": {"table_id": 300}},
		"00000000-0000-0000-0000-000000000005": {"modify": {"match": "2", "priority": "high"}},
		"00000000-0000-0000-0000-000000000006": {"what": {}},
		"00000000-0000-0000-0000-000000000007": 7,
		"not-a-uuid": {"initial": {}},
		"00000000-0000-0000-0000-000000000008": {"initial": {"match": "8", "new_column": ["map", [[1, 2]]]}}},
	"Load_Balancer": {"00000000-0000-0000-0000-000000000009": {"initial": {"name": "lb", "protocol": "quic"}}},
	"New_Table": {"00000000-0000-0000-0000-000000000009": {"initial": {"name": 1}}},
	"Encap": []}`
	u, problems, err := ovsdb.DecodeUpdate(sbdb.Model(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	want := []string{
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000002: column pipeline: "sideways" is not a value that this schema knows`,
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000003: column match: 1 is not a string`,
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000004: column table_id: 300 is not within 0 to 33`,
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000005: column priority: "high" is not an integer`,
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000006: an update of no known kind`,
		`table Logical_Flow: row 00000000-0000-0000-0000-000000000007: a row's update must be an object`,
		`table Logical_Flow: row not-a-uuid: that is not a UUID`,
		`table Load_Balancer: row 00000000-0000-0000-0000-000000000009: column protocol: "quic" is not a value that this schema knows`,
		`table Encap: row : a table's updates must be an object`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("problems:\n%s", strings.Join(got, "\n"))
	}
	db := sbdb.NewDB()
	old := &sbdb.LogicalFlow{UUID: ovsdb.UUID{15: 5}, Match: "old", Priority: 4}
	first := new(sbdb.Update)
	first.PutLogicalFlow(old)
	db.Apply(first)
	c := db.Apply(u)
	if len(c.Errors) != 0 || db.LogicalFlow.Len() != 3 || db.LoadBalancer.Len() != 1 {
		t.Errorf("%d flows, errors %v", db.LogicalFlow.Len(), c.Errors)
	}
	if r := db.LogicalFlow.Get(old.UUID); r.Match != "2" || r.Priority != 4 || old.Match != "old" {
		t.Errorf("row %+v", r)
	}
	if r := db.LoadBalancer.Get(ovsdb.UUID{15: 9}); r.Name != "lb" || r.Protocol.IsSet() {
		t.Errorf("row %+v", r)
	}
}

// FuzzDecodeUpdate reads any bytes as rows of the southbound database and applies
// them: no panic, and a replica that still fits what it was sent.
func FuzzDecodeUpdate(f *testing.F) {
	f.Add(logicalFlowsJSON(3, "initial"))
	f.Add(logicalFlowsJSON(3, "modify"))
	f.Add([]byte(`{"Port_Binding":{"00000000-0000-0000-0000-000000000001":{"modify":{"options":["map",[["a","b"]]],"mac":["set",["x","y"]],"up":true,"tag":["set",[]]}}}}`))
	f.Add([]byte(`{"Port_Binding":{"00000000-0000-0000-0000-000000000001":{"delete":null}},"SB_Global":{"00000000-0000-0000-0000-000000000001":{"insert":{"nb_cfg":1}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		db := sbdb.NewDB()
		first := new(sbdb.Update)
		first.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{15: 1}, MAC: []string{"x"}, Options: ovsdb.NewMap("a", "b")})
		db.Apply(first)
		u, _, _ := ovsdb.DecodeUpdate(sbdb.Model(), b)
		c := db.Apply(u)
		for _, ch := range c.PortBinding {
			switch {
			case ch.New == nil && ch.Old == nil, ch.Cols == 0:
				t.Errorf("a change that is none: %+v", ch)
			case ch.New != nil && db.PortBinding.Get(ch.New.UUID) != ch.New:
				t.Errorf("row %s was changed but not stored", ch.New.UUID)
			case ch.New == nil && db.PortBinding.Get(ch.Old.UUID) != nil:
				t.Errorf("row %s was deleted but is there", ch.Old.UUID)
			}
		}
		c.Merge(db.Apply(u))
	})
}

package sbdb_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// What the builders make is what RFC 7047 section 5.2 and ovsdb-server(7) ask for.
func TestTransactionText(t *testing.T) {
	id := ovsdb.UUID{15: 1}
	other := ovsdb.UUID{15: 2}
	tx := ovsdb.NewTxn("ovn-controller: claiming \"x\"")
	sbdb.VerifyPortBinding(tx, &sbdb.PortBinding{UUID: id, Chassis: other}, sbdb.PortBindingColChassis|sbdb.PortBindingColUp|sbdb.PortBindingColMAC)
	sbdb.VerifyPortBinding(tx, &sbdb.PortBinding{UUID: id}, 0)
	sbdb.VerifyNoMACBinding(tx, &sbdb.MACBinding{LogicalPort: "p", IP: "10.0.0.1"}, sbdb.MACBindingColLogicalPort|sbdb.MACBindingColIP)
	sbdb.UpdatePortBinding(tx, id).SetChassis(other).SetUp(true).ClearTag().SetEncap(ovsdb.UUID{}).
		SetOptions(ovsdb.NewMap("a", "1")).SetOptions(ovsdb.NewMap("b", "2")).
		MutateExternalIDsPut(ovsdb.NewMap("k", "v")).MutateAdditionalChassisDelete(other, id).MutateMACInsert("m")
	sbdb.DeletePortBinding(tx, other)
	tx.AddComment("and more")
	want := []string{
		`[""`,
		`{"op":"wait","table":"Port_Binding","timeout":0,"where":[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]]],"until":"==","columns":["chassis","mac","up"],"rows":[{"chassis":["uuid","00000000-0000-0000-0000-000000000002"],"mac":["set",[]],"up":["set",[]]}]}`,
		`{"op":"wait","table":"Port_Binding","timeout":0,"where":[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]]],"until":"==","columns":[],"rows":[{}]}`,
		`{"op":"wait","table":"MAC_Binding","timeout":0,"where":[["ip","==","10.0.0.1"],["logical_port","==","p"]],"until":"==","columns":[],"rows":[]}`,
		`{"op":"update","table":"Port_Binding","where":[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]]],"row":{"chassis":["uuid","00000000-0000-0000-0000-000000000002"],"up":true,"tag":["set",[]],"encap":["set",[]],"options":["map",[["b","2"]]]}}`,
		`{"op":"mutate","table":"Port_Binding","where":[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000001"]]],"mutations":[["external_ids","delete",["set",["k"]]],["external_ids","insert",["map",[["k","v"]]]],["additional_chassis","delete",["set",[["uuid","00000000-0000-0000-0000-000000000002"],["uuid","00000000-0000-0000-0000-000000000001"]]]],["mac","insert",["set",["m"]]]]}`,
		`{"op":"delete","table":"Port_Binding","where":[["_uuid","==",["uuid","00000000-0000-0000-0000-000000000002"]]]}`,
		`{"op":"comment","comment":"ovn-controller: claiming \"x\"\nand more"}]`,
	}
	got := strings.Split(strings.ReplaceAll(tx.String(), `,{"op":`, "\n"+`{"op":`), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The client chooses the UUIDs of new rows, so that others can refer to them.
	tx = ovsdb.NewTxn("")
	encap := sbdb.InsertEncap(tx).SetIP("192.0.2.1").SetType(sbdb.EncapTypeGeneve).UUID()
	sbdb.InsertChassis(tx).SetName("hv1").SetEncaps([]ovsdb.UUID{encap})
	text := tx.String()
	for _, want := range []string{`"uuid":"` + encap.String(), `"encaps":["set",[["uuid","` + encap.String() + `"]]]`, `"type":"geneve"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

// The net change of several updates is that of one.
func TestMerge(t *testing.T) {
	db := sbdb.NewDB()
	id := ovsdb.UUID{15: 1}
	var net sbdb.Changes
	for _, mac := range []string{"a", "b", "c"} {
		u := new(sbdb.Update)
		u.PutFDB(&sbdb.FDB{UUID: id, MAC: mac})
		net.Merge(db.Apply(u))
	}
	if len(net.FDB) != 1 || net.FDB[0].Old != nil || net.FDB[0].New.MAC != "c" {
		t.Errorf("changes %+v", net.FDB)
	}
	u := new(sbdb.Update)
	u.DeleteFDB(id)
	net.Merge(db.Apply(u))
	if !net.Empty() || db.FDB.Len() != 0 {
		t.Errorf("changes %+v", net.FDB)
	}
	u = new(sbdb.Update)
	u.Schema = sbdb.Model().FullSchema()
	if db.Has(sbdb.TableFDB) {
		t.Error("tables before a server was asked")
	}
	db.Apply(u)
	if !db.HasColumn(sbdb.TableFDB, "mac") || db.HasColumn(sbdb.TableFDB, "nope") || db.Has("Nope") {
		t.Error("schema")
	}
}

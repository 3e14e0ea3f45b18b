package ovsdb

import "testing"

// An update of one row, of which many come a second, does not cost what the schema
// is large.
func TestSmallUpdateMakesLittleGarbage(t *testing.T) {
	model := Model[struct{}]{New: func() *struct{} { return nil }, Tables: make([]TableModel[struct{}], 50)}
	for i := range model.Tables {
		model.Tables[i].Name = string(rune('A' + i))
	}
	last := []byte(model.Tables[49].Name)
	all := testing.AllocsPerRun(100, func() {
		if !newUpdateSink(&model, func(string) bool { return true }).table(last) {
			t.Fatal("the last table is not found")
		}
	})
	if all > 1 {
		t.Errorf("%v allocations before the first row", all)
	}
	if newUpdateSink(&model, func(name string) bool { return name != string(last) }).table(last) {
		t.Error("a table that is not monitored is taken")
	}
}

package config

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestLearned(t *testing.T) {
	parse := func(kv ...string) (Config, []string) {
		return Parse(ovsdb.NewMap(append(kv, "system-id", "hv1")...), Identity{})
	}
	def, _ := parse()
	if want := (Learned{MACBindings: 131072, FDB: 131072, MACBindingsByDatapath: "32768", FDBByDatapath: "32768"}); def.Learned != want {
		t.Errorf("without keys: %+v", def.Learned)
	}
	c, problems := parse("ovn-mac-binding-tracking", "true", "ovn-chassis-mac-binding-limit", "0", "ovn-chassis-mac-binding-limit-hv1", "7",
		"ovn-chassis-fdb-limit-per-datapath", "5,sw0=9")
	if want := (Learned{Tracking: true, MACBindings: 7, FDB: 131072, MACBindingsByDatapath: "32768", FDBByDatapath: "5,sw0=9"}); c.Learned != want {
		t.Errorf("got %+v", c.Learned)
	}
	if len(problems) != 0 || c.Equal(def) {
		t.Errorf("problems %q, a change unseen: %v", problems, c.Equal(def))
	}
	c, problems = parse("ovn-chassis-mac-binding-limit", "many", "ovn-chassis-fdb-limit-per-datapath", "sw0=")
	if c.Learned != def.Learned || len(problems) != 2 {
		t.Errorf("got %+v, problems %q", c.Learned, problems)
	}
}

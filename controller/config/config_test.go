package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func TestPerChassisKeys(t *testing.T) {
	ids := ovsdb.NewMap(
		"system-id", "hv1", "ovn-remote", "tcp:1.1.1.1:6642", "ovn-remote-hv2", "unix:/sb.sock",
		"ovn-bridge-hv2", "br-two", "ovn-encap-type", "geneve,vxlan,stt,gre", "ovn-encap-ip", "10.0.0.1,10.0.0.2,bad",
		"ovn-encap-ip-default", "10.0.0.2", "ovn-monitor-all", "true", "ovn-monitor-all-hv2", "false",
		"ovn-bridge-remote-hv2", "tcp:x", "ct-zone-range-hv2", "100-200", "ovn-transport-zones", "b,a,b",
	)
	c, problems := Parse(ids, Identity{})
	if c.SystemID != "hv1" || c.Bridge != "br-int" || c.Remote != "tcp:1.1.1.1:6642" || c.RemoteProbe != 5*time.Second || !c.MonitorAll {
		t.Errorf("hv1: %+v", c)
	}
	if !reflect.DeepEqual(c.EncapTypes, []string{"geneve", "vxlan"}) || !reflect.DeepEqual(c.EncapIPs, []string{"10.0.0.1", "10.0.0.2"}) ||
		c.EncapIPDefault != "10.0.0.2" || !reflect.DeepEqual(c.TransportZones, []string{"a", "b"}) {
		t.Errorf("hv1: %+v", c)
	}
	if got := strings.Join(problems, "\n"); !strings.Contains(got, "Unknown tunnel type: gre") || !strings.Contains(got, `"bad"`) || strings.Contains(got, "stt") {
		t.Errorf("problems: %s", got)
	}
	// The command line counts more than the file, the file more than the database.
	two, _ := Parse(ids, Identity{CLI: "hv2", File: "hv3"})
	if two.SystemID != "hv2" || two.Bridge != "br-two" || two.Remote != "unix:/sb.sock" || two.RemoteProbe != 0 || two.MonitorAll ||
		two.BridgeRemote != "" || two.CtZoneMin != 100 || two.CtZoneMax != 200 {
		t.Errorf("hv2: %+v", two)
	}
	if three, _ := Parse(ids, Identity{File: "hv3"}); three.SystemID != "hv3" {
		t.Errorf("hv3: %+v", three)
	}
	if c.Equal(two) || !c.Equal(c) {
		t.Error("Equal")
	}
}

func TestDefaults(t *testing.T) {
	c, problems := Parse(ovsdb.Map{}, Identity{})
	if c.SystemID != "" || !c.CleanupOnExit || c.EncapCsum != "true" || c.CtZoneMin != 1 || c.CtZoneMax != 65535 ||
		c.MonitorAllText != "false" || c.ARPNDMaxTimeout != 16*time.Second || c.GARPMaxTimeout != 0 || c.Hostname == "" || len(problems) != 0 {
		t.Errorf("%+v %v", c, problems)
	}
}

func TestValues(t *testing.T) {
	for _, tc := range []struct {
		key, value string
		check      func(Config) bool
		problem    bool
	}{
		{"ovn-remote-probe-interval", "1", func(c Config) bool { return c.RemoteProbe == time.Second }, false},
		{"ovn-remote-probe-interval", "0", func(c Config) bool { return c.RemoteProbe == 0 }, false},
		{"ovn-remote-probe-interval", "30000", func(c Config) bool { return c.RemoteProbe == 30*time.Second }, false},
		{"ovn-bridge-remote-probe-interval", "2500", func(c Config) bool { return c.BridgeRemoteProbe == 2*time.Second }, false},
		{"ct-zone-range", "7", func(c Config) bool { return c.CtZoneMin == 7 && c.CtZoneMax == 65535 }, false},
		{"ct-zone-range", "9-3", func(c Config) bool { return c.CtZoneMin == 1 && c.CtZoneMax == 65535 }, true},
		{"ct-zone-range", "0-70000", func(c Config) bool { return c.CtZoneMin == 1 }, true},
		{"ovn-cleanup-on-exit", "false", func(c Config) bool { return !c.CleanupOnExit }, false},
		{"ovn-cleanup-on-exit", "nonsense", func(c Config) bool { return c.CleanupOnExit }, false},
		{"ovn-encap-tos", "none", func(c Config) bool { return c.EncapTOS == "" }, false},
		{"ovn-encap-tos", "inherit", func(c Config) bool { return c.EncapTOS == "inherit" }, false},
		{"ovn-encap-ip-default", "10.0.0.9", func(c Config) bool { return c.EncapIPDefault == "" }, true},
		{MaxFlowsKey, "500", func(c Config) bool { return c.MaxFlowsPerLogicalFlow == 500 && !c.Equal(Config{}) }, false},
		{MaxFlowsKey, "0", func(c Config) bool { return c.MaxFlowsPerLogicalFlow == 0 }, true},
		{SnapshotKey, "false", func(c Config) bool { return !c.Snapshot && c.SnapshotLimit == 256<<20 }, false},
		{SnapshotLimitKey, "7", func(c Config) bool { return c.Snapshot && c.SnapshotLimit == 7<<20 }, false},
		{SnapshotLimitKey, "-7", func(c Config) bool { return c.SnapshotLimit == 256<<20 }, true},
		{MaxFlowsKey, "many", func(c Config) bool { return c.MaxFlowsPerLogicalFlow == 0 }, true},
		{"arp-nd-max-timeout-sec", "x", func(c Config) bool { return c.ARPNDMaxTimeout == 16*time.Second }, true},
	} {
		c, problems := Parse(ovsdb.NewMap("ovn-remote", "tcp:1.1.1.1", tc.key, tc.value), Identity{})
		if !tc.check(c) || (len(problems) > 0) != tc.problem {
			t.Errorf("%s=%s: %+v, %v", tc.key, tc.value, c, problems)
		}
	}
}

func TestMappings(t *testing.T) {
	got, problems := ParseBridgeMappings("phys:br-phys, two:br2,bad,phys:other,:x")
	if !reflect.DeepEqual(got, []Mapping{{"phys", "br-phys"}, {"two", "br2"}}) || len(problems) != 2 {
		t.Errorf("%v %v", got, problems)
	}
	macs, problems := ParseChassisMACs("phys:aa:bb:cc:dd:ee:ff,other:1")
	if len(macs) != 1 || macs["phys"].String() != "aa:bb:cc:dd:ee:ff" || len(problems) != 1 {
		t.Errorf("%v %v", macs, problems)
	}
}

func TestIdentityFile(t *testing.T) {
	dir := t.TempDir()
	if id, err := ReadIdentityFile(dir); id != "" || err != nil {
		t.Errorf("none: %q %v", id, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "system-id-override"), []byte(strings.Repeat("x", 70)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if id, err := ReadIdentityFile(dir); len(id) != 63 || err != nil {
		t.Errorf("long: %q %v", id, err)
	}
}

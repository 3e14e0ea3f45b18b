package loop

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// TestLocalDuties: neither what the loop writes to the bridge itself nor a guest's
// port makes the duties look that go over all tunnels; any other port does.
func TestLocalDuties(t *testing.T) {
	const tunnels = dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed
	port, iface := ovsdb.NewUUID(), ovsdb.NewUUID()
	bridge := func(cols ovsdb.ColumnSet, ports ...ovsdb.UUID) ovsdb.Change[vswitchdb.Bridge] {
		return ovsdb.Change[vswitchdb.Bridge]{Old: &vswitchdb.Bridge{Name: "br-int"},
			New: &vswitchdb.Bridge{Name: "br-int", Ports: ports}, Cols: cols}
	}
	ports := vswitchdb.BridgeColPorts
	guest := &vswitchdb.Port{UUID: port, Name: "vif1", Interfaces: []ovsdb.UUID{iface}}
	tunnel := &vswitchdb.Port{UUID: port, Name: "ovn-hv2-0", ExternalIDs: ovsdb.NewMap("ovn-chassis-id", "hv2@10.0.0.2%10.0.0.1")}
	vif := &vswitchdb.Interface{UUID: iface, Name: "vif1", ExternalIDs: ovsdb.NewMap("iface-id", "p1")}
	remote := &vswitchdb.Interface{UUID: iface, Name: "ovn-hv2-0", Type: "geneve", Options: ovsdb.NewMap("remote_ip", "10.0.0.2")}
	for _, x := range []struct {
		name      string
		bridge    ovsdb.Change[vswitchdb.Bridge]
		port      *vswitchdb.Port
		iface     *vswitchdb.Interface
		all, some bool // duties of tunnels, of ports
	}{
		{"external_ids", bridge(vswitchdb.BridgeColExternalIDs), nil, nil, false, false},
		{"a new bridge", ovsdb.Change[vswitchdb.Bridge]{New: &vswitchdb.Bridge{}}, nil, nil, true, true},
		{"a bridge gone", ovsdb.Change[vswitchdb.Bridge]{Old: &vswitchdb.Bridge{}}, nil, nil, true, true},
		{"another datapath type", bridge(vswitchdb.BridgeColDatapathType), nil, nil, true, true},
		{"a guest's port", bridge(ports|vswitchdb.BridgeColExternalIDs, port), guest, vif, false, true},
		{"a port of unknown history", bridge(ports, port), nil, nil, true, true},
		{"a tunnel's port", bridge(ports, port), tunnel, vif, true, true},
		{"a tunnel's interface", bridge(ports, port), guest, remote, true, true},
	} {
		c := &vswitchdb.Changes{Bridge: []ovsdb.Change[vswitchdb.Bridge]{x.bridge}}
		check := func(way string) {
			t.Helper()
			want := dutyBridge
			if x.some {
				want |= dutyMirrors | dutyQueues | dutyStatus
			}
			if x.all {
				want |= tunnels | dutyChassis
			}
			if d := localDuties(c); d != want {
				t.Errorf("%s %s: duties %b, want %b", x.name, way, d, want)
			}
		}
		if x.port == nil {
			check("")
			continue
		}
		c.Port = []ovsdb.Change[vswitchdb.Port]{{New: x.port}}
		c.Interface = []ovsdb.Change[vswitchdb.Interface]{{New: x.iface}}
		check("comes")
		c.Port[0], c.Interface[0] = ovsdb.Change[vswitchdb.Port]{Old: x.port}, ovsdb.Change[vswitchdb.Interface]{Old: x.iface}
		check("goes")
	}
}

// TestRelocatedDuties: a datapath that comes or goes does not have all tunnels, of
// which there is one for each chassis, looked at and handed on again.
func TestRelocatedDuties(t *testing.T) {
	l := New(Options{})
	l.due = 0
	l.take(binding.Delta{Datapaths: map[ovsdb.UUID]*binding.LocalDatapath{{1}: nil}})
	if want := dutyPatch | dutyNATZones | dutyQueues; l.due != want {
		t.Errorf("duties %b, want %b", l.due, want)
	}
}

// TestNumbersOnly: the number of a configuration, which comes and goes with every
// change, concerns none of the duties.
func TestNumbersOnly(t *testing.T) {
	global, private := &sbdb.SBGlobal{}, &sbdb.ChassisPrivate{}
	for _, x := range []struct {
		global, private ovsdb.ColumnSet
		want            duties
	}{
		{sbdb.SBGlobalColNbCfg, sbdb.ChassisPrivateColNbCfg | sbdb.ChassisPrivateColNbCfgTimestamp, 0},
		{sbdb.SBGlobalColNbCfg | sbdb.SBGlobalColIPsec, sbdb.ChassisPrivateColNbCfg, dutyEncaps | dutyBFD},
		{sbdb.SBGlobalColOptions, sbdb.ChassisPrivateColNbCfg, dutyEncaps | dutyBFD},
		{sbdb.SBGlobalColNbCfg, sbdb.ChassisPrivateColNbCfg | sbdb.ChassisPrivateColChassis, dutyChassis},
	} {
		c := &sbdb.Changes{
			SBGlobal:       []ovsdb.Change[sbdb.SBGlobal]{{Old: global, New: global, Cols: x.global}},
			ChassisPrivate: []ovsdb.Change[sbdb.ChassisPrivate]{{Old: private, New: private, Cols: x.private}},
		}
		if d := sbDuties(c); d != x.want {
			t.Errorf("columns %b and %b: duties %b, want %b", x.global, x.private, d, x.want)
		}
	}
	if d := sbDuties(&sbdb.Changes{ChassisPrivate: []ovsdb.Change[sbdb.ChassisPrivate]{{Old: private}}}); d != dutyChassis {
		t.Errorf("Chassis_Private gone: duties %b", d)
	}
}

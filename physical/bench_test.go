package physical

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// answers is a View that answers at once, so that only building is measured.
type answers struct {
	View
	ofport  uint32
	tunnels []Tunnel
}

func (answers) Self() Self                                { return Self{UUID: ovsdb.UUID{1}, Name: "hv1"} }
func (answers) EncapIPs() []string                        { return []string{"127.0.0.1"} }
func (answers) GeneveField() (openflow.Field, bool)       { return openflow.FieldTunMetadata0, true }
func (answers) FlowTunnels() FlowTunnels                  { return FlowTunnels{} }
func (answers) DropSampling() DropSampling                { return DropSampling{} }
func (answers) Datapath(ovsdb.UUID) (Datapath, bool)      { return Datapath{Key: 3, Local: true}, true }
func (answers) Localnet(ovsdb.UUID) (Port, bool)          { return Port{}, false }
func (answers) Zone(string) uint16                        { return 5 }
func (answers) NATZones(ovsdb.UUID) (uint16, uint16)      { return 6, 7 }
func (answers) PortActivated(uint32, uint32) bool         { return true }
func (answers) HAGroup(ovsdb.UUID) []HAMember             { return nil }
func (a answers) OFPort(string) uint32                    { return a.ofport }
func (a answers) Tunnels(ovsdb.UUID) []Tunnel             { return a.tunnels }
func (answers) Port(string) (Port, bool)                  { return PortOf(&sbdb.PortBinding{LogicalPort: "r"}), true }
func (answers) ChassisByName(string) (c Chassis, ok bool) { return c, false }

// BenchmarkPort builds one port: a virtual interface that is here, with port
// security, and one on another chassis.
func BenchmarkPort(b *testing.B) {
	pb := &sbdb.PortBinding{
		UUID: ovsdb.UUID{2}, LogicalPort: "p", TunnelKey: 4, Chassis: ovsdb.UUID{1},
		PortSecurity: []string{"00:00:00:00:01:01 10.0.0.11 fd00::11"},
	}
	elsewhere := *pb
	elsewhere.Chassis = ovsdb.UUID{9}
	for name, c := range map[string]struct {
		pb *sbdb.PortBinding
		v  View
	}{
		"here":      {pb, answers{ofport: 8}},
		"elsewhere": {&elsewhere, answers{tunnels: []Tunnel{{OFPort: 2, Chassis: "hv2"}}}},
	} {
		b.Run(name, func(b *testing.B) {
			out := new(Flows)
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				BuildPort(c.v, c.pb, out)
			}
			b.ReportMetric(float64(len(out.List)), "flows/op")
		})
	}
}

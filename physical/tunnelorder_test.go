package physical

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// TestTunnelOrder: tunnels that come and go one chassis after the other are in the order
// of all of them at once, and no chassis changes that is not named.
func TestTunnelOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o TunnelOrder
		now := map[string][]Tunnel{} // as told
		all := map[ovsdb.UUID]Tunnel{}
		most := rapid.SampledFrom([]int{3, 12, 60}).Draw(t, "chassis")
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			chassis := fmt.Sprint("hv", rapid.IntRange(0, most).Draw(t, "chassis"))
			var list []PortTunnel
			for port, tunnel := range all {
				if tunnel.Chassis == chassis {
					delete(all, port)
				}
			}
			for range rapid.SampledFrom([]int{0, 1, 2, 3, 4}).Draw(t, "tunnels") {
				port := ovsdb.UUID{rapid.Byte().Draw(t, "port"), rapid.Byte().Draw(t, "rest")}
				if _, taken := all[port]; taken {
					continue
				}
				all[port] = Tunnel{Chassis: chassis, OFPort: uint32(port[0])<<8 | uint32(port[1])}
				list = append(list, PortTunnel{port, all[port]})
			}
			for _, c := range o.Set(chassis, list) {
				now[c] = o.Tunnels(c)
			}

			var sorted []Tunnel
			ports := make([]ovsdb.UUID, 0, len(all))
			for port := range all {
				ports = append(ports, port)
			}
			slices.SortFunc(ports, ovsdb.UUID.Compare)
			for _, port := range ports {
				sorted = append(sorted, all[port])
			}
			want := map[string][]Tunnel{}
			for _, tunnel := range OrderTunnels(sorted) {
				want[tunnel.Chassis] = append(want[tunnel.Chassis], tunnel)
			}
			for i := range most + 1 {
				c := fmt.Sprint("hv", i)
				if !slices.Equal(now[c], want[c]) {
					t.Fatalf("%d tunnels, after a change of %s: to %s\n%v, want\n%v", len(all), chassis, c, now[c], want[c])
				}
			}
		}
	})
}

package physical

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// What the scenarios of testdata/oracle have no example of.

// TestRampTunnel: what a VTEP gateway sends does not carry the ports that an ICMP
// error would need to find its way back.
func TestRampTunnel(t *testing.T) {
	for _, ramp := range []bool{false, true} {
		out := new(Flows)
		BuildTunnelPort(answers{}, Tunnel{OFPort: 4, Type: VXLAN, Chassis: "vtep", Ramp: ramp}, out)
		errors := 0
		for _, f := range out.List {
			if f.Priority == 120 {
				errors++
			}
		}
		if want := map[bool]int{false: 2, true: 0}[ramp]; errors != want {
			t.Errorf("ramp %t: %d flows for ICMP errors, want %d", ramp, errors, want)
		}
	}
}

// TestActiveByBFD: between the failure of a gateway and the claim of the next, the
// BFD sessions of the group tell who acts.
func TestActiveByBFD(t *testing.T) {
	w := scenario(t, "redirect")
	cr := find(w.db.PortBinding, func(r *sbdb.PortBinding) bool { return r.LogicalPort == "cr-r-pub" })
	tables := func() (list []uint8) {
		out := new(Flows)
		BuildPort(w, cr, out)
		for _, f := range out.List {
			list = append(list, f.Table)
		}
		return list
	}
	if got := tables(); len(got) != 1 || got[0] != pipeline.TableRemoteOutput {
		t.Errorf("not active: flows in tables %d", got)
	}
	w.active[w.db.HAChassisGroup.Get(cr.HAChassisGroup).Name] = true
	if got := tables(); len(got) != 1 || got[0] != pipeline.TableLocalOutput {
		t.Errorf("active: flows in tables %d", got)
	}
}

// TestWithoutGeneveOption: while the switch has no field for the option, nothing
// is sent or received by Geneve, and the rest works.
func TestWithoutGeneveOption(t *testing.T) {
	w := scenario(t, "vxlan")
	w.geneve = 0
	vxlan := 0
	for _, f := range w.build().List {
		s := f.String()
		if strings.Contains(strings.ToLower(s), "tun_metadata") || strings.Contains(s, "in_port=1 ") {
			t.Errorf("flow of a Geneve tunnel: %s", s)
		}
		if f.Table == pipeline.TableRemoteOutput && strings.Contains(s, "output:34") {
			vxlan++
		}
	}
	if vxlan == 0 {
		t.Error("nothing is sent by VXLAN")
	}
}

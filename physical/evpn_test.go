package physical

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

type evpnWorld struct {
	*world
	localIPs string
}

func (w evpnWorld) EVPNLocalIPs() string { return w.localIPs }

// TestEVPN shows the flows of VTEPs:
//
//	binding remote= vni= ofport= dp= key= age=
//	multicast vni= dp= vteps=(IP,...)
//	fdb mac= dp= key=
//
// with the configuration of ovn-evpn-local-ip as input.
func TestEVPN(t *testing.T) {
	datadriven.RunTest(t, "testdata/evpn", func(t *testing.T, d *datadriven.TestData) string {
		num := func(name string) uint32 {
			var s string
			if !d.HasArg(name) {
				return 0
			}
			d.ScanArgs(t, name, &s)
			n, err := strconv.ParseUint(s, 0, 32)
			if err != nil {
				t.Fatal(err)
			}
			return uint32(n)
		}
		text := func(name string) (s string) {
			d.ScanArgs(t, name, &s)
			return s
		}
		v, out := evpnWorld{new(world), d.Input}, new(Flows)
		id := ovsdb.UUID{0xe, 0xf, 0x1, 0x2}
		switch d.Cmd {
		case "binding":
			BuildEVPNBinding(v, EVPNBinding{
				ID: id, Remote: netip.MustParseAddr(text("remote")), VNI: num("vni"), OFPort: num("ofport"),
				DPKey: num("dp"), PortKey: num("key"), MaxAge: uint16(num("age")),
			}, out)
		case "multicast":
			e := EVPNMulticast{ID: id, VNI: num("vni"), DPKey: num("dp")}
			var vteps []string
			for _, arg := range d.CmdArgs {
				if arg.Key == "vteps" {
					vteps = arg.Vals
				}
			}
			for i, s := range vteps {
				e.VTEPs = append(e.VTEPs, EVPNBinding{Remote: netip.MustParseAddr(s), OFPort: uint32(i + 10)})
			}
			BuildEVPNMulticast(v, e, out)
		case "fdb":
			mac, _ := parseEth(text("mac"))
			BuildEVPNFDB(EVPNFDB{ID: id, MAC: uint64(mac), DPKey: num("dp"), PortKey: num("key")}, out)
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		var lines []string
		for _, f := range out.List {
			lines = append(lines, f.String())
		}
		for _, p := range out.Problems {
			lines = append(lines, fmt.Sprint("problem: ", p))
		}
		return strings.Join(slices.Compact(lines), "\n") + "\n"
	})
}

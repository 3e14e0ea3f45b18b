package physical

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// TestReads shows all that the translation of one row reads in a scenario of
// testdata/oracle. What is not here cannot cause the row to be translated again;
// something new here had better be needed.
//
//	port NAME            a Port_Binding
//	group DATAPATH NAME  a Multicast_Group
//	lb NAME              a Load_Balancer
func TestReads(t *testing.T) {
	var w *world
	datadriven.RunTest(t, "testdata/reads", func(t *testing.T, d *datadriven.TestData) string {
		var args []string
		for _, a := range d.CmdArgs {
			args = append(args, a.Key)
		}
		if d.Cmd == "scenario" {
			w = scenario(t, args[0])
			return "ok\n"
		}
		w.reads = map[string]bool{}
		defer func() { w.reads = nil }()
		out := new(Flows)
		switch d.Cmd {
		case "port":
			BuildPort(w, find(w.db.PortBinding, func(r *sbdb.PortBinding) bool { return r.LogicalPort == args[0] }), out)
		case "group":
			BuildMulticastGroup(w, find(w.db.MulticastGroup, func(r *sbdb.MulticastGroup) bool {
				return w.name(r.Datapath) == args[0] && r.Name == args[1]
			}), out)
		case "lb":
			lb := find(w.db.LoadBalancer, func(r *sbdb.LoadBalancer) bool { return r.Name == args[0] })
			BuildLoadBalancer(w, lb, out)
			BuildLoadBalancerSNAT(w, lb, out)
		default:
			t.Fatalf("unknown command %q", d.Cmd)
		}
		return strings.Join(slices.Sorted(maps.Keys(w.reads)), "\n") + "\n"
	})
}

// scenario is the world of a file of testdata/oracle.
func scenario(t *testing.T, name string) (w *world) {
	datadriven.RunTest(t, "testdata/oracle/"+name, func(t *testing.T, d *datadriven.TestData) string {
		var err error
		switch d.Cmd {
		case "rows":
			w, err = newWorld(d.Input)
		case "local":
			err = w.locals(d.Input)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d.Expected
	})
	return w
}

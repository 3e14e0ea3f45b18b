package workload

import (
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// Names of what the fixture adds to the cluster, for changes to be measured.
const (
	// LonelySwitch has no router, so that no chassis has anything to do with it
	// before one of its ports is bound.
	LonelySwitch = "lonely"
	// Each of these sets is the source in an ACL of one port of the local chassis.
	SmallSet, LargeSet         = "a_small", "a_large"
	SmallSetSize, LargeSetSize = 10, 10000

	lonelyPorts = 4
)

// LonelyPort is the name of a port of the lonely switch.
func LonelyPort(n int) string { return fmt.Sprintf("%s-%d", LonelySwitch, n) }

// Names of recorded changes.
const (
	Fixture    = "fixture" // comes before any of the others
	ACL        = "acl"
	Backend    = "backend"
	RouterPort = "router port"
)

// edit is a change of the northbound database: scripts for ovn-nbctl, and what
// takes it back, nothing for the fixture.
type edit struct {
	name     string
	do, undo string
}

// edits are recorded in this order, each on the fixture alone.
func (p Params) edits() []edit {
	const (
		match  = "ip4.src == $a_ns1_v4 && tcp && tcp.dst == 9999 && outport == @pg_ns0_policy0"
		router = "rto-bench"
		port   = "tor-bench"
	)
	return []edit{
		{Fixture, p.fixture(), ""},
		{ACL,
			fmt.Sprintf("acl-add pg_ns0_policy0 to-lport 1003 '%s' allow-related", match),
			fmt.Sprintf("acl-del pg_ns0_policy0 to-lport 1003 '%s'", match)},
		{Backend, p.backends(p.Backends + 1), p.backends(p.Backends)},
		{RouterPort,
			fmt.Sprintf("lrp-add ovn_cluster_router %s 0a:58:64:41:00:01 100.65.0.1/16\nlsp-add join %s\n"+
				"lsp-set-type %[2]s router\nlsp-set-addresses %[2]s router\nlsp-set-options %[2]s router-port=%[1]s", router, port),
			fmt.Sprintf("lsp-del %s\nlrp-del %s", port, router)},
	}
}

// backends sets the first service's IPv4 backends.
func (p Params) backends(n int) string {
	var v4 []string
	for i := range n {
		v4 = append(v4, podIP4((i*13)%p.Nodes, i%p.PodsPerNode)+":8080")
	}
	return fmt.Sprintf("--may-exist lb-add %s 172.30.0.1:80 %s tcp", service(0), strings.Join(v4, ","))
}

func service(n int) string { return fmt.Sprintf("Service_ns/svc-%d_TCP_cluster", n) }

// setAddress is the n-th address of a set of the fixture.
func setAddress(set string, n int) string {
	if set == SmallSet {
		return fmt.Sprintf("10.240.%d.%d", n/250, n%250+1)
	}
	return fmt.Sprintf("10.241.%d.%d", n/250, n%250+1)
}

// sets makes the address sets of the fixture: the large one is longer than an
// argument of a program may be.
func sets() *txn {
	x := newTxn("OVN_Northbound")
	for set, size := range map[string]int{SmallSet: SmallSetSize, LargeSet: LargeSetSize} {
		var addresses []string
		for n := range size {
			addresses = append(addresses, setAddress(set, n))
		}
		x.insert("Address_Set", row{"name": set, "addresses": addresses})
	}
	return x
}

func (p Params) fixture() string {
	var b strings.Builder
	for i, set := range []string{SmallSet, LargeSet} {
		fmt.Fprintf(&b, "pg-add pg_%s %s\n", set, pod(0, i))
		fmt.Fprintf(&b, "acl-add pg_%s to-lport 1002 'outport == @pg_%[1]s && ip4.src == $%[1]s' allow-related\n", set)
	}
	fmt.Fprintf(&b, "ls-add %s\nset Logical_Switch %[1]s other_config:subnet=10.248.0.0/24\n", LonelySwitch)
	fmt.Fprintf(&b, "acl-add %s to-lport 1001 'ip4.src == $%s' allow-related\n", LonelySwitch, SmallSet)
	for n := range lonelyPorts {
		fmt.Fprintf(&b, "lsp-add %s %s\nlsp-set-addresses %[2]s '0a:58:0a:f8:00:%02x 10.248.0.%d'\n", LonelySwitch, LonelyPort(n), n+2, n+2)
	}
	return b.String()
}

// recordChanges has northd translate every edit and records what it writes.
func (p Params) recordChanges(c *integration.Cluster, sync func()) (map[string]Change, error) {
	out := map[string]Change{}
	for _, e := range p.edits() {
		r, err := record(c.SouthboundSocket())
		if err != nil {
			return nil, err
		}
		if e.name == Fixture {
			if err := sets().commit(c.NorthboundSocket()); err != nil {
				return nil, err
			}
		}
		c.NB(e.do)
		sync()
		if out[e.name], err = r.stop(); err != nil {
			return nil, fmt.Errorf("recording %s: %w", e.name, err)
		}
		if len(out[e.name]) == 0 {
			return nil, fmt.Errorf("northd writes nothing for %s", e.name)
		}
		if e.undo != "" {
			c.NB(e.undo)
			sync()
		}
	}
	return out, nil
}

// Package workload makes southbound databases as large clusters have them: the
// northbound rows of an OVN-Kubernetes cluster, translated by the real northd.
//
//	                    ovn_cluster_router
//	       ┌───────────┬──────┴─────┬──────────────┐
//	    node0        node1   …   nodeN           join
//	  ┌───┴────┐                             ┌─────┴─────┐
//	pods   management port               GR_node0 …  GR_nodeN   (gateway routers)
//	                                         │           │
//	                                     ext_node0   ext_nodeN  (localnet)
//
// Load balancers (services) are in groups that every node switch and gateway
// router has; namespaces are port groups and address sets with ACLs. One node is
// the local chassis, the others exist in the southbound database only.
package workload

import "fmt"

// LocalChassis is the node that the agent under test plays.
const LocalChassis = "node0"

// Params say how large the cluster is.
type Params struct {
	Nodes       int
	PodsPerNode int
	Services    int // each TCP with one port, IPv4 and IPv6
	Backends    int // pods behind a service
	Namespaces  int // pods are spread over them evenly
	Policies    int // network policies per namespace, each with two ACLs
}

// Scales are the sizes that documents and benchmarks name, by the logical flows
// they come to.
var Scales = map[int]Params{
	5000:   {Nodes: 10, PodsPerNode: 32, Services: 60, Backends: 3, Namespaces: 10, Policies: 2},
	50000:  {Nodes: 100, PodsPerNode: 35, Services: 400, Backends: 4, Namespaces: 50, Policies: 4},
	150000: {Nodes: 250, PodsPerNode: 45, Services: 200, Backends: 4, Namespaces: 200, Policies: 5},
}

func (p Params) String() string {
	return fmt.Sprintf("%d nodes, %d pods, %d services of %d backends, %d namespaces with %d policies each",
		p.Nodes, p.Nodes*p.PodsPerNode, p.Services, p.Backends, p.Namespaces, p.Policies)
}

func node(n int) string   { return fmt.Sprintf("node%d", n) }
func pod(n, i int) string { return fmt.Sprintf("ns%d_pod-%d-%d", i, n, i) }

// pod addresses: .1 is the router, .2 the management port.
func podIP4(n, i int) string { return fmt.Sprintf("10.%d.%d.%d", 128+n/256, n%256, i+3) }
func podIP6(n, i int) string { return fmt.Sprintf("fd01:0:0:%x::%x", n, i+3) }
func podMAC(n, i int) string { return fmt.Sprintf("0a:58:0a:%02x:%02x:%02x", n/256, n%256, i+3) }

// LocalPorts are the logical ports whose interfaces are on the local chassis.
func (p Params) LocalPorts() []string {
	ports := []string{"k8s-" + node(0)}
	for i := range p.PodsPerNode {
		ports = append(ports, pod(0, i))
	}
	return ports
}

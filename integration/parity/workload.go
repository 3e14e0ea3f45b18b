package main

import (
	"github.com/ovn-chassis/ovn-chassis/integration"
	"github.com/ovn-chassis/ovn-chassis/integration/topology"
	"github.com/ovn-chassis/ovn-chassis/integration/workload"
)

// clusterTopology is the workload generator's cluster of about the given number of
// logical flows, seen from one of its nodes.
func clusterTopology(scale int) (*topology.Topology, error) {
	topo := &topology.Topology{Name: "ovn-kubernetes", Local: workload.LocalChassis, Chassis: `
add-br br-ex
set Bridge br-ex datapath_type=dummy
set Open_vSwitch . external_ids:ovn-bridge-mappings=physnet:br-ex`}
	params := workload.Scales[scale]
	for i, lport := range params.LocalPorts() {
		topo.Ports = append(topo.Ports, topology.Port{LPort: lport, OFPort: i + 1})
	}
	err := integration.Run(topo.Name, nil, func(t integration.T) {
		topo.Snapshot = workload.Make(t, params, t.Logf).Path
	})
	return topo, err
}

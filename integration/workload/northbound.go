package workload

import (
	"fmt"
	"strings"
)

// builder collects the northbound rows. A row that lists others (a switch its
// ports) is inserted last.
type builder struct {
	*txn
	p Params

	routerPorts, routes, policies []ref // of the cluster router
	joinPorts                     []ref
	namespacePorts                [][]ref
	namespaceIP4, namespaceIP6    [][]string
	lbGroup                       ref
}

// northbound returns the transaction that makes the cluster.
func (p Params) northbound() *txn {
	b := &builder{txn: newTxn("OVN_Northbound"), p: p,
		namespacePorts: make([][]ref, p.Namespaces),
		namespaceIP4:   make([][]string, p.Namespaces), namespaceIP6: make([][]string, p.Namespaces)}
	b.services()
	for n := range p.Nodes {
		b.node(n)
	}
	b.join()
	b.clusterRouter()
	b.namespaces()
	return b.txn
}

func (b *builder) switchPort(name, typ string, addresses []string, options map[string]string) ref {
	r := row{"name": name, "addresses": addresses}
	if typ != "" {
		r["type"] = typ
	}
	if options != nil {
		r["options"] = options
	}
	return b.insert("Logical_Switch_Port", r)
}

func (b *builder) routerPort(name, mac string, networks ...string) ref {
	return b.insert("Logical_Router_Port", row{"name": name, "mac": mac, "networks": networks})
}

// toRouter is the switch port that is the peer of a router port.
func (b *builder) toRouter(name, routerPort string) ref {
	return b.switchPort(name, "router", []string{"router"}, map[string]string{"router-port": routerPort})
}

// services makes the load balancers, all in one group: every node forwards to
// every service.
func (b *builder) services() {
	var lbs []ref
	for s := range b.p.Services {
		var v4, v6 []string
		for i := range b.p.Backends {
			n, k := (s*7+i*13)%b.p.Nodes, (s+i)%b.p.PodsPerNode
			v4 = append(v4, podIP4(n, k)+":8080")
			v6 = append(v6, "["+podIP6(n, k)+"]:8080")
		}
		vips := map[string]string{
			fmt.Sprintf("172.30.%d.%d:80", s/250, s%250+1): strings.Join(v4, ","),
			fmt.Sprintf("[fd02::%x]:80", s+1):              strings.Join(v6, ","),
		}
		lbs = append(lbs, b.insert("Load_Balancer", row{"name": service(s),
			"protocol": "tcp", "vips": vips,
			"options": map[string]string{"event": "false", "hairpin_snat_ip": "169.254.169.5 fd69::5",
				"neighbor_responder": "none", "reject": "true", "skip_snat": "false"}}))
	}
	b.lbGroup = b.insert("Load_Balancer_Group", row{"name": "clusterLBGroup", "load_balancer": lbs})
}

// node makes a node's switch with its pods, its gateway router and its external
// switch.
func (b *builder) node(n int) {
	name := node(n)
	subnet4 := fmt.Sprintf("10.%d.%d", 128+n/256, n%256)
	subnet6 := fmt.Sprintf("fd01:0:0:%x:", n)
	joinIP4, joinIP6 := fmt.Sprintf("100.64.%d.%d", (n+2)/256, (n+2)%256), fmt.Sprintf("fd98::%x", n+2)
	mac := func(kind int) string { return fmt.Sprintf("0a:58:%02x:%02x:%02x:01", kind, n/256, n%256) }

	ports := []ref{
		b.toRouter("stor-"+name, "rtos-"+name),
		b.switchPort("k8s-"+name, "", []string{fmt.Sprintf("%s %s.2 %s:2", mac(2), subnet4, subnet6)}, nil),
	}
	b.routerPorts = append(b.routerPorts, b.routerPort("rtos-"+name, mac(1), subnet4+".1/24", subnet6+":1/64"))
	for i := range b.p.PodsPerNode {
		address := fmt.Sprintf("%s %s %s", podMAC(n, i), podIP4(n, i), podIP6(n, i))
		p := b.insert("Logical_Switch_Port", row{"name": pod(n, i), "addresses": []string{address},
			"port_security": []string{address}, "options": map[string]string{"requested-chassis": name},
			"external_ids": map[string]string{"pod": "true"}})
		ports = append(ports, p)
		ns := (n*b.p.PodsPerNode + i) % b.p.Namespaces
		b.namespacePorts[ns] = append(b.namespacePorts[ns], p)
		b.namespaceIP4[ns] = append(b.namespaceIP4[ns], podIP4(n, i))
		b.namespaceIP6[ns] = append(b.namespaceIP6[ns], podIP6(n, i))
	}
	// The kubelet's probes come from the management port and are always let in.
	acl := b.insert("ACL", row{"action": "allow-related", "direction": "to-lport", "priority": 1001,
		"match": fmt.Sprintf("ip4.src==%s.2 || ip6.src==%s:2", subnet4, subnet6)})
	b.insert("Logical_Switch", row{"name": name, "ports": ports, "acls": []ref{acl},
		"load_balancer_group": []ref{b.lbGroup},
		"other_config":        map[string]string{"subnet": subnet4 + ".0/24", "exclude_ips": subnet4 + ".2"}})

	// Cluster router: what comes from this node's pods leaves by its gateway.
	for _, r := range []row{
		{"ip_prefix": subnet4 + ".0/24", "nexthop": joinIP4, "policy": "src-ip"},
		{"ip_prefix": subnet6 + ":/64", "nexthop": joinIP6, "policy": "src-ip"},
		{"ip_prefix": joinIP4, "nexthop": joinIP4},
		{"ip_prefix": joinIP6, "nexthop": joinIP6},
	} {
		b.routes = append(b.routes, b.insert("Logical_Router_Static_Route", r))
	}
	nodeIP4, nodeIP6 := fmt.Sprintf("192.168.%d.%d", n/250, n%250+2), fmt.Sprintf("fd00:10:20::%x", n+2)
	b.policies = append(b.policies, b.insert("Logical_Router_Policy", row{"priority": 1004,
		"match":  fmt.Sprintf(`inport == "rtos-%s" && ip4.dst == %s /* %s */`, name, nodeIP4, name),
		"action": "reroute", "nexthops": []string{subnet4 + ".2"}}))

	// Gateway router.
	gr := "GR_" + name
	grPorts := []ref{
		b.routerPort("rtoj-"+gr, mac(3), joinIP4+"/16", joinIP6+"/64"),
		b.routerPort("rtoe-"+gr, mac(4), nodeIP4+"/16", nodeIP6+"/64"),
	}
	b.joinPorts = append(b.joinPorts, b.toRouter("jtor-"+gr, "rtoj-"+gr))
	grRoutes := []ref{
		b.insert("Logical_Router_Static_Route", row{"ip_prefix": "10.128.0.0/14", "nexthop": "100.64.0.1"}),
		b.insert("Logical_Router_Static_Route", row{"ip_prefix": "fd01::/48", "nexthop": "fd98::1"}),
		b.insert("Logical_Router_Static_Route", row{"ip_prefix": "0.0.0.0/0", "nexthop": "192.168.255.254", "output_port": "rtoe-" + gr}),
	}
	nats := []ref{
		b.insert("NAT", row{"type": "snat", "external_ip": nodeIP4, "logical_ip": subnet4 + ".0/24"}),
		b.insert("NAT", row{"type": "snat", "external_ip": nodeIP4, "logical_ip": joinIP4}),
		b.insert("NAT", row{"type": "snat", "external_ip": nodeIP6, "logical_ip": subnet6 + ":/64"}),
	}
	b.insert("Logical_Router", row{"name": gr, "ports": grPorts, "static_routes": grRoutes, "nat": nats,
		"load_balancer_group": []ref{b.lbGroup},
		"options": map[string]string{"chassis": name, "lb_force_snat_ip": "router_ip", "snat-ct-zone": "0",
			"always_learn_from_arp_request": "false", "dynamic_neigh_routers": "true", "mac_binding_age_threshold": "300"}})
	b.insert("Logical_Switch", row{"name": "ext_" + name, "ports": []ref{
		b.toRouter("etor-"+gr, "rtoe-"+gr),
		b.switchPort("breth0_"+name, "localnet", []string{"unknown"}, map[string]string{"network_name": "physnet"}),
	}})
}

func (b *builder) join() {
	b.joinPorts = append(b.joinPorts, b.toRouter("jtor-ovn_cluster_router", "rtoj-ovn_cluster_router"))
	b.routerPorts = append(b.routerPorts,
		b.routerPort("rtoj-ovn_cluster_router", "0a:58:64:40:00:01", "100.64.0.1/16", "fd98::1/64"))
	b.insert("Logical_Switch", row{"name": "join", "ports": b.joinPorts})
}

func (b *builder) clusterRouter() {
	for _, match := range []string{"ip4.src == 10.128.0.0/14 && ip4.dst == 10.128.0.0/14",
		"ip4.src == 10.128.0.0/14 && ip4.dst == 100.64.0.0/16", "ip6.src == fd01::/48 && ip6.dst == fd01::/48"} {
		b.policies = append(b.policies, b.insert("Logical_Router_Policy",
			row{"priority": 102, "match": match, "action": "allow"}))
	}
	b.insert("Logical_Router", row{"name": "ovn_cluster_router", "ports": b.routerPorts, "static_routes": b.routes,
		"policies": b.policies, "options": map[string]string{"always_learn_from_arp_request": "false"}})
}

// namespaces makes, for each namespace, its address sets, a group that drops by
// default, and groups with the ACLs of its policies.
func (b *builder) namespaces() {
	for ns := range b.p.Namespaces {
		as4, as6 := fmt.Sprintf("a_ns%d_v4", ns), fmt.Sprintf("a_ns%d_v6", ns)
		b.insert("Address_Set", row{"name": as4, "addresses": b.namespaceIP4[ns]})
		b.insert("Address_Set", row{"name": as6, "addresses": b.namespaceIP6[ns]})
		deny := fmt.Sprintf("pg_ns%d_ingressDefaultDeny", ns)
		b.insert("Port_Group", row{"name": deny, "ports": b.namespacePorts[ns], "acls": []ref{
			b.insert("ACL", row{"action": "drop", "direction": "to-lport", "priority": 1000,
				"match": "outport == @" + deny}),
			b.insert("ACL", row{"action": "allow", "direction": "to-lport", "priority": 1001,
				"match": "outport == @" + deny + " && (arp || nd)"}),
		}})
		for policy := range b.p.Policies {
			pg := fmt.Sprintf("pg_ns%d_policy%d", ns, policy)
			from := (ns + policy + 1) % b.p.Namespaces
			b.insert("Port_Group", row{"name": pg, "ports": b.namespacePorts[ns], "acls": []ref{
				b.insert("ACL", row{"action": "allow-related", "direction": "to-lport", "priority": 1001,
					"match": fmt.Sprintf("(ip4.src == {$a_ns%[1]d_v4} || ip6.src == {$a_ns%[1]d_v6}) && tcp && tcp.dst==%[2]d && outport == @%[3]s",
						from, 8080+policy, pg)}),
				b.insert("ACL", row{"action": "allow-related", "direction": "from-lport", "priority": 1001,
					"options": map[string]string{"apply-after-lb": "true"},
					"match": fmt.Sprintf("ip4.dst == 10.%d.0.0/16 && ip4.dst != {10.%[1]d.1.0/24, 10.%[1]d.2.0/24} && inport == @%[2]s",
						150+policy, pg)}),
			}})
		}
	}
}

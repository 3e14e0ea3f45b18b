// Package integration runs the agent among the real things: ovsdb-server,
// ovs-vswitchd with its userspace datapath, ovn-northd, guests that send packets.
//
//	        fabric namespace                       chassis namespace            guest namespace
//	┌──────────────────────────────┐      ┌────────────────────────────────┐   ┌─────────────┐
//	│ NB, SB ovsdb-server, northd  │      │ ovsdb-server, ovs-vswitchd     │   │ eth0        │
//	│ bridge mgmt 172.30.0.1 ──────┼─veth─┼─ mgmt0: southbound connection  │   │ echo server │
//	│ bridge under ────────────────┼─veth─┼─ under0 ─ br-phy: tunnels      │   │ ping        │
//	│ bridge ext ── external hosts ┼─veth─┼─ ext0 ─── br-ex: localnet      │   │             │
//	└──────────────────────────────┘      │ br-int ── agent under test     ├veth┤            │
//	                                      └────────────────────────────────┘   └─────────────┘
//
// Every namespace is anonymous: it is held by an OS thread of this process and
// by the children that thread started, which the kernel kills with it. Whatever
// way the process ends, kill -9 included, namespaces, interfaces and daemons are
// gone; directories left behind are swept by the next run.
package integration

// T is what the harness needs of a test. *testing.T has it; Run gives it to
// commands.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Failed() bool
}

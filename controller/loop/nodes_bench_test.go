package loop

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// deafWriter is a switch that has everything at once.
type deafWriter struct {
	Writer
	added, removed int
	committed      uint64
}

func (w *deafWriter) Update(removed, added []*openflow.Flow) {
	w.removed += len(removed)
	w.added += len(added)
}
func (w *deafWriter) Commit(seq uint64)                       { w.committed = seq }
func (w *deafWriter) SetMeters(map[string]openflow.MeterSpec) {}
func (w *deafWriter) Enable()                                 {}
func (w *deafWriter) FlushZone(uint16)                        {}
func (w *deafWriter) FlushConnections(openflow.CtFlush)       {}
func (w *deafWriter) SetTarget(string)                        {}
func (w *deafWriter) SetProbe(time.Duration)                  {}
func (w *deafWriter) SetAside(ofbundle.Aside)                 {}
func (w *deafWriter) RetryRefused()                           {}

// cluster is a loop without connections in a cluster of some nodes: a test writes into
// the replicas what the servers would.
type cluster struct {
	tb     testing.TB
	l      *Loop
	w      *replicatest.World
	writer *deafWriter
	// written counts the transactions of the local database whose results wait.
	written int
	// incomplete: the southbound contents are not all there yet.
	incomplete bool
}

// newCluster makes hv1 know nodes-1 others, each with a tunnel port. One local switch
// has two ports, one of them here.
func newCluster(tb testing.TB, nodes int) *cluster { return newClusterWith(tb, nodes, nil) }

// newClusterWith has another translation than the real one, if that is not nil.
func newClusterWith(tb testing.TB, nodes int, tr Translator) *cluster {
	c := &cluster{tb: tb, writer: &deafWriter{}}
	options := Options{
		OVSDatabase: "unix:/nowhere",
		Logger:      func(string) *slog.Logger { return slog.New(slog.DiscardHandler) },
		Identity:    config.Identity{CLI: "hv1"},
		NewWriter:   func(ofbundle.Config) Writer { return c.writer },
	}
	if tr != nil {
		options.NewTranslator = func(*sbdb.DB) Translator { return tr }
	}
	c.l = New(options)
	c.w = replicatest.On(tb, c.l.sb, c.l.ovs)
	c.do("global g",
		"open o types=geneve,vxlan ext:ovn-remote=unix:/nowhere ext:ovn-encap-type=geneve ext:ovn-encap-ip=10.0.0.1 oc:ovn-chassis-idx-hv1= oc:vlan-limit=0",
		"bridge br-int fail=secure dptype=system",
		"chassis hv1 host=h1 encaps=geneve/10.0.0.1", "private hv1",
		"datapath sw0 switch key=1", "port p1 dp=sw0 key=1", "port p2 dp=sw0 key=2 chassis=n3",
		"iface vif1 ofport=1 ext:iface-id=p1")
	for n := 2; n <= nodes; n++ {
		c.do(c.chassis(n), c.tunnel(n))
	}
	c.l.local.ready, c.l.sbSide.ready, c.l.local.connected, c.l.sbSide.connected = true, true, true, true
	c.l.features, c.l.featured, c.l.switchUp = ofbundle.Features{Geneve: true, GeneveIndex: 0}, true, true
	c.l.settledOnce = true
	for range 4 {
		c.round()
	}
	return c
}

func (c *cluster) address(n int) string { return fmt.Sprintf("10.0.%d.%d", n>>8, n&0xff) }

func (c *cluster) chassis(n int) string {
	return fmt.Sprintf("chassis n%d encaps=geneve/%s encap:csum=true", n, c.address(n))
}

func (c *cluster) tunnel(n int) string {
	a := c.address(n)
	return fmt.Sprintf("iface ovn-n%d-0 type=geneve ofport=%d opt:remote_ip=%s opt:local_ip=10.0.0.1 opt:key=flow opt:csum=true port:ovn-chassis-id=n%d@%s%%10.0.0.1",
		n, 100+n, a, n, a)
}

func (c *cluster) do(lines ...string) {
	for _, line := range lines {
		if !c.w.Do(line) {
			c.tb.Fatalf("unknown line %q", line)
		}
	}
}

// round is what the loop does about what was written, a translation included. The
// databases take every transaction and change nothing.
func (c *cluster) round() {
	l := c.l
	l.ovsChanges, l.sbChanges = c.w.LocalChanges, c.w.SBChanges
	c.w.Reset()
	if !c.incomplete {
		l.condInForce = ^uint64(0)
	}
	l.round(time.Now())
	if l.running {
		l.translated(<-l.results)
	}
	if l.local.inFlight {
		c.written++
	}
	l.local.inFlight, l.sbSide.inFlight = false, false
	l.acked = l.seq
	l.ifstatus.Acked(l.seq)
}

// BenchmarkNodes is the agent's own part of a change, how many other nodes there are
// notwithstanding: rounds and translations, not the decoding of rows.
func BenchmarkNodes(b *testing.B) {
	for _, nodes := range []int{50, 1000} {
		run := func(name string, steps ...[]string) {
			b.Run(fmt.Sprintf("%s/%d", name, nodes), func(b *testing.B) {
				c := newCluster(b, nodes)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					for _, lines := range steps {
						b.StopTimer()
						c.do(lines...)
						b.StartTimer()
						c.round()
					}
				}
			})
		}
		var c *cluster
		run("chassis", []string{c.chassis(2000)}, []string{c.tunnel(2000)},
			[]string{"del chassis n2000"}, []string{"del iface ovn-n2000-0"})
		run("guest", []string{"iface vif2 ofport=2 ext:iface-id=p2"}, []string{"port p2 dp=sw0 key=2 chassis=hv1"},
			[]string{"del iface vif2"}, []string{"port p2 dp=sw0 key=2 chassis=n3"})
		run("status", []string{"iface vif1 ofport=1 ext:iface-id=p1 status:link_resets=1"},
			[]string{"iface vif1 ofport=1 ext:iface-id=p1 status:link_resets=2"})
		run("elsewhere", []string{"port p2 dp=sw0 key=2 chassis=n4"}, []string{"port p2 dp=sw0 key=2 chassis=n3"})
	}
}

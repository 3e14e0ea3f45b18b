package binding

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
)

// cluster is a chassis among others: a router with a switch for each of them, a tunnel
// to each, a few guests of its own.
type cluster struct {
	*replicatest.World
	d  *Duty
	in Inputs
}

func newCluster(b *testing.B, nodes int) *cluster {
	w := replicatest.New(b)
	w.Do("bridge br-int")
	w.Do("chassis hv1")
	w.Do("datapath r0 key=1")
	for i := range nodes {
		w.Do(fmt.Sprintf("datapath sw%d switch key=%d", i, i+2))
		w.Do(fmt.Sprintf("port sw%d-r0 dp=sw%d key=1 type=patch opt:peer=r0-sw%d", i, i, i))
		w.Do(fmt.Sprintf("port r0-sw%d dp=r0 key=%d type=patch opt:peer=sw%d-r0", i, i+1, i))
	}
	for i := range 10 {
		w.Do(fmt.Sprintf("port pod%d dp=sw0 key=%d chassis=hv1", i, i+2))
		w.Do(fmt.Sprintf("iface vif%d ofport=%d ext:iface-id=pod%d", i, i+10, i))
	}
	for i := range nodes {
		w.Do(fmt.Sprintf("iface ovn-hv%d-0 type=geneve ofport=%d opt:remote_ip=10.0.0.1", i, i+1000))
	}
	c := &cluster{World: w, d: New(slog.New(slog.DiscardHandler)), in: Inputs{
		SB: w.SB, Local: w.Local, Bridge: w.Local.BridgeByName.One("br-int"), Chassis: w.SB.ChassisByName.One("hv1"), Now: time.Unix(1000, 0),
	}}
	c.round()
	if n := len(c.d.datapaths); n != nodes+1 {
		b.Fatalf("%d local datapaths", n)
	}
	return c
}

func (c *cluster) round() Delta {
	c.in.Bridge = c.Local.BridgeByName.One("br-int")
	c.in.SBChanges, c.in.LocalChanges = c.SBChanges, c.LocalChanges
	c.in.Now = c.in.Now.Add(time.Second)
	return c.d.Run(c.in, nil)
}

// benchmark times the rounds after changes of the replicas, which take turns.
func benchmark(b *testing.B, prepare func(c *cluster), changes ...func(c *cluster)) {
	for _, nodes := range []int{50, 1000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			c := newCluster(b, nodes)
			if prepare != nil {
				prepare(c)
				c.round()
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				c.Reset()
				changes[i%len(changes)](c)
				b.StartTimer()
				c.round()
			}
		})
	}
}

func lines(lines ...string) func(*cluster) {
	return func(c *cluster) {
		for _, l := range lines {
			c.Do(l)
		}
	}
}

// BenchmarkRouterPort: the router gets a port to a switch more, and loses it.
func BenchmarkRouterPort(b *testing.B) {
	benchmark(b, nil,
		lines("datapath new switch key=5000", "port new-r0 dp=new key=1 type=patch opt:peer=r0-new", "port r0-new dp=r0 key=5000 type=patch opt:peer=new-r0"),
		lines("del port new-r0", "del port r0-new", "del datapath new"))
}

// BenchmarkSecondLink: a switch is connected to the router a second time, then no more.
func BenchmarkSecondLink(b *testing.B) {
	benchmark(b, nil,
		lines("port two-r0 dp=sw7 key=9 type=patch opt:peer=r0-two", "port r0-two dp=r0 key=5000 type=patch opt:peer=two-r0"),
		lines("del port two-r0", "del port r0-two"))
}

// BenchmarkSecondRoot: another switch has a guest for a while.
func BenchmarkSecondRoot(b *testing.B) {
	benchmark(b, lines("port guest dp=sw9 key=2 chassis=hv1"),
		lines("iface tap ofport=9 ext:iface-id=guest"), lines("del iface tap"))
}

// BenchmarkOnlyRoot: guests on one switch or the other are what the router is local for.
func BenchmarkOnlyRoot(b *testing.B) {
	move := func(to string) func(c *cluster) {
		return func(c *cluster) {
			for i := range 10 {
				c.Do(fmt.Sprintf("port pod%d dp=%s key=%d chassis=hv1", i, to, i+2))
			}
		}
	}
	benchmark(b, lines("port guest dp=sw9 key=2 chassis=hv1", "iface tap ofport=9 ext:iface-id=guest"), move("sw5"), move("sw0"))
}

// BenchmarkPlug: an interface comes and goes, of a guest that has no port yet.
func BenchmarkPlug(b *testing.B) {
	benchmark(b, nil, lines("iface tap ofport=9 ext:iface-id=guest"), lines("del iface tap"))
}

// BenchmarkMarked: an interface is marked as installed.
func BenchmarkMarked(b *testing.B) {
	benchmark(b, nil,
		lines("iface vif1 ofport=11 ext:iface-id=pod1 ext:ovn-installed=true"), lines("iface vif1 ofport=11 ext:iface-id=pod1"))
}

// BenchmarkPortElsewhere: a port of another chassis changes.
func BenchmarkPortElsewhere(b *testing.B) {
	benchmark(b, nil,
		lines("port far dp=sw9 key=2"), lines("port far dp=sw9 key=2 up=true"))
}

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

func TestMain(m *testing.M) { integration.Main(m) }

func observation(text string) *Observation {
	o := &Observation{
		Zones:     map[string]string{"5": "p1", "6": "lr0_snat", "7": "p2"},
		Requested: map[string]bool{"6": true},
		OFPorts:   map[string]string{"3": "<geneve to 172.31.0.2>"},
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "cookie="):
			o.Flows = append(o.Flows, line)
		case strings.HasPrefix(line, "group_id="):
			o.Groups = append(o.Groups, line)
		case strings.HasPrefix(line, "meter="):
			o.Meters = append(o.Meters, line)
		}
	}
	return o
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"cookie=0x1, priority=100,in_port=3 actions=set_field:0x5/0xffff->reg13,output:3",
			"cookie=0x1, table=0, priority=100,in_port=<geneve to 172.31.0.2> actions=set_field:<zone p1>/0xffff->reg13,output:<geneve to 172.31.0.2>"},
		{"cookie=0x1, table=8, priority=1,in_port=1 actions=output:1", "cookie=0x1, table=8, priority=1,in_port=1 actions=output:1"},
		{"cookie=0x1, table=8, actions=drop", "cookie=0x1, table=8, priority=32768, actions=drop"},
		// A zone that was requested is to be that number.
		{"cookie=0x1, table=8, priority=1 actions=set_field:0x6->reg12", "cookie=0x1, table=8, priority=1, actions=set_field:0x6->reg12"},
		{"cookie=0x1, table=8, priority=1,reg11=0x7 actions=ct(zone=7)", "cookie=0x1, table=8, priority=1,reg11=<zone p2> actions=ct(zone=<zone p2>)"},
	} {
		flows, _, err := normalise(observation(c.in))
		if err != nil {
			t.Fatalf("%s: %v", c.in, err)
		}
		if got := flows[0].String(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestCompareArbitraryIDs(t *testing.T) {
	a := observation(`
		cookie=0xa, table=9, priority=1,conj_id=1,ip actions=resubmit(,10)
		cookie=0xb, table=9, priority=1,ip,nw_src=10.0.0.1 actions=conjunction(1,1/2),conjunction(2,1/2)
		cookie=0xb, table=9, priority=1,ip,nw_src=10.0.0.2 actions=conjunction(1,1/2)
		cookie=0xc, table=9, priority=1,conj_id=2,ip actions=drop
		cookie=0xd, table=10, priority=1 actions=group:1
		cookie=0xe, table=10, priority=2 actions=controller(userdata=00,meter_id=1)
		group_id=1,type=select,bucket=bucket_id:0,weight:100,actions=drop
		meter=1 kbps bands= type=drop rate=1`)
	b := observation(`
		cookie=0xa, table=9, priority=1,conj_id=9,ip actions=resubmit(,10)
		cookie=0xb, table=9, priority=1,ip,nw_src=10.0.0.1 actions=conjunction(4,1/2),conjunction(9,1/2)
		cookie=0xb, table=9, priority=1,ip,nw_src=10.0.0.2 actions=conjunction(9,1/2)
		cookie=0xc, table=9, priority=1,conj_id=4,ip actions=drop
		cookie=0xd, table=10, priority=1 actions=group:77
		cookie=0xe, table=10, priority=2 actions=controller(userdata=00,meter_id=2)
		group_id=77,type=select,bucket=bucket_id:0,weight:100,actions=drop
		meter=2 kbps bands= type=drop rate=1`)
	if r := compare(a, b); !r.Equal() || r.Same != 8 {
		t.Errorf("same %d\n%s", r.Same, r.Report(10))
	}
	// The clause moved to the other conjunction: the same text but for ids.
	b.Flows[2] = strings.ReplaceAll(b.Flows[2], "conjunction(9", "conjunction(4")
	if compare(a, b).Equal() {
		t.Error("a clause of another conjunction is not noticed")
	}
}

// TestReference shows that the reference agent equals itself and that whatever is
// spoilt on one side is reported.
func TestReference(t *testing.T) {
	topologies, err := loadTopologies("topologies", regexp.MustCompile("^(acl|loadbalancer)$"))
	if err != nil {
		t.Fatal(err)
	}
	for _, topo := range topologies {
		t.Run(topo.Name, func(t *testing.T) {
			t.Parallel()
			snapshot := makeSnapshot(t, topo)
			reference := observe(t, topo, snapshot, integration.Reference, nil)
			again := observe(t, topo, snapshot, integration.Reference, nil)
			if r := compare(reference, again); !r.Equal() {
				t.Errorf("the reference differs from itself:\n%s", r.Report(10))
			}
			if topo.Name == "acl" {
				spoil(t, topo, snapshot, reference, "a flow's actions", func(ch *integration.Chassis) {
					ch.OFCtl("mod-flows", "br-int", "table=8,actions=drop")
				}, func(r *Result) bool { return len(r.Differ) > 0 })
				spoil(t, topo, snapshot, reference, "a flow more", func(ch *integration.Chassis) {
					ch.OFCtl("add-flow", "br-int", "table=46,priority=7,reg15=0x7 actions=drop")
				}, func(r *Result) bool { return len(r.OnlyOurs) == 1 && len(r.OnlyTheirs) == 0 })
				spoil(t, topo, snapshot, reference, "table 0 emptied", func(ch *integration.Chassis) {
					ch.OFCtl("del-flows", "br-int", "table=0")
				}, func(r *Result) bool { return len(r.OnlyTheirs) > 0 && len(r.OnlyOurs) == 0 })
			} else {
				spoil(t, topo, snapshot, reference, "a group's bucket", func(ch *integration.Chassis) {
					id, _, _ := strings.Cut(ch.DumpGroups()[0], ",")
					ch.OFCtl("mod-group", "br-int", id+",type=select,selection_method=dp_hash,bucket=actions=drop")
				}, func(r *Result) bool { return len(r.OnlyOurs) > 0 && len(r.OnlyTheirs) > 0 || len(r.Differ) > 0 })
			}
		})
	}
}

func spoil(t *testing.T, topo *Topology, snapshot string, reference *Observation, what string,
	tamper func(*integration.Chassis), noticed func(*Result) bool) {
	t.Helper()
	if r := compare(reference, observe(t, topo, snapshot, integration.Reference, tamper)); !noticed(r) {
		t.Errorf("%s is not noticed: %d same, %d only ours, %d only theirs, %d differ\n%s", what, r.Same, len(r.OnlyOurs), len(r.OnlyTheirs), len(r.Differ), r.Report(3))
	}
}

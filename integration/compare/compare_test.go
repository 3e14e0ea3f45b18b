package compare

import (
	"strings"
	"testing"
)

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
	if r := Compare(a, b); !r.Equal() || r.Same != 8 {
		t.Errorf("same %d\n%s", r.Same, r.Report(10))
	}
	// The clause moved to the other conjunction: the same text but for ids.
	b.Flows[2] = strings.ReplaceAll(b.Flows[2], "conjunction(9", "conjunction(4")
	if Compare(a, b).Equal() {
		t.Error("a clause of another conjunction is not noticed")
	}
}

// TestCompareUnusedMeter: a meter that no flow uses may be the reference's alone.
func TestCompareUnusedMeter(t *testing.T) {
	flow, meter := "cookie=0xd, table=10, priority=1 actions=drop\n", "meter=1 kbps bands= type=drop rate=1\n"
	if r := Compare(observation(flow+meter), observation(flow)); !r.Equal() || r.Accepted != 1 {
		t.Errorf("accepted %d\n%s", r.Accepted, r.Report(10))
	}
	if r := Compare(observation(flow), observation(flow+meter)); len(r.OnlyOurs) != 1 {
		t.Errorf("ours may have none:\n%s", r.Report(10))
	}
	uses := "cookie=0xd, table=10, priority=1 actions=meter:1\n"
	if r := Compare(observation(uses+meter), observation(uses)); len(r.OnlyTheirs) != 1 {
		t.Errorf("one that is used is not noticed:\n%s", r.Report(10))
	}
}

// TestCompareTooBig: the reference may have the flows of a port or not, but not some.
func TestCompareTooBig(t *testing.T) {
	in := "cookie=0xa, table=42, priority=100,ip,reg14=0x9,metadata=0x1 actions=check_pkt_larger(1442)->NXM_NX_REG9[1],resubmit(,43)\n"
	out := strings.ReplaceAll(in, "reg14", "reg15")
	if r := Compare(observation(""), observation(in+out)); !r.Equal() || r.Accepted != 2 {
		t.Errorf("accepted %d\n%s", r.Accepted, r.Report(10))
	}
	if r := Compare(observation(out), observation(in+out)); len(r.OnlyOurs) != 1 {
		t.Errorf("one too many is not noticed:\n%s", r.Report(10))
	}
}

func TestCompareVersions(t *testing.T) {
	newer := observation(`
		cookie=0xd, table=10, priority=1 actions=group:1
		group_id=1,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:100,actions=drop,bucket=bucket_id:2,weight:100,actions=output:1`)
	older := observation(`
		cookie=0xd, table=10, priority=1 actions=group:3
		group_id=3,type=select,bucket=bucket_id:0,weight:100,actions=drop,bucket=bucket_id:1,weight:100,actions=output:1`)
	if r := CompareVersions(newer, older); !r.Equal() {
		t.Errorf("the ways of choosing count:\n%s", r.Report(10))
	}
	older.Groups[0] = strings.Replace(older.Groups[0], "output:1", "output:2", 1)
	if CompareVersions(newer, older).Equal() {
		t.Error("another bucket is not noticed")
	}
}

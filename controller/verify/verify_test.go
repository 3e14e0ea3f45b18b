package verify

import (
	"strings"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

func parse(t testing.TB, line string) openflow.Flow {
	t.Helper()
	f, err := openflow.ParseFlow(line)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// side is flows, groups and meters as both sides of a comparison.
type side struct {
	flows  []string
	groups map[uint32]string
	meters map[uint32]openflow.MeterSpec
}

func (s side) desired(t testing.TB) *ofbundle.Desired {
	t.Helper()
	d := &ofbundle.Desired{Groups: map[uint32]string{}, Meters: map[uint32]ofbundle.DesiredMeter{}}
	for i, line := range s.flows {
		f := parse(t, line)
		d.Flows = append(d.Flows, ofbundle.DesiredFlow{Flow: f, Owners: [][16]byte{{0: byte(i + 1)}}})
	}
	for id, g := range s.groups {
		d.Groups[id] = g
	}
	for id, m := range s.meters {
		d.Meters[id] = ofbundle.DesiredMeter{Name: "m", Spec: m}
	}
	return d
}

func (s side) contents(t testing.TB) *ofbundle.Contents {
	t.Helper()
	c := &ofbundle.Contents{Groups: s.groups, Meters: s.meters}
	for _, line := range s.flows {
		c.Flows = append(c.Flows, ofbundle.InstalledFlow{Flow: parse(t, line)})
	}
	return c
}

func group(buckets int) string {
	g := openflow.GroupSpec{Type: openflow.GroupSelect}
	for i := range buckets {
		g.Buckets = append(g.Buckets, openflow.Bucket{ID: uint32(i), Weight: 100})
	}
	return string(g.Encode())
}

func meter(rate uint32) openflow.MeterSpec {
	return openflow.MeterSpec{Flags: openflow.MeterKbps, Bands: []openflow.MeterBand{{Type: openflow.MeterBandDrop, Rate: rate}}}
}

func TestCompare(t *testing.T) {
	base := side{
		flows: []string{
			"cookie=0x1, table=8, priority=100,ip,nw_dst=10.0.0.1 actions=resubmit(,9)",
			"cookie=0x2, table=9, priority=5,reg0=0x1 actions=drop",
		},
		groups: map[uint32]string{1: group(2)}, meters: map[uint32]openflow.MeterSpec{3: meter(10)},
	}
	for name, c := range map[string]struct {
		have side
		want []string // kind and what of each difference
	}{
		"same": {base, nil},
		"missing": {side{flows: base.flows[:1], groups: map[uint32]string{}, meters: map[uint32]openflow.MeterSpec{}},
			[]string{"missing flow", "missing group", "missing meter"}},
		"extra": {side{flows: append([]string{"table=3, priority=1 actions=drop"}, base.flows...),
			groups: map[uint32]string{1: group(2), 2: group(1)}, meters: map[uint32]openflow.MeterSpec{3: meter(10), 4: meter(1)}},
			[]string{"extra flow", "extra group", "extra meter"}},
		"other contents": {side{flows: []string{base.flows[0], "cookie=0x2, table=9, priority=5,reg0=0x1 actions=resubmit(,10)"},
			groups: map[uint32]string{1: group(3)}, meters: map[uint32]openflow.MeterSpec{3: meter(11)}},
			[]string{"differs flow", "differs group", "differs meter"}},
		"other cookie": {side{flows: []string{base.flows[0], "cookie=0x5, table=9, priority=5,reg0=0x1 actions=drop"},
			groups: base.groups, meters: base.meters}, []string{"differs flow"}},
		"other priority": {side{flows: []string{base.flows[0], "cookie=0x2, table=9, priority=6,reg0=0x1 actions=drop"},
			groups: base.groups, meters: base.meters}, []string{"extra flow", "missing flow"}},
	} {
		r := Compare(base.desired(t), c.have.contents(t))
		var got []string
		for _, d := range r.Differences {
			got = append(got, string(d.Kind)+" "+d.What)
		}
		if strings.Join(got, ",") != strings.Join(c.want, ",") || r.Equal() != (len(c.want) == 0) {
			t.Errorf("%s: differences %q, want %q", name, got, c.want)
		}
	}
}

// Only flows with both table and cookie of a learn action's target were learned.
func TestCompareLearned(t *testing.T) {
	learner := "cookie=0x7, table=8, priority=1 actions=learn(table=67,cookie=0x7,priority=2,reg0=0x1)"
	want := side{flows: []string{learner}}
	have := want
	have.flows = append(have.flows,
		"cookie=0x7, table=67, priority=2,reg0=0x1 actions=drop",
		"cookie=0x8, table=67, priority=3,reg0=0x1 actions=drop",
		"cookie=0x7, table=68, priority=2,reg0=0x1 actions=drop")
	r := Compare(want.desired(t), have.contents(t))
	if r.Learned != 1 || len(r.Differences) != 2 {
		t.Errorf("%d learned, %d differences\n%s", r.Learned, len(r.Differences), r.Report(0, nil))
	}
}

// What was set aside for others is neither missed nor too much; what is ours in the
// same place is still compared.
func TestCompareAside(t *testing.T) {
	aside, err := ofbundle.ParseAside("table=50,group=100,meter=9")
	if err != nil {
		t.Fatal(err)
	}
	want := side{flows: []string{"cookie=0x1, table=50, priority=1 actions=drop"}}.desired(t)
	want.Aside = aside
	have := side{
		flows:  []string{"cookie=0x1, table=50, priority=1 actions=drop", "cookie=0x9, table=50, priority=2 actions=drop"},
		groups: map[uint32]string{100: group(1)},
		meters: map[uint32]openflow.MeterSpec{9: meter(5)},
	}.contents(t)
	encoded, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if want, err = Decode(encoded); err != nil {
		t.Fatal(err)
	}
	if r := Compare(want, have); len(r.Differences) != 0 || r.Same != 1 {
		t.Errorf("%d same, differences %+v", r.Same, r.Differences)
	}
	have.Flows = have.Flows[1:]
	have.Groups[101] = group(2)
	if r := Compare(want, have); len(r.Differences) != 2 {
		t.Errorf("differences %+v, want a flow missing and a group too many", r.Differences)
	}
}

func TestCompareMarked(t *testing.T) {
	s := side{flows: []string{"table=8, priority=1 actions=drop", "table=8, priority=2 actions=drop"}}
	want, have := s.desired(t), s.contents(t)
	want.Flows[0].Refused = true
	have.Flows[1].Foreign = true
	have.Flows = have.Flows[1:]
	want.Meters[9] = ofbundle.DesiredMeter{Name: "nobody defines it", Undefined: true}
	r := Compare(want, have)
	if len(r.Differences) != 2 || r.Differences[0].Kind != Differs || r.Differences[1].Kind != Refused {
		t.Errorf("%s", r.Report(0, nil))
	}
}

func TestReport(t *testing.T) {
	want := side{flows: []string{"table=1, priority=1 actions=drop", "table=2, priority=1 actions=drop", "table=3, priority=1 actions=drop"}}
	text := Compare(want.desired(t), side{}.contents(t)).Report(2, func(o [16]byte) string { return "row " + string('0'+rune(o[0])) })
	for _, s := range []string{"table=1,", "from: row 1", "from: row 2", "… 1 more missing"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in\n%s", s, text)
		}
	}
	if strings.Contains(text, "table=3,") {
		t.Errorf("more than two in\n%s", text)
	}
}

func TestEncode(t *testing.T) {
	s := side{
		flows:  []string{"cookie=0x1, table=8, priority=100,ip,nw_dst=10.0.0.1 actions=resubmit(,9)", "table=9, priority=5 actions=drop"},
		groups: map[uint32]string{1: group(2)}, meters: map[uint32]openflow.MeterSpec{3: meter(10)},
	}
	d := s.desired(t)
	d.Flows[1].Refused = true
	text, err := Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	got.Flows[1].Refused = false
	if r := Compare(got, s.contents(t)); !r.Equal() || r.Same != 4 {
		t.Errorf("%d the same\n%s", r.Same, r.Report(0, nil))
	}
	if o := got.Flows[1].Owners; len(o) != 1 || o[0] != d.Flows[1].Owners[0] || got.Flows[1].Flow.Owner != o[0] {
		t.Errorf("owners %v", o)
	}
	for _, bad := range []string{"", "{", `{"Flows":[{"m":"AQ=="}]}`, `{"Flows":[{"o":["AQ=="]}]}`, `{"Groups":{"1":"AQ=="}}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// What an agent says is decoded by another program: nothing may bring that down.
func FuzzDecode(f *testing.F) {
	s := side{flows: []string{"cookie=0x1, table=8, priority=100,ip,nw_dst=10.0.0.1 actions=resubmit(,9)"}, groups: map[uint32]string{1: group(1)}}
	text, err := Encode(s.desired(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"Flows":[{"t":1,"m":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("own encoding: %v", err)
		}
	})
}

func TestText(t *testing.T) {
	m := openflow.MeterSpec{Flags: openflow.MeterPktps | openflow.MeterBurst | openflow.MeterStats,
		Bands: []openflow.MeterBand{{Type: openflow.MeterBandDrop, Rate: 100, Burst: 20}}}
	if got, want := MeterText(7, m), "meter=7 pktps burst stats bands= type=drop rate=100 burst_size=20"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := GroupText(4, group(1)); !strings.HasPrefix(got, "group_id=4,type=select") {
		t.Errorf("got %q", got)
	}
}

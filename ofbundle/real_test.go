package ofbundle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// sampleFlows is a desired set with some of everything.
func sampleFlows() []*openflow.Flow {
	var out []*openflow.Flow
	for i := range 20 {
		out = append(out, flow(8, 100, 0x1000+uint64(i), reg(14, uint64(i)), resubmit(9)))
	}
	out = append(out, flow(9, 0, 0x2000, nil, nil))
	// A group, used twice.
	lb := func(b *openflow.ActionBuilder) {
		b.GroupSymbol(lbGroup(3))
	}
	out = append(out, flow(10, 50, 0x3000, reg(0, 1), lb), flow(10, 50, 0x3001, reg(0, 2), lb))
	// Two conjunctions of one row on one datapath.
	for n := range uint16(2) {
		f := flow(11, 1001, 0x4000, reg(1, 7), resubmit(12))
		var s openflow.Symbol
		f.Match, s = openflow.ConjMatchSymbol(f.Match, 5, n)
		f.Symbols = openflow.SymbolList{s}.Encode()
		out = append(out, f)
		for v := range uint64(3) {
			for k := range uint8(2) {
				c := flow(11, 1001, 0, reg(2+int(k), v+uint64(n)), func(b *openflow.ActionBuilder) { b.ConjClause(5, n, k, 2) })
				c.Owner = f.Owner
				out = append(out, c)
			}
		}
	}
	// A meter by name and one that defines itself.
	out = append(out,
		flow(12, 10, 0x5000, nil, func(b *openflow.ActionBuilder) { b.MeterSymbol("acl"); b.Resubmit(13) }),
		flow(12, 11, 0x5001, reg(0, 3), func(b *openflow.ActionBuilder) {
			b.MeterSymbol("__string: uuid 00005001-0000-0000-0000-000000000000 kbps burst stats bands=type=drop rate=1000 burst_size=100")
			b.Resubmit(13)
		}))
	return out
}

func lbGroup(n int) *openflow.GroupSpec {
	g := &openflow.GroupSpec{Type: openflow.GroupSelect, SelectionMethod: "dp_hash"}
	for i := range n {
		var b openflow.ActionBuilder
		b.SetField(openflow.FieldReg0, openflow.U64(uint64(i)))
		b.Resubmit(20)
		g.Buckets = append(g.Buckets, openflow.Bucket{ID: uint32(i), Weight: 100, Actions: b.Actions()})
	}
	return g
}

var sampleMeters = map[string]openflow.MeterSpec{
	"acl": {Flags: openflow.MeterPktps | openflow.MeterStats,
		Bands: []openflow.MeterBand{{Type: openflow.MeterBandDrop, Rate: 10}}},
}

func startSample(t testing.TB, s *vswitch) *agent {
	t.Helper()
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.SetMeters(sampleMeters)
	a.Update(nil, sampleFlows())
	a.Enable()
	a.commit()
	return a
}

func TestInstall(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	f := a.connected()
	if f.Version != openflow.Version15 || !f.GroupHash || f.MaxSelectGroups == 0 || f.MaxMeters == 0 || !f.CtFlush || !f.Geneve {
		t.Errorf("features %+v", f)
	}
	// Both came after 3.1: flushing by label with 3.3, samples from registers with 3.4.
	if got, want := f.CtLabelFlush, s.atLeast(3, 3); got != want {
		t.Errorf("flushing by label: %v, want %v", got, want)
	}
	if got, want := f.SampleReg, s.atLeast(3, 4); got != want {
		t.Errorf("samples from registers: %v, want %v", got, want)
	}
	if got := s.ofctl("dump-tlv-map"); !strings.Contains(strings.Join(strings.Fields(got), " "), "0x102 0x80 4 tun_metadata0") {
		t.Errorf("Geneve option map:\n%s", got)
	}
	a.SetMeters(sampleMeters)
	a.Update(nil, sampleFlows())
	a.Commit(1)
	a.seq = 1
	if got := s.flows(); len(got) != 0 {
		t.Errorf("flows before Enable: %q", got)
	}
	a.Enable()
	a.acknowledged()
	if r := a.refusals(); len(r) != 0 {
		t.Fatalf("refused: %+v", r)
	}
	st := a.Stats()
	if st.Bundles != 1 || st.GroupAdds != 1 || st.MeterMods != 2 || st.Installed != st.Desired || st.Desired != len(s.flows()) {
		t.Errorf("counters %+v, flows %d", st, len(s.flows()))
	}
	flows := strings.Join(s.flows(), "\n")
	for _, want := range []string{
		"cookie=0x1003, table=8, priority=100,reg14=0x3 actions=resubmit(,9)",
		"cookie=0x3001, table=10, priority=50,reg0=0x2 actions=group:1",
		"actions=conjunction(16384,1/2),conjunction(16385,1/2)",
		"cookie=0x4000, table=11, priority=1001,conj_id=16385,reg1=0x7 actions=resubmit(,12)",
	} {
		if !strings.Contains(flows, want) {
			t.Errorf("no %q in\n%s", want, flows)
		}
	}
	if got := s.ofctl("dump-meters"); !strings.Contains(got, "rate=10") || !strings.Contains(got, "rate=1000 burst_size=100") {
		t.Errorf("meters:\n%s", got)
	}
	if g := a.Groups(); len(g) != 1 || g[0].ID != 1 {
		t.Errorf("groups %+v", g)
	}
	if m := a.Meters(); len(m) != 2 || m[1].Name != "acl" {
		t.Errorf("meters %+v", m)
	}
}

func TestRestartSendsNothing(t *testing.T) {
	s := startSwitch(t)
	a := startSample(t, s)
	flows, groups, meters := s.flows(), s.ofctl("dump-groups"), s.ofctl("dump-meters")
	a.stop()

	events := s.watch()
	b := startAgent(t, Config{Target: s.target()})
	b.connected()
	b.SetMeters(sampleMeters)
	all := sampleFlows()
	slices.Reverse(all)
	b.Update(nil, all[:10])
	b.Update(nil, all[10:])
	b.Enable()
	b.commit()
	st := b.Stats()
	if st.Bundles+st.FlowAdds+st.FlowModifies+st.FlowDeletes+st.GroupAdds+st.GroupDeletes+st.MeterMods+st.BundlesDiscarded != 0 {
		t.Errorf("a restart with nothing changed sent something: %+v\n%s", st, b.logs)
	}
	if !slices.Equal(flows, s.flows()) || groups != s.ofctl("dump-groups") || meters != s.ofctl("dump-meters") {
		t.Error("the switch has changed")
	}
	if e := events(); e != "" {
		t.Errorf("the flow monitor saw:\n%s", e)
	}
	if st.Installed != st.Desired || st.Installed != len(flows) {
		t.Errorf("counters %+v, flows %d", st, len(flows))
	}
	// Only what changes is sent from here on.
	b.Update([]*openflow.Flow{all[0]}, []*openflow.Flow{flow(9, 1, 0x2001, nil, nil)})
	b.commit()
	if st := b.Stats(); st.FlowAdds != 1 || st.FlowDeletes != 1 || st.FlowModifies != 0 || st.Bundles != 1 {
		t.Errorf("after one change: %+v", st)
	}
}

func TestRefused(t *testing.T) {
	s := startSwitch(t)
	named := map[uint64]string{0x6000: "the one with an unknown group", 0x6001: "the one with a bad action"}
	a := startAgent(t, Config{Target: s.target(), Describe: func(owner [16]byte) string {
		return named[uint64(owner[2])<<8|uint64(owner[3])]
	}})
	a.connected()
	good := sampleFlows()
	atAdd := flow(8, 1, 0x6001, nil, func(b *openflow.ActionBuilder) { b.AppendRaw("\x00\x63\x00\x08\x00\x00\x00\x00") })
	atCommit := flow(8, 2, 0x6000, nil, func(b *openflow.ActionBuilder) { b.Group(77) })
	noTable := flow(255, 2, 0x6002, nil, resubmit(9))
	tooLong := flow(8, 3, 0x6003, nil, func(b *openflow.ActionBuilder) {
		for range 5000 {
			b.Resubmit(9)
		}
	})
	a.SetMeters(sampleMeters)
	a.Update(nil, append(slices.Clone(good), atAdd, atCommit, noTable, tooLong))
	a.Enable()
	a.commit()
	if got, want := len(s.flows()), a.Stats().Desired-4; got != want {
		t.Errorf("%d flows installed, want %d\n%s", got, want, a.logs)
	}
	refused := a.refusals()
	if len(refused) != 4 {
		t.Fatalf("refused %+v", refused)
	}
	for _, n := range named {
		if !strings.Contains(a.logs.String(), n) {
			t.Errorf("%q is not in the log:\n%s", n, a.logs)
		}
	}
	st := a.Stats()
	if st.SetAside != 4 || st.Bundles != 1 {
		t.Errorf("counters %+v", st)
	}
	// Touching the identity without changing what was refused sends nothing.
	loser := flow(8, 2, 0x7000, nil, nil)
	a.Update(nil, []*openflow.Flow{loser})
	a.commit()
	if st2 := a.Stats(); st2.Bundles != st.Bundles || st2.BundlesDiscarded != st.BundlesDiscarded {
		t.Errorf("sent again: %+v", st2)
	}
	// The refused winner goes: the loser is installed.
	a.Update([]*openflow.Flow{atCommit}, nil)
	a.commit()
	if f := strings.Join(s.flows(), "\n"); !strings.Contains(f, "cookie=0x7000, table=8, priority=2 actions=drop") {
		t.Errorf("the loser has not come back:\n%s", f)
	}
	// A flow that becomes unacceptable does not leave its old self behind.
	bad := flow(9, 0, 0x1000000, nil, func(b *openflow.ActionBuilder) { b.Group(78) })
	a.Update(nil, []*openflow.Flow{bad})
	a.commit()
	for _, l := range s.flows() {
		if strings.Contains(l, "table=9,") {
			t.Errorf("stale flow: %s", l)
		}
	}
}

func TestManyRefusedAtCommit(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	var all []*openflow.Flow
	for i := range 400 {
		bad := i%40 == 7
		all = append(all, flow(8, uint16(i), uint64(i+1), nil, func(b *openflow.ActionBuilder) {
			if bad {
				b.Group(uint32(1000 + i))
			} else {
				b.Resubmit(9)
			}
		}))
	}
	a.Update(nil, all)
	a.Enable()
	a.commit()
	if got := len(s.flows()); got != 390 {
		t.Errorf("%d flows, want 390", got)
	}
	if got := len(a.refusals()); got != 10 {
		t.Errorf("%d refused, want 10", got)
	}
}

func TestGroupsComeAndGo(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.Enable()
	use := func(n int, id uint64) *openflow.Flow {
		return flow(10, 50, id, reg(0, id), func(b *openflow.ActionBuilder) { b.GroupSymbol(lbGroup(n)) })
	}
	f1, f2 := use(2, 1), use(2, 2)
	a.Update(nil, []*openflow.Flow{f1, f2})
	a.commit()
	// One flow moves to a new group; the old one stays for the other.
	f3 := use(3, 1)
	a.Update([]*openflow.Flow{f1}, []*openflow.Flow{f3})
	a.commit()
	if got := strings.Count(s.ofctl("dump-groups"), "group_id="); got != 2 {
		t.Errorf("%d groups, want 2\n%s", got, s.ofctl("dump-groups"))
	}
	f4 := use(3, 2)
	a.Update([]*openflow.Flow{f2}, []*openflow.Flow{f4})
	a.commit()
	dump := s.ofctl("dump-groups")
	if strings.Count(dump, "group_id=") != 1 || !strings.Contains(dump, "group_id=2,") {
		t.Errorf("groups:\n%s", dump)
	}
	// The free number is used again.
	a.Update([]*openflow.Flow{f4, f3}, []*openflow.Flow{use(4, 3)})
	a.commit()
	if g := a.Groups(); len(g) != 1 || g[0].ID != 1 {
		t.Errorf("groups %+v", g)
	}
	// Buckets for more than one message.
	big := flow(10, 51, 9, reg(0, 9), func(b *openflow.ActionBuilder) { b.GroupSymbol(lbGroup(3000)) })
	a.Update(nil, []*openflow.Flow{big})
	a.commit()
	if r := a.refusals(); len(r) != 0 {
		t.Fatalf("refused %v", r[0].Err)
	}
	if st := a.Stats(); st.GroupAdds != 4 {
		t.Errorf("counters %+v", st)
	}
	if got := len(s.flows()); got != 2 {
		t.Errorf("%d flows, want 2", got)
	}
}

func TestForeignAndLearned(t *testing.T) {
	s := startSwitch(t)
	// What others left: a flow of ours with a timeout, junk, a group, a meter, and
	// flows that look learned by our learn flow.
	for _, f := range []string{
		"cookie=0x2000,table=9,priority=0,hard_timeout=1000,actions=drop",
		"cookie=0x99,table=30,priority=5,actions=goto_table:31",
		"cookie=0x77,table=78,priority=5,reg0=5,actions=resubmit(,9)",
		"cookie=0x77,table=79,priority=5,reg0=5,actions=resubmit(,9)",
	} {
		s.ofctl("add-flow", f)
	}
	s.ofctl("add-group", "group_id=9,type=all,bucket=actions=drop")
	s.ofctl("add-meter", "meter=7,kbps,band=type=drop,rate=5")
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	want := sampleFlows()
	want = append(want, flow(20, 1, 0x77, nil, func(b *openflow.ActionBuilder) {
		b.Learn(openflow.LearnSpec{Table: 78, Cookie: 0x77, IdleTimeout: 60, Priority: 100})
	}))
	a.SetMeters(sampleMeters)
	a.Update(nil, want)
	a.Enable()
	a.commit()
	flows := strings.Join(s.flows(), "\n")
	for what, present := range map[string]bool{
		"table=30": false, "table=79": false, "hard_timeout": false,
		"cookie=0x77, table=78, priority=5,reg0=0x5": true,
		"cookie=0x2000, table=9":                     true,
	} {
		if strings.Contains(flows, what) != present {
			t.Errorf("%q present: %v\n%s", what, !present, flows)
		}
	}
	if d := s.ofctl("dump-groups"); strings.Contains(d, "group_id=9,") {
		t.Errorf("groups:\n%s", d)
	}
	if d := s.ofctl("dump-meters"); strings.Contains(d, "meter=7 ") {
		t.Errorf("meters:\n%s", d)
	}
	if st := a.Stats(); st.Learned != 1 {
		t.Errorf("counters %+v", st)
	}
}

func TestSwitchRestart(t *testing.T) {
	s := startSwitch(t)
	a := startSample(t, s)
	before := s.flows()
	n := a.Stats().Connects
	s.killDaemon()
	a.next("the loss of the connection", func(e Event) bool { _, ok := e.(Disconnected); return ok })
	s.startDaemon()
	a.connected()
	eventually(t, "the flows to be back", func() bool { return a.Stats().Bundles == 2 })
	if after := s.flows(); !slices.Equal(before, after) {
		t.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	if c := a.Stats().Connects; c != n+1 {
		t.Errorf("%d connections", c)
	}
}

func TestZoneFlush(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.FlushZone(7)
	a.FlushZone(8)
	a.FlushConnections(openflow.CtFlush{Proto: 6, Orig: openflow.CtTuple{DstPort: 80}})
	a.connected()
	a.Enable()
	for _, z := range []uint16{7, 8} {
		a.next(fmt.Sprintf("zone %d", z), func(e Event) bool {
			f, ok := e.(ZoneFlushed)
			return ok && f.Zone == z && f.Err == nil
		})
	}
	// Another connection: what was flushed is not flushed again.
	s.killDaemon()
	a.next("the loss of the connection", func(e Event) bool { _, ok := e.(Disconnected); return ok })
	s.startDaemon()
	a.connected()
	a.FlushZone(9)
	a.next("only zone 9", func(e Event) bool {
		f, ok := e.(ZoneFlushed)
		if ok && f.Zone != 9 {
			t.Fatalf("zone %d is flushed again", f.Zone)
		}
		return ok
	})
}

func TestLateMeter(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.Enable()
	a.Update(nil, []*openflow.Flow{flow(12, 10, 0x5000, nil, func(b *openflow.ActionBuilder) { b.MeterSymbol("acl"); b.Resubmit(13) })})
	a.commit()
	if r := a.refusals(); len(r) != 1 || len(s.flows()) != 0 {
		t.Fatalf("refused %+v", r)
	}
	a.SetMeters(sampleMeters)
	a.commit()
	if got := s.flows(); len(got) != 1 || !strings.Contains(got[0], "meter:1") {
		t.Errorf("flows %q\n%s", got, a.logs)
	}
	changed := map[string]openflow.MeterSpec{"acl": {Flags: openflow.MeterKbps | openflow.MeterStats,
		Bands: []openflow.MeterBand{{Type: openflow.MeterBandDrop, Rate: 99}}}}
	a.SetMeters(changed)
	a.commit()
	if d := s.ofctl("dump-meters"); !strings.Contains(d, "rate=99") {
		t.Errorf("meters:\n%s", d)
	}
}

// A switch that comes back with other features gets nothing made for the old ones
// until the owner has had its say.
func TestFeaturesChange(t *testing.T) {
	s := startSwitch(t)
	a := startSample(t, s)
	s.killDaemon()
	a.next("the loss of the connection", func(e Event) bool { _, ok := e.(Disconnected); return ok })
	s.startDaemon()
	// The agent may connect before or after this.
	s.run("ovs-vsctl", "--db=unix:"+s.dir+"/db.sock", "set", "bridge", "br-int", "protocols=OpenFlow14")
	eventually(t, "OpenFlow 1.4", func() bool { return a.connected().Version == openflow.Version14 })
	fresh := flow(9, 7, 0x9000, nil, nil)
	a.Update(nil, []*openflow.Flow{fresh})
	a.commit()
	out := s.run("ovs-ofctl", "-O", "OpenFlow14", "dump-flows", s.mgmt())
	if !strings.Contains(out, "cookie=0x9000") || !strings.Contains(out, "cookie=0x1003") {
		t.Errorf("flows:\n%s", out)
	}
}

// A flow that no message can carry is set aside with its reason, and what comes with
// it is installed; when it has become shorter it comes back.
func TestTooLong(t *testing.T) {
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.Enable()
	long := flow(9, 7, 0x9000, nil, func(b *openflow.ActionBuilder) {
		for range 70000 / 16 {
			b.Resubmit(10)
		}
	})
	a.Update(nil, []*openflow.Flow{long, flow(9, 8, 0x9001, nil, resubmit(10))})
	a.commit()
	if r := a.refusals(); len(r) != 1 || !errors.Is(r[0].Err, openflow.ErrTooLong) {
		t.Errorf("refused %+v", r)
	}
	if got := s.flows(); len(got) != 1 || !strings.Contains(got[0], "cookie=0x9001") {
		t.Errorf("flows %q", got)
	}
	a.Update([]*openflow.Flow{long}, []*openflow.Flow{flow(9, 7, 0x9000, nil, resubmit(10))})
	a.commit()
	if got := s.flows(); len(got) != 2 {
		t.Errorf("flows %q", got)
	}
}

// A refused group takes the flows that use it along, and nothing else.
func TestGroupRefused(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := startSwitch(t)
	a := startAgent(t, Config{Target: s.target()})
	a.connected()
	a.SetMeters(sampleMeters)
	a.Enable()
	bad := lbGroup(2)
	bad.Buckets[1].Actions = "\x00\x63\x00\x08\x00\x00\x00\x00" // no such action
	user := flow(10, 60, 0xa000, reg(0, 5), func(b *openflow.ActionBuilder) { b.GroupSymbol(bad) })
	a.Update(nil, append(sampleFlows(), user))
	a.commit()
	if r := a.refusals(); len(r) != 2 || !strings.Contains(r[1].Err.Error(), errGroupRefused.Error()) {
		t.Errorf("refused %+v", r)
	}
	if st := a.Stats(); st.Installed != st.Desired-1 || len(s.flows()) != st.Installed || st.BundlesDiscarded != 1 {
		t.Errorf("%+v", st)
	}
	// Another flow that wants the same group is not even tried.
	other := flow(10, 61, 0xa001, reg(0, 6), func(b *openflow.ActionBuilder) { b.GroupSymbol(bad) })
	a.Update(nil, []*openflow.Flow{other})
	a.commit()
	if st := a.Stats(); st.BundlesDiscarded != 1 || st.SetAside != 2 {
		t.Errorf("%+v", st)
	}
	// Asked to, it tries again.
	a.RetryRefused()
	a.commit()
	if st := a.Stats(); st.BundlesDiscarded != 2 || st.SetAside != 2 {
		t.Errorf("%+v", st)
	}
	// With a group that the switch takes, the flows are back.
	good := func(f *openflow.Flow) *openflow.Flow {
		return flow(f.Table, f.Priority, f.Cookie, func(m *openflow.MatchBuilder) {
			v, _, _ := f.Match.Get(openflow.FieldReg0)
			m.Set(openflow.FieldReg0, v)
		}, func(b *openflow.ActionBuilder) { b.GroupSymbol(lbGroup(2)) })
	}
	a.Update([]*openflow.Flow{user, other}, []*openflow.Flow{good(user), good(other)})
	a.commit()
	if st := a.Stats(); st.SetAside != 0 || st.Installed != st.Desired {
		t.Errorf("%+v", st)
	}
	a.stop()
	s.stop()
}

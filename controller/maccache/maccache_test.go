package maccache

import (
	"iter"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/fdb"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

func TestThresholds(t *testing.T) {
	for in, want := range map[string]string{
		"":      "shortest 0s, 10.1.2.3 0s, fd00::1 0s",
		"0":     "shortest 0s, 10.1.2.3 0s, fd00::1 0s",
		"300":   "shortest 5m0s, 10.1.2.3 5m0s, fd00::1 5m0s",
		"60;90": "shortest 1m30s, 10.1.2.3 1m30s, fd00::1 1m30s",
		"10.0.0.0/8:100;10.1.0.0/16:0;fd00::/64:20;40": "shortest 20s, 10.1.2.3 0s, fd00::1 20s",
		"10.1.2.3:7;10.1.2.0/24:8":                     "shortest 7s, 10.1.2.3 7s, fd00::1 0s",
		"0.0.0.0/0:9":                                  "shortest 9s, 10.1.2.3 9s, fd00::1 9s",
		"x":                                            "error", "10.0.0.0/33:5": "error", "10.0.0.0/8:": "error", "-1": "error",
	} {
		p, err := ParseThresholds(in)
		got := "shortest " + p.Shortest().String()
		for _, ip := range []string{"10.1.2.3", "fd00::1"} {
			got += ", " + ip + " " + p.Of(netip.MustParseAddr(ip)).String()
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

var (
	lr, sw, us, other = ovsdb.UUID{1}, ovsdb.UUID{2}, ovsdb.UUID{3}, ovsdb.UUID{4}
	row               = ovsdb.UUID{9, 8, 7, 6}
	now               = time.Unix(1_000_000, 0)
)

// bench is a router with a port and a neighbour, and a switch with an address.
type bench struct {
	*Duty
	t  *testing.T
	in Inputs
}

func newBench(t *testing.T, thresholds string, port sbdb.PortBinding) *bench {
	db := sbdb.NewDB()
	sb := replica.NewSB(db)
	ports := portkey.New(db)
	b := &bench{Duty: New(slog.New(slog.DiscardHandler)), t: t, in: Inputs{
		SB: sb, Neighbors: neighbor.NewTables(db, ports), FDB: fdb.NewTables(db, ports), Chassis: us, Target: "unix:/x", Now: now,
	}}
	u := &sbdb.Update{}
	router := &sbdb.DatapathBinding{UUID: lr, TunnelKey: 7, ExternalIDs: ovsdb.NewMap("mac_binding_age_threshold", thresholds)}
	u.PutDatapathBinding(router)
	port.UUID, port.Datapath, port.TunnelKey, port.LogicalPort = ovsdb.UUID{5}, lr, 1, "lrp"
	port.MAC = []string{"02:00:00:00:00:fe 10.0.0.254/24 10.0.1.254/24 fd00::fe/64"}
	u.PutPortBinding(&port)
	u.PutPortBinding(&sbdb.PortBinding{UUID: ovsdb.UUID{6}, Datapath: lr, TunnelKey: 2, LogicalPort: "cr-lrp", Type: "chassisredirect", Chassis: other})
	u.PutMACBinding(&sbdb.MACBinding{UUID: row, Datapath: lr, LogicalPort: "lrp", IP: "10.0.1.9", MAC: "02:00:00:00:00:09",
		Timestamp: now.Add(-40 * time.Second).UnixMilli()})
	b.in.Changes = sb.Apply(u)
	b.in.Datapaths = iter.Seq2[ovsdb.UUID, *binding.LocalDatapath](func(yield func(ovsdb.UUID, *binding.LocalDatapath) bool) {
		yield(lr, &binding.LocalDatapath{Row: router, Key: 7})
	})
	return b
}

// seen has a flow of a table used some time ago.
func (b *bench) seen(table uint8, u Use, ago time.Duration) (tx string, asked []pinctrl.Solicitation) {
	u.At = b.in.Now.Add(-ago)
	b.Statistics.taken[table] = Uses{table, []Use{u}}
	txn := ovsdb.NewTxn("")
	if b.Run(b.in, nil) != nil {
		b.t.Error("something is asked without a transaction")
	}
	asked = b.Run(b.in, txn)
	return txn.String(), asked
}

var heard = Use{Cookie: uint64(row.First32()), Datapath: 7, Port: 1, IP: netip.MustParseAddr("10.0.1.9")}

// The row's timestamp is 40 s old.
func TestRefresh(t *testing.T) {
	stranger := heard
	stranger.Cookie++
	for _, c := range []struct {
		name, threshold string
		use             Use
		ago             time.Duration
		want            bool
	}{
		{"used", "100", heard, time.Second, true},
		{"used within the threshold", "100", heard, 99 * time.Second, true},
		{"not used for the threshold", "100", heard, 100 * time.Second, false},
		{"renewed of late", "240", heard, time.Second, false}, // 3/16 of it are 45 s
		{"nothing ages", "", heard, time.Second, false},
		{"its network does not age", "10.0.1.0/24:0;100", heard, time.Second, false},
		{"another row's flow", "100", stranger, time.Second, false},
	} {
		b := newBench(t, c.threshold, sbdb.PortBinding{Type: "patch"})
		tx, asked := b.seen(pipeline.TableMACCacheUse, c.use, c.ago)
		if got := strings.Contains(tx, "timestamp"); got != c.want || len(asked) != 0 {
			t.Errorf("%s: %s, asked %v", c.name, tx, asked)
		}
		if c.use == heard && b.Used(row) != now.Add(-c.ago).UnixMilli() {
			t.Errorf("%s: last used at %d", c.name, b.Used(row))
		}
	}
}

func TestProbe(t *testing.T) {
	patch := sbdb.PortBinding{Type: "patch"}
	elsewhere := heard
	elsewhere.IP = netip.MustParseAddr("10.0.2.9")
	for _, c := range []struct {
		name, threshold string
		port            sbdb.PortBinding
		ago             time.Duration
		want            bool
	}{
		{"sent to", "100", patch, time.Second, true},
		{"not sent to any more", "100", patch, 101 * time.Second, false},
		{"renewed of late", "240", patch, time.Second, false},
		{"gateway router here", "100", sbdb.PortBinding{Type: "l3gateway", Chassis: us}, time.Second, true},
		{"gateway router elsewhere", "100", sbdb.PortBinding{Type: "l3gateway", Chassis: other}, time.Second, false},
		{"gateway port elsewhere", "100", sbdb.PortBinding{Type: "patch", Options: ovsdb.NewMap("chassis-redirect-port", "cr-lrp")}, time.Second, false},
	} {
		b := newBench(t, c.threshold, c.port)
		tx, asked := b.seen(pipeline.TableMACBinding, heard, c.ago)
		if strings.Contains(tx, "timestamp") || (len(asked) == 1) != c.want {
			t.Errorf("%s: %s, asked %v", c.name, tx, asked)
		}
		if !c.want {
			continue
		}
		want := pinctrl.Solicitation{Out: pinctrl.PortKey{Datapath: 7, Port: 1}, MAC: pinctrl.MAC{2, 0, 0, 0, 0, 0xfe},
			From: netip.MustParseAddr("10.0.1.254"), NextHop: heard.IP}
		if asked[0] != want {
			t.Errorf("%s: asked %+v", c.name, asked[0])
		}
		if _, again := b.seen(pipeline.TableMACBinding, heard, c.ago); len(again) != 0 {
			t.Errorf("%s: asked again within a second", c.name)
		}
	}
	if _, ok := ProbeFrom(&sbdb.PortBinding{MAC: []string{"02:00:00:00:00:fe 10.0.0.254/24"}}, elsewhere.IP); ok {
		t.Error("asked from an address of another network")
	}
}

func TestPeriod(t *testing.T) {
	for _, c := range []struct {
		threshold string
		pressed   bool
		want      time.Duration
	}{
		{"", false, 0}, {"16", false, 3 * time.Second}, {"160", true, pressurePeriod}, {"", true, pressurePeriod}, {"16", true, 3 * time.Second},
	} {
		b := newBench(t, c.threshold, sbdb.PortBinding{})
		b.in.Pressed = c.pressed
		b.Run(b.in, nil)
		if _, got := b.Statistics.wanted(); got != c.want {
			t.Errorf("threshold %q, pressed %v: every %v, want %v", c.threshold, c.pressed, got, c.want)
		}
	}
}

// Addresses on switches age likewise, unless the server has no column for it.
func TestBridged(t *testing.T) {
	for _, old := range []bool{false, true} {
		b := newBench(t, "", sbdb.PortBinding{})
		u := &sbdb.Update{}
		u.Schema = sbdb.Model().FullSchema()
		if old {
			delete(u.Schema.Tables[sbdb.TableFDB], "timestamp")
		}
		dp := &sbdb.DatapathBinding{UUID: sw, TunnelKey: 8, ExternalIDs: ovsdb.NewMap("fdb_age_threshold", "100")}
		u.PutDatapathBinding(dp)
		u.PutFDB(&sbdb.FDB{UUID: row, DPKey: 8, PortKey: 3, MAC: "02:00:00:00:00:09", Timestamp: now.Add(-40 * time.Second).UnixMilli()})
		b.in.Changes = b.in.SB.Apply(u)
		b.in.Datapaths = func(yield func(ovsdb.UUID, *binding.LocalDatapath) bool) {
			yield(sw, &binding.LocalDatapath{Row: dp, Key: 8, Switch: true})
		}
		tx, _ := b.seen(pipeline.TableLookupFDB, Use{Datapath: 8, Port: 3, MAC: pinctrl.MAC{2, 0, 0, 0, 0, 9}}, time.Second)
		if got := strings.Contains(tx, "timestamp"); got == old {
			t.Errorf("without the column %v: %s", old, tx)
		}
		if b.Used(row) == 0 {
			t.Error("its use is not known")
		}
	}
}

// Flows as physical makes them, which the switch gives back as they are.
func TestUseOfAFlow(t *testing.T) {
	flow := func(table uint8, packets uint64, set func(m *openflow.MatchBuilder)) *openflow.FlowDesc {
		var m openflow.MatchBuilder
		m.SetU(pipeline.RegDatapath, 7)
		set(&m)
		return &openflow.FlowDesc{Table: table, Packets: packets, Match: m.Match()}
	}
	v6 := openflow.U128{Hi: 0xfd00 << 48, Lo: 9}
	for want, f := range map[string]*openflow.FlowDesc{
		"7/1 10.0.1.9 00:00:00:00:00:00": flow(pipeline.TableMACBinding, 1, func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegOutport, 1)
			m.SetU(openflow.FieldReg0, 0x0a000109)
		}),
		"7/2 fd00::9 00:00:00:00:00:00": flow(pipeline.TableMACBinding, 1, func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegOutport, 2)
			m.Set(openflow.FieldXXReg1, v6)
		}),
		"7/3 10.0.1.9 00:00:00:00:00:00": flow(pipeline.TableMACCacheUse, 1, func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegInport, 3)
			m.SetU(openflow.FieldEthType, 0x806)
			m.SetU(openflow.FieldARPSPA, 0x0a000109)
		}),
		"7/4 fd00::9 00:00:00:00:00:00": flow(pipeline.TableMACCacheUse, 1, func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegInport, 4)
			m.SetU(openflow.FieldEthType, 0x86dd)
			m.Set(openflow.FieldIPv6Src, v6)
		}),
		"7/5 invalid IP 02:00:00:00:00:09": flow(pipeline.TableLookupFDB, 1, func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegInport, 5)
			m.SetU(openflow.FieldEthSrc, 0x020000000009)
		}),
	} {
		u, ok := use(f)
		got := strings.Join([]string{itoa(u.Datapath) + "/" + itoa(u.Port), u.IP.String(), u.MAC.String()}, " ")
		if !ok || got != want {
			t.Errorf("%s, %v; want %s", got, ok, want)
		}
		f.Packets = 0
		if _, ok := use(f); ok {
			t.Errorf("%s: in use though no packet met it", want)
		}
	}
}

func itoa(n uint32) string { return string(rune('0' + n)) }

package igmp

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

type fake struct {
	config map[uint32]*pinctrl.Snooping
	groups []pinctrl.MulticastGroup
}

func (f *fake) SetSnooping(dp uint32, c *pinctrl.Snooping) {
	if c == nil {
		delete(f.config, dp)
	} else {
		f.config[dp] = c
	}
}

func (f *fake) MulticastGroups(dp uint32) ([]pinctrl.MulticastGroup, bool) {
	return f.groups, f.config[dp] != nil
}

func TestDuty(t *testing.T) {
	db := sbdb.NewDB()
	ports := portkey.New(db)
	f := &fake{config: map[uint32]*pinctrl.Snooping{}, groups: []pinctrl.MulticastGroup{{}}}
	d := New(slog.New(slog.DiscardHandler))
	us := &sbdb.Chassis{UUID: ovsdb.UUID{5}, Name: "hv1"}
	sw, port := ovsdb.UUID{1}, ovsdb.UUID{2}
	local := true
	run := func(changed []ovsdb.UUID, change func(*sbdb.Update)) string {
		u := &sbdb.Update{}
		change(u)
		tx := ovsdb.NewTxn("")
		in := Inputs{DB: db, Ports: ports, Chassis: us, Changes: db.Apply(u), Changed: changed,
			IsLocalSwitch: func(id ovsdb.UUID) bool { return local && id == sw }}
		d.Run(in, f, nil) // must keep what is to be written
		in.Changes, in.Changed = nil, nil
		d.Run(in, f, tx)
		return tx.String()
	}
	nothing := func(*sbdb.Update) {}
	expect := func(got string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("transaction %s lacks %q", got, w)
			}
		}
		if len(want) == 0 && strings.Contains(got, "IGMP_Group") {
			t.Errorf("written: %s", got)
		}
	}
	row := &sbdb.IPMulticast{UUID: ovsdb.UUID{3}, Datapath: sw, Enabled: ovsdb.Some(true), Querier: ovsdb.Some(true),
		EthSrc: "02:00:00:00:00:0a", IP4Src: "10.0.0.254", IdleTimeout: ovsdb.Some(int64(60)), SeqNo: 4}
	got := run(nil, func(u *sbdb.Update) {
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: sw, TunnelKey: 7})
		u.PutPortBinding(&sbdb.PortBinding{UUID: port, Datapath: sw, TunnelKey: 2, LogicalPort: "vm"})
		u.PutIPMulticast(row)
	})
	expect(got, "insert", "mrouters", us.UUID.String())
	c := f.config[7]
	if c == nil || c.TableSize != 2048 || c.Idle != time.Minute || c.Interval != 30*time.Second || c.MaxResponse != time.Second ||
		c.FlushNo != 4 || c.IPv4.String() != "10.0.0.254" || c.IPv6.IsValid() {
		t.Fatalf("configured %+v", c)
	}
	routers := &sbdb.IGMPGroup{UUID: ovsdb.UUID{10}, Address: "mrouters", Chassis: us.UUID, ChassisName: "hv1", Datapath: sw}
	expect(run(nil, func(u *sbdb.Update) { u.PutIGMPGroup(routers) }))
	expect(run(nil, nothing))

	f.groups = append(f.groups, pinctrl.MulticastGroup{Address: netip.MustParseAddr("239.0.0.1"), Protocol: "IGMPv3", Ports: []uint32{2, 9}})
	woken := false
	d.Wake = func() { woken = true }
	if d.Heard(); !woken {
		t.Error("nobody was told")
	}
	expect(run(nil, nothing), "insert", "239.0.0.1", "IGMPv3", port.String(), "hv1")
	expect(run(nil, func(u *sbdb.Update) {
		u.PutIGMPGroup(&sbdb.IGMPGroup{UUID: ovsdb.UUID{11}, Address: "239.0.0.1", Chassis: us.UUID, Datapath: sw, Protocol: "IGMPv2"})
		u.PutIGMPGroup(&sbdb.IGMPGroup{UUID: ovsdb.UUID{12}, Address: "239.0.0.9", Chassis: us.UUID, Datapath: sw})
		u.PutIGMPGroup(&sbdb.IGMPGroup{UUID: ovsdb.UUID{13}, Address: "239.0.0.9", Chassis: ovsdb.UUID{6}, Datapath: sw})
	}), "update", port.String(), "IGMPv3", "delete", ovsdb.UUID{12}.String())
	local = false
	got = run([]ovsdb.UUID{sw}, nothing)
	expect(got, "delete", ovsdb.UUID{10}.String(), ovsdb.UUID{11}.String())
	if strings.Contains(got, ovsdb.UUID{13}.String()) || len(f.config) != 0 {
		t.Errorf("another chassis' row goes, or snooping goes on: %s", got)
	}
}

package hachassis

import (
	"fmt"
	"log/slog"

	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// UpTunnels returns the names of the chassis that BFD reports up on some tunnel.
func UpTunnels(l *replica.Local, br *vswitchdb.Bridge) map[string]bool {
	up := map[string]bool{}
	for p, i := range l.Interfaces(br) {
		if _, ok := i.Options.Lookup("remote_ip"); !ok || !replica.True(i.BFD, "enable") || i.BFDStatus.Get("state") != "up" {
			continue
		}
		if name, _, _, ok := encaps.ParseID(p.ExternalIDs.Get("ovn-chassis-id")); ok {
			up[name] = true
		}
	}
	return up
}

// Peers returns the names of the chassis to run BFD with: between members of a
// group of two or more, and between members and the chassis that refer to it.
func Peers(sb *replica.SB, own *sbdb.Chassis) map[string]bool {
	peers := map[string]bool{}
	for g := range sb.HAChassisGroup.All() {
		if len(g.HAChassis) < 2 {
			continue
		}
		member := Contains(sb, g, own.UUID)
		refers := false
		for _, id := range g.RefChassis {
			refers = refers || id == own.UUID
			if c := sb.Chassis.Get(id); member && c != nil && !replica.True(c.OtherConfig, "is-remote") {
				peers[c.Name] = true
			}
		}
		if member || refers {
			for _, m := range Ordered(sb, g) {
				peers[m.Name] = true
			}
		}
	}
	return peers
}

// RunBFD switches BFD on tunnels on and off. Switching off waits for mayDelete.
func RunBFD(sb *replica.SB, l *replica.Local, br *vswitchdb.Bridge, own *sbdb.Chassis, flowBased, mayDelete bool, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || own == nil || br == nil {
		return
	}
	peers := Peers(sb, own)
	if flowBased && len(peers) > 0 {
		log.Warn("Flow-based tunnels are enabled but BFD is required for HA chassis groups. " +
			"BFD will not function correctly with flow-based tunnels.")
	}
	want := ovsdb.NewMap("enable", "true")
	if g := sb.Global(); g != nil {
		for key, option := range map[string]string{
			"min_rx": "bfd-min-rx", "decay_min_rx": "bfd-decay-min-rx", "min_tx": "bfd-min-tx", "mult": "bfd-mult",
		} {
			if v, ok := g.Options.Lookup(option); ok {
				want = want.With(key, v)
			}
		}
		// Otherwise BFD packets of a logical port would be taken for the tunnel's.
		want = want.With("check_tnl_key", "true")
	}
	for p, i := range l.Interfaces(br) {
		id, tunnel := p.ExternalIDs.Lookup("ovn-chassis-id")
		if !tunnel {
			continue
		}
		name, _, _, ok := encaps.ParseID(id)
		switch {
		case ok && peers[name]:
			if !i.BFD.Equal(want) {
				vswitchdb.VerifyInterface(tx, i, vswitchdb.InterfaceColBFD)
				vswitchdb.UpdateInterface(tx, i.UUID).SetBFD(want)
				log.Info(fmt.Sprintf("Enabled BFD on interface %s", i.Name))
			}
		case i.BFD.Len() > 0 && mayDelete:
			vswitchdb.VerifyInterface(tx, i, vswitchdb.InterfaceColBFD)
			vswitchdb.UpdateInterface(tx, i.UUID).SetBFD(ovsdb.Map{})
			log.Info(fmt.Sprintf("Disabled BFD on interface %s", i.Name))
		}
	}
}

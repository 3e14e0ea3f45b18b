package loop

import (
	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/chassis"
	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// exitState is how far the loop is on its way out.
type exitState struct {
	asked    bool
	restart  bool // leave everything as it is
	finished bool
}

// askExit begins the way out; a later request to keep everything counts too.
func (l *Loop) askExit(restart bool) {
	l.exit.asked = true
	l.exit.restart = l.exit.restart || restart
	l.paused = false
}

// cleanUp takes the own rows out of both databases, over as many rounds as it
// takes. Flows stay in br-int: packets of running guests are not this command's
// business.
func (l *Loop) cleanUp(sbTx, localTx *ovsdb.Txn) {
	if l.exit.restart || !l.cfg.CleanupOnExit || !l.sbSide.ready || l.cfg.SystemID == "" {
		l.exit.finished = true
		return
	}
	// What is to be done is decided on a transaction of its own when none can be
	// sent now, to tell "nothing left" from "not yet".
	attempt := func(tx *ovsdb.Txn) *ovsdb.Txn {
		if tx != nil {
			return tx
		}
		return ovsdb.NewTxn("")
	}
	toSB, toLocal := attempt(sbTx), attempt(localTx)
	own := l.sb.ChassisByName.One(l.cfg.SystemID)
	left := binding.Clear(binding.Inputs{SB: l.sb, Chassis: own}, toSB)
	if own != nil {
		for g := range l.sb.IGMPGroup.All() {
			if g.Chassis == own.UUID {
				sbdb.DeleteIGMPGroup(toSB, g.UUID)
				left = true
			}
		}
	}
	left = chassis.Remove(l.sb, l.cfg.SystemID, toSB) || left
	left = chassis.RemoveIndex(l.ovs.Root(), l.cfg.SystemID, toLocal) || left
	left = encaps.RemoveAll(l.ovs, l.bridge, toLocal) || left
	if !left && !l.sbSide.inFlight && !l.local.inFlight {
		l.exit.finished = true
	}
}

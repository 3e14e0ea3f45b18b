// Package nbcfg reports how far this chassis has carried out the northbound
// configuration: SB_Global.nb_cfg is copied to Chassis_Private.nb_cfg, with the
// time, once every flow that came of it is acknowledged by the switch; the same
// goes to the bridge's external_ids (ovn-sb(5), "Chassis_Private").
package nbcfg

import (
	"strconv"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const (
	nbCfgKey     = "ovn-nb-cfg"
	nbCfgTSKey   = "ovn-nb-cfg-ts"
	startupTSKey = "ovn-startup-ts"
)

type stamp struct {
	seq   uint64
	value int64
}

// Duty is the values on their way through translation and switch.
type Duty struct {
	startup time.Time
	sent    []stamp // in order of seq
	last    int64   // value of the newest stamp
	stamped bool
	acked   int64
	ackedOK bool
	due     time.Time // when acked may be reported
	// Delay holds reports back, for debugging.
	Delay time.Duration
}

// New returns a duty; startup is recorded on the bridge.
func New(startup time.Time) *Duty { return &Duty{startup: startup} }

// Waiting tells whether value has not been stamped yet.
func (d *Duty) Waiting(value int64) bool { return !d.stamped || d.last != value }

// Stamp says that the commit seq includes all that value stands for. Values may
// go down: the 64-bit counter wraps, and databases are made anew.
func (d *Duty) Stamp(seq uint64, value int64) {
	if !d.Waiting(value) {
		return
	}
	d.stamped, d.last = true, value
	d.sent = append(d.sent, stamp{seq, value})
}

// Acked says that the switch has acknowledged commits up to seq.
func (d *Duty) Acked(seq uint64, now time.Time) {
	n := 0
	for n < len(d.sent) && d.sent[n].seq <= seq {
		n++
	}
	if n == 0 {
		return
	}
	d.acked, d.ackedOK = d.sent[n-1].value, true
	d.due = now.Add(d.Delay)
	d.sent = d.sent[n:]
}

// NextTimer is when a report that is held back is due, zero when none is.
func (d *Duty) NextTimer(now time.Time) time.Time {
	if d.ackedOK && d.due.After(now) {
		return d.due
	}
	return time.Time{}
}

// Run adds to the transactions what is to be reported. enabled is SB_Global option
// enable_chassis_nb_cfg_update.
func (d *Duty) Run(private *sbdb.ChassisPrivate, br *vswitchdb.Bridge, enabled bool, now time.Time, sbTx, localTx *ovsdb.Txn) {
	if br != nil && localTx != nil {
		if ts := strconv.FormatInt(d.startup.UnixMilli(), 10); br.ExternalIDs.Get(startupTSKey) != ts {
			vswitchdb.UpdateBridge(localTx, br.UUID).MutateExternalIDsPut(ovsdb.NewMap(startupTSKey, ts))
		}
	}
	if !d.ackedOK || d.acked == 0 || now.Before(d.due) {
		return
	}
	if private != nil && sbTx != nil && enabled && private.NbCfg != d.acked {
		sbdb.UpdateChassisPrivate(sbTx, private.UUID).SetNbCfg(d.acked).SetNbCfgTimestamp(now.UnixMilli())
	}
	if br != nil && localTx != nil {
		if text := strconv.FormatInt(d.acked, 10); br.ExternalIDs.Get(nbCfgKey) != text {
			vswitchdb.UpdateBridge(localTx, br.UUID).MutateExternalIDsPut(ovsdb.NewMap(
				nbCfgKey, text, nbCfgTSKey, strconv.FormatInt(now.UnixMilli(), 10)))
		}
	}
}

package loop

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

func (l *Loop) localEvent(e ovsdb.Event[vswitchdb.Update], ok bool) {
	if !ok {
		return
	}
	if e.Result != nil {
		l.stats.finished(e.Result.Err)
	}
	if e.State != nil {
		l.local.stateChanged(e.State)
		l.due = allDuties
	}
	if e.Update != nil {
		c := l.ovs.Apply(e.Update)
		for _, err := range c.Errors {
			l.log.Error("local database", "err", err)
		}
		if len(c.Errors) > 0 {
			l.local.session.Resync()
		}
		if l.ovsChanges == nil {
			l.ovsChanges = c
		} else {
			l.ovsChanges.Merge(c)
		}
		l.local.ready = true
		l.local.aside.Changed(localRows(c))
	}
	if e.Result != nil && !l.local.finished(e.Result, l.clock.now()) {
		l.due = allDuties
		l.zones.Unwritten()
	}
}

func (l *Loop) sbEvent(e ovsdb.Event[sbdb.Update], ok bool) {
	if !ok {
		return
	}
	if e.Result != nil {
		l.stats.finished(e.Result.Err)
	}
	if e.State != nil {
		l.sbSide.stateChanged(e.State)
		l.due = allDuties
	}
	if e.Update != nil {
		l.sbMu.Lock()
		c := l.sb.Apply(e.Update)
		l.sbMu.Unlock()
		for _, err := range c.Errors {
			l.log.Error("southbound database", "err", err)
		}
		if len(c.Errors) > 0 {
			// The replica and the server disagree: deltas cannot be trusted any more.
			l.sbSide.session.Resync()
		}
		if l.sbChanges == nil {
			l.sbChanges = c
		} else {
			l.sbChanges.Merge(c)
		}
		l.sbSide.ready = true
		l.sbSide.aside.Changed(sbRows(c))
		size := e.Size
		if e.Update.Replace {
			size = releaseAfter // the whole contents, of which no size is told
		}
		l.release.note(l.seq+1, size)
	}
	if e.Conditions != 0 {
		l.condInForce = e.Conditions
	}
	l.noteMark(&e)
	if e.Result != nil && !l.sbSide.finished(e.Result, l.clock.now()) {
		l.due = allDuties
	}
}

func (l *Loop) writerEvent(e ofbundle.Event) {
	switch e := e.(type) {
	case ofbundle.Connected:
		if !l.featured || l.features != e.Features {
			l.due |= dutyChassis | dutyEncaps | dutyFeed
		}
		l.features, l.featured, l.switchUp = e.Features, true, true
		if l.switchGone.found() {
			l.due |= dutyHA
		}
		l.packets.loop.SwitchIsThere()
		l.log.Info("ofctrl: switch connected")
	case ofbundle.Disconnected:
		l.switchUp = false
		l.switchGone.lost(l.clock.now())
		l.log.Debug("ofctrl: switch disconnected", "err", e.Err)
	case ofbundle.Committed:
		l.acked = max(l.acked, e.Seq)
		l.release.acked(l.clock.now(), e.Seq)
		l.ifstatus.Acked(e.Seq)
		l.nbcfg.Acked(e.Seq, l.clock.now())
		for _, f := range l.flushes.Acked(e.Seq) {
			l.writer.FlushConnections(f)
		}
		// No round may follow soon: a translation may be running.
		l.packets.loop.BeginAnnouncing(l.packets.announce.Acked(e.Seq))
	case ofbundle.Refused:
		l.stats.refused.Inc()
		l.switchRetry.refused(l.clock.now())
	case ofbundle.Drift:
		l.stats.drift(e)
	case ofbundle.ZoneFlushed:
		if e.Err != nil {
			l.log.Warn(fmt.Sprintf("conntrack zone %d was not flushed", e.Zone), "err", e.Err)
		}
		l.zones.Flushed(e.Zone)
	}
}

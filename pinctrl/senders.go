package pinctrl

import (
	"fmt"
	"runtime/debug"
	"time"
)

// sendTick bounds how many packets one sender sends in a row, so that answers to
// packet-ins never wait for more than that. With bufferCheck between two rows a
// sender has 3,200 packets a second.
const sendTick = 64

// senders send by themselves, each at its times.
type senders struct {
	announcements  repeater[Announcement]
	solicitations  repeater[Solicitation]
	advertisements advertiser
	neighborProbes *neighborProbes
}

func newSenders() senders {
	return senders{
		announcements:  newRepeater[Announcement](repeatPolicy{longest: defaultAnnounceMax}),
		solicitations:  newRepeater[Solicitation](repeatPolicy{longest: defaultSolicitMax, forever: true}),
		advertisements: newAdvertiser(),
		neighborProbes: new(neighborProbes),
	}
}

// sendDue lets each sender send what is due. A panic costs its sender one turn.
func (l *Loop) sendDue() {
	now := l.cfg.Now()
	l.turn("announcements", now, l.sendAnnouncements)
	l.turn("solicitations", now, l.sendSolicitations)
	l.turn("neighbour probes", now, l.sendNeighborProbes)
	l.turn("router advertisements", now, l.sendAdvertisements)
	l.turn("multicast queries", now, l.sendQueries)
	l.turn("service probes", now, l.sendProbes)
	l.turn("BFD", now, l.sendBFD)
	l.turn("prefix delegation", now, l.sendDelegations)
}

func (l *Loop) turn(name string, now time.Time, send func(time.Time) error) {
	defer func() {
		if p := recover(); p != nil {
			l.stats.panics.Add(1)
			l.log.Error("sender", "name", name, "err", fmt.Sprintf("panic: %v; %s", p, debug.Stack()))
		}
	}()
	if err := send(now); err != nil {
		l.log.Debug("sender", "name", name, "err", err)
	}
}

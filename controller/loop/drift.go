package loop

import (
	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// asideKey, in Open_vSwitch.external_ids, is what others may keep on br-int; see
// ofbundle.ParseAside. No other agent has this key.
const asideKey = "ovn-chassis-set-aside"

// setAside follows asideKey.
func (l *Loop) setAside(ids ovsdb.Map, systemID string) {
	text, _ := config.Key(ids, systemID, asideKey)
	if text == l.fed.aside {
		return
	}
	l.fed.aside = text
	a, err := ofbundle.ParseAside(text)
	if err != nil {
		l.log.Warn("external_ids:"+asideKey+" is not understood; the rest of it is in force", "err", err)
	}
	l.writer.SetAside(a)
}

// drift counts what others did to br-int.
func (s *stats) drift(d ofbundle.Drift) {
	for _, c := range []struct {
		counter interface{ Add(uint64) }
		n       int
	}{{s.driftFlows, d.Flows.Total()}, {s.driftGroups, d.Groups.Total()}, {s.driftMeters, d.Meters.Total()}} {
		if c.n > 0 {
			c.counter.Add(uint64(c.n))
		}
	}
}

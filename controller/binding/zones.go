package binding

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/ctzone"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// A datapath has two zones, named after it.
const (
	dnatSuffix = "_dnat"
	snatSuffix = "_snat"
)

const limitKey = "ct-zone-limit"

// ZoneUsers returns who wants a conntrack zone, with limits and requested numbers.
func (d *Duty) ZoneUsers() map[string]ctzone.User {
	users := make(map[string]ctzone.User, len(d.zoned)+2*len(d.names))
	add := func(name string) {
		if u, wants := d.ZoneUser(name); wants {
			users[name] = u
		}
	}
	for lport := range d.zoned {
		add(lport)
	}
	for name := range d.names {
		add(name + dnatSuffix)
		add(name + snatSuffix)
	}
	return users
}

// ZoneUser tells whether a logical port, or a datapath with one of the suffixes, wants
// a conntrack zone, and which. Of several datapaths with one name the first by UUID
// counts.
func (d *Duty) ZoneUser(name string) (u ctzone.User, wants bool) {
	for _, suffix := range []string{dnatSuffix, snatSuffix} {
		stem, ok := strings.CutSuffix(name, suffix)
		if !ok || len(d.names[stem]) == 0 {
			continue
		}
		ids := d.datapaths[d.names[stem][0]].Row.ExternalIDs
		u.Limit = zoneLimit(ids, ctzone.NoLimit)
		if text, ok := ids.Lookup("snat-ct-zone"); ok && suffix == snatSuffix {
			if n, err := strconv.ParseUint(text, 10, 16); err == nil {
				u.Requested = ovsdb.Some(uint16(n))
			}
		}
		return u, true
	}
	if !d.zoned[name] {
		return ctzone.User{}, false
	}
	u.Limit = ctzone.NoLimit
	if p := d.in.SB.PortByName.One(name); p != nil {
		if dp := d.in.SB.DatapathBinding.Get(d.verdicts[name].datapath); dp != nil {
			u.Limit = zoneLimit(dp.ExternalIDs, u.Limit)
		}
		u.Limit = zoneLimit(p.Options, u.Limit)
	}
	return u, true
}

// rename notes that a datapath came or went as a user of zones.
func (d *Duty) rename(id ovsdb.UUID, dp *LocalDatapath, by int) {
	if dp == nil {
		return
	}
	if dp.Name == "" {
		if by > 0 {
			d.log.Error(fmt.Sprintf("Missing name for datapath '%s' skipping zone assignment.", id))
		}
		return
	}
	ids := d.names[dp.Name]
	i, has := slices.BinarySearchFunc(ids, id, ovsdb.UUID.Compare)
	switch {
	case by > 0 && !has:
		d.names[dp.Name] = slices.Insert(ids, i, id)
	case by < 0 && has && len(ids) == 1:
		delete(d.names, dp.Name)
	case by < 0 && has:
		d.names[dp.Name] = slices.Delete(ids, i, i+1)
	}
	d.delta.Zones[dp.Name+dnatSuffix], d.delta.Zones[dp.Name+snatSuffix] = true, true
}

// limitText is the limit that a datapath sets for the zones of its ports.
func limitText(dp *sbdb.DatapathBinding) string {
	if dp == nil {
		return ""
	}
	return dp.ExternalIDs.Get(limitKey)
}

func zoneLimit(m ovsdb.Map, otherwise int64) int64 {
	text, ok := m.Lookup(limitKey)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<32-1 {
		return ctzone.NoLimit
	}
	return n
}

package config

import (
	"fmt"
	"strconv"

	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
)

// Learned is about addresses that packets teach.
type Learned struct {
	// Tracking: answers are learned only by routers that asked.
	Tracking bool
	// Limits of the tables that packets fill, in rows, 0 for none: on all local
	// datapaths, and by datapath in the form of rowlimit.ParseDatapathLimits.
	MACBindings, FDB                     int
	MACBindingsByDatapath, FDBByDatapath string
}

// Keys of this agent's own that bound the tables which packets fill: the rows on all
// local datapaths, and with "-per-datapath" appended those on each.
const (
	MACBindingLimitKey = "ovn-chassis-mac-binding-limit"
	FDBLimitKey        = "ovn-chassis-fdb-limit"

	defaultRows            = 131_072
	defaultRowsPerDatapath = "32768"
)

func (r *reader) learned() Learned {
	const each = "-per-datapath"
	return Learned{
		Tracking:    r.bool("ovn-mac-binding-tracking", false),
		MACBindings: r.rows(MACBindingLimitKey), MACBindingsByDatapath: r.rowsByDatapath(MACBindingLimitKey + each),
		FDB: r.rows(FDBLimitKey), FDBByDatapath: r.rowsByDatapath(FDBLimitKey + each),
	}
}

// rows reads a number of rows, 0 for no limit.
func (r *reader) rows(key string) int {
	v := r.text(key, "")
	if v == "" {
		return defaultRows
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		r.problems = append(r.problems, fmt.Sprintf("%s: not a number of rows: %q", key, v))
		return defaultRows
	}
	return int(n)
}

func (r *reader) rowsByDatapath(key string) string {
	v := r.text(key, defaultRowsPerDatapath)
	if _, _, err := rowlimit.ParseDatapathLimits(v); err != nil {
		r.problems = append(r.problems, fmt.Sprintf("%s: %v", key, err))
		return defaultRowsPerDatapath
	}
	return v
}

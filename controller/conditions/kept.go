package conditions

import (
	"cmp"
	"slices"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

const (
	// keepTime is how long the rows of a datapath are still monitored after it
	// ceased to be local. A guest that comes back within that time (a migration that
	// is undone, a hard reboot, which takes the interface away and adds it again)
	// finds them here: two round trips to the server less, and nothing to compile.
	keepTime = time.Minute
	// maxKept bounds how many datapaths are monitored for that reason.
	maxKept = 100
)

// Kept remembers the datapaths that have been local. What is kept is rows and no
// flows: those depend on what is local now.
type Kept struct {
	local map[ovsdb.UUID]Datapath
	list  []Datapath // local as it was given
	left  []departed // in the order of departure
}

type departed struct {
	Datapath
	until time.Time
}

// Datapaths returns what to monitor when the given datapaths are local: those, and
// those that have been until a moment ago and still exist. The list may be kept and
// returned; given again it is not looked at.
func (k *Kept) Datapaths(local []Datapath, exists func(ovsdb.UUID) bool, now time.Time) []Datapath {
	if !sameList(local, k.list) {
		k.follow(local, now)
	}
	k.left = slices.DeleteFunc(k.left, func(d departed) bool { return !now.Before(d.until) || !exists(d.UUID) })
	if extra := len(k.left) - maxKept; extra > 0 {
		k.left = slices.Delete(k.left, 0, extra)
	}
	if len(k.left) == 0 {
		return local
	}
	all := slices.Clone(local)
	for _, d := range k.left {
		all = append(all, d.Datapath)
	}
	return all
}

// follow notes which datapaths have departed and which are back.
func (k *Kept) follow(local []Datapath, now time.Time) {
	is := make(map[ovsdb.UUID]Datapath, len(local))
	for _, d := range local {
		is[d.UUID] = d
	}
	var gone []departed
	for id, d := range k.local {
		if _, still := is[id]; !still {
			gone = append(gone, departed{d, now.Add(keepTime)})
		}
	}
	slices.SortFunc(gone, func(a, b departed) int { return cmp.Compare(a.Key, b.Key) })
	k.left = slices.DeleteFunc(append(k.left, gone...), func(d departed) bool {
		_, back := is[d.UUID]
		return back
	})
	k.local, k.list = is, local
}

// Due is when a datapath is to be let go, zero when there is none.
func (k *Kept) Due() time.Time {
	if len(k.left) == 0 {
		return time.Time{}
	}
	return k.left[0].until
}

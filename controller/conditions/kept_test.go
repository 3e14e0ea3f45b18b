package conditions

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

func datapaths(keys ...int64) (out []Datapath) {
	for _, k := range keys {
		out = append(out, Datapath{UUID: ovsdb.UUID{byte(k), byte(k >> 8)}, Key: k})
	}
	return out
}

func TestKept(t *testing.T) {
	var k Kept
	now := time.Unix(1000, 0)
	var deleted []Datapath
	exists := func(id ovsdb.UUID) bool {
		return !slices.ContainsFunc(deleted, func(d Datapath) bool { return d.UUID == id })
	}
	step := func(after time.Duration, local []Datapath, want ...int64) {
		t.Helper()
		now = now.Add(after)
		var got []int64
		for _, d := range k.Datapaths(local, exists, now) {
			got = append(got, d.Key)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("monitored are %v, want %v", got, want)
		}
	}
	due := func(want time.Duration) {
		t.Helper()
		if d := k.Due(); d.IsZero() != (want == 0) || want != 0 && d.Sub(now) != want {
			t.Errorf("next is due at %v, want in %v", d, want)
		}
	}
	step(0, datapaths(1, 2, 3), 1, 2, 3)
	due(0)
	step(0, datapaths(1), 1, 2, 3)
	due(keepTime)
	step(20*time.Second, datapaths(1, 3), 1, 2, 3) // 3 is back
	due(keepTime - 20*time.Second)
	step(20*time.Second, nil, 1, 2, 3)
	step(20*time.Second, nil, 1, 3) // 2 has been gone for a minute
	due(40 * time.Second)
	deleted = datapaths(1)
	step(0, nil, 3)
	step(time.Minute, nil)
	due(0)

	var many []int64
	for i := range int64(maxKept + 10) {
		many = append(many, 1000+i)
	}
	step(0, datapaths(many...), many...)
	step(0, nil, many[10:]...)
	if n := len(k.Datapaths(nil, func(ovsdb.UUID) bool { return false }, now)); n != 0 {
		t.Error(fmt.Sprint(n, " datapaths that do not exist are monitored"))
	}
}

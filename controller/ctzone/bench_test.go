package ctzone

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// benchmark times changes of zones that are all in the database, and writing them.
func benchmark(b *testing.B, change func(s *State, br *vswitchdb.Bridge, i int) *vswitchdb.Bridge) {
	for _, users := range []int{100, 2000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			w := replicatest.New(b)
			w.Do("bridge br-int")
			row := *w.Local.BridgeByName.One("br-int")
			br := &row
			s := New(slog.New(slog.DiscardHandler))
			s.Restore(ovsdb.Map{}, func(ovsdb.UUID) string { return "" })
			all, marks := map[string]User{}, map[string]string{"ovn-nb-cfg": "1"}
			for i := range users {
				all[fmt.Sprintf("switch-of-node-%d_dnat", i)] = User{Limit: NoLimit}
			}
			s.Update(all, 1, 65535)
			s.flushAll()
			s.Changes()
			for name, z := range s.current {
				marks[keyPrefix+name] = fmt.Sprint(z.number)
			}
			br.ExternalIDs = ovsdb.MapFrom(marks)
			s.Write(br, nil, w.Local.DB, ovsdb.NewTxn(""))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				br = change(s, br, i)
				s.Write(br, nil, w.Local.DB, ovsdb.NewTxn(""))
			}
		})
	}
}

// BenchmarkUser: a user of a zone comes, or goes; its zone is flushed and written.
func BenchmarkUser(b *testing.B) {
	benchmark(b, func(s *State, br *vswitchdb.Bridge, i int) *vswitchdb.Bridge {
		s.Change(map[string]bool{"guest": true}, func(string) (User, bool) { return User{Limit: NoLimit}, i%2 == 0 })
		s.flushAll()
		s.Changes()
		return br
	})
}

// BenchmarkMark: another mark on the bridge changes; its row is patched and
// compared, once for the table and once for the zones.
func BenchmarkMark(b *testing.B) {
	benchmark(b, func(_ *State, br *vswitchdb.Bridge, i int) *vswitchdb.Bridge {
		now := *br
		now.ExternalIDs = br.ExternalIDs.Patched(ovsdb.NewMap("ovn-nb-cfg", fmt.Sprint(i+2)))
		if now.ExternalIDs.Equal(br.ExternalIDs) {
			panic("nothing changed")
		}
		return &now
	})
}

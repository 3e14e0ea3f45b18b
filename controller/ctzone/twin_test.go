package ctzone

import (
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/controller/replica/replicatest"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// both are a State that is told of changes and one that looks at everything each time,
// each with a bridge of its own.
type both struct {
	w      *replicatest.World
	s      [2]*State
	marks  [2]map[string]string // external_ids of the bridges
	unsure bool                 // the last transaction of the first was not carried out
}

func (b *both) bridge(i int) string {
	words := []string{"bridge", fmt.Sprintf("br%d", i)}
	for _, k := range slices.Sorted(maps.Keys(b.marks[i])) {
		words = append(words, "ext:"+k+"="+b.marks[i][k])
	}
	return strings.Join(words, " ")
}

// write has both write, and carries it out if it is to succeed.
func (b *both) write(succeed bool) (written [2]string) {
	for i, s := range b.s {
		b.w.Do(b.bridge(i))
		if i == 1 || b.unsure {
			s.Unwritten()
		}
		tx := ovsdb.NewTxn("")
		br := b.w.Local.BridgeByName.One(fmt.Sprintf("br%d", i))
		s.Write(br, b.w.Local.Datapath.Get(b.w.ID("dpath", "system")), b.w.Local.DB, tx)
		written[i] = strings.ReplaceAll(b.w.Print(tx), br.Name, "br")
		if !succeed {
			continue
		}
		for _, m := range mutation.FindAllStringSubmatch(written[i], -1) {
			for _, pair := range strings.Fields(m[2]) {
				key, value, _ := strings.Cut(pair, ":")
				if m[1] == "insert" {
					b.marks[i][key] = value
				} else {
					delete(b.marks[i], key)
				}
			}
		}
	}
	b.unsure = !succeed
	return written
}

var mutation = regexp.MustCompile(`external_ids (delete|insert) [\[{]([^\]}]*)`)

// TestTwin: told of changes only, it gives, takes, flushes and writes what it does when
// it looks at everything.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := &both{w: replicatest.New(t)}
		b.w.Do("open o")
		names := []string{"a", "b", "c", "d", "e", "r_snat", "s_snat"}
		for i := range b.s {
			b.s[i] = New(slog.New(slog.DiscardHandler))
			b.s[i].Restore(ovsdb.NewMap("ct-zone-a", "3", "ct-zone-r_snat", "0", "ct-zone-s_snat", "0", "ct-zone-z", "4"), func(ovsdb.UUID) string { return "" })
			b.marks[i] = map[string]string{"ct-zone-a": "3", "ct-zone-r_snat": "0", "ct-zone-s_snat": "0", "ct-zone-z": "4", "other": "1"}
		}
		now := map[string]User{}
		for range rapid.IntRange(1, 25).Draw(rt, "rounds") {
			changed := map[string]bool{}
			for _, n := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(rt, "changed") {
				changed[n] = true
				u := User{Limit: rapid.SampledFrom([]int64{NoLimit, NoLimit, 5, 6}).Draw(rt, "limit")}
				if strings.HasSuffix(n, "_snat") && rapid.Bool().Draw(rt, "requests") {
					u.Requested = ovsdb.Some(rapid.Uint16Range(0, 5).Draw(rt, "requested"))
				}
				if now[n] = u; rapid.IntRange(0, 2).Draw(rt, "leaves") == 0 {
					delete(now, n)
				}
			}
			if hi := rapid.SampledFrom([]uint16{4, 4, 4, 4, 5}).Draw(rt, "hi"); !b.s[0].InRange(1, hi) {
				b.s[0].Update(maps.Clone(now), 1, hi)
				b.s[1].Update(maps.Clone(now), 1, hi)
			} else {
				b.s[0].Change(changed, func(n string) (User, bool) { u, ok := now[n]; return u, ok })
				b.s[1].Update(maps.Clone(now), 1, hi)
			}
			if x, y := b.s[0].List(), b.s[1].List(); x != y {
				rt.Fatalf("%v: zones\n%swant\n%s", changed, x, y)
			}
			if x, y := b.s[0].Changes(), b.s[1].Changes(); !maps.Equal(x, y) {
				rt.Fatalf("%v: changes %v want %v", changed, x, y)
			}
			x, y := b.s[0].Flushes(), b.s[1].Flushes()
			slices.Sort(x)
			slices.Sort(y)
			if !slices.Equal(x, y) {
				rt.Fatalf("%v: flushes %v want %v", changed, x, y)
			}
			for _, s := range b.s {
				if err := s.valid(); err != nil {
					rt.Fatal(err)
				}
			}
			for _, n := range slices.Sorted(maps.Keys(b.s[0].flushing)) {
				if rapid.Bool().Draw(rt, "flushed") {
					b.s[0].Flushed(n)
					b.s[1].Flushed(n)
				}
			}
			if rapid.IntRange(0, 4).Draw(rt, "others") == 0 {
				key := rapid.SampledFrom([]string{"ct-zone-a", "ct-zone-b", "ct-zone-q", "other"}).Draw(rt, "mark")
				value := rapid.SampledFrom([]string{"1", "2", ""}).Draw(rt, "as")
				for i := range b.marks {
					if b.marks[i][key] = value; value == "" {
						delete(b.marks[i], key)
					}
				}
			}
			if w := b.write(rapid.IntRange(0, 3).Draw(rt, "fails") > 0); w[0] != w[1] {
				rt.Fatalf("%v: written\n%swant\n%s", changed, w[0], w[1])
			}
		}
	})
}

// valid checks the invariants.
func (s *State) valid() error {
	n := 0
	for number, names := range s.byNumber {
		for _, name := range names {
			if z, has := s.current[name]; !has || z.number != number {
				return fmt.Errorf("number %d is not that of %s", number, name)
			}
			if len(names) > 1 && !s.users[name].Requested.IsSet() {
				return fmt.Errorf("number %d is shared by %v", number, names)
			}
			n++
		}
	}
	if n != len(s.current) {
		return fmt.Errorf("%d names have numbers, %d are known", len(s.current), n)
	}
	for i := uint32(s.lo); i < s.next; i++ {
		if len(s.byNumber[uint16(i)]) == 0 {
			return fmt.Errorf("number %d is free, below %d", i, s.next)
		}
	}
	for name := range s.users {
		if _, has := s.current[name]; has == s.wanting[name] {
			return fmt.Errorf("%s has a zone: %v, wants one: %v", name, has, s.wanting[name])
		}
	}
	return nil
}

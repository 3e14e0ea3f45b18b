package lflow

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

func drawMembers(t *rapid.T) []Member {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Member {
		mask := openflow.U64(rapid.Uint64Range(0, 15).Draw(t, "mask"))
		return Member{openflow.U64(rapid.Uint64Range(0, 15).Draw(t, "value")).And(mask), mask}
	}), 0, 12).Draw(t, "members")
}

// Each member once, and the same order whatever order they come in.
func TestDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t)
		distinct := Distinct(members)
		in := map[Member]bool{}
		for _, m := range distinct {
			if in[m] {
				t.Fatalf("%v twice", m)
			}
			in[m] = true
		}
		for _, m := range members {
			if !in[m] && !in[Member{}] {
				t.Fatalf("%v is missing", m)
			}
		}
		if in[Member{}] && len(in) > 1 {
			t.Fatalf("%v beside a member that tests nothing", in)
		}
		slices.Reverse(members)
		if d := cmp.Diff(distinct, Distinct(members)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestSetKey(t *testing.T) {
	ten := Member{openflow.U64(0x0a000000), openflow.U64(0xff000000)}
	wide := Member{openflow.U128{Hi: 1 << 63, Lo: 5}, openflow.MaskN(128)}
	k := MakeSetKey(SetAddresses, 0, 128, []string{"b", "a", "b"}, []Member{wide, ten, ten})
	want := "$a,$b,0xa000000/0xff000000,0x80000000000000000000000000000005/0xffffffffffffffffffffffffffffffff"
	if k.Text != want {
		t.Errorf("text %s", k.Text)
	}
	names, constants := k.Parts()
	if d := cmp.Diff([]string{"a", "b"}, names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Member{ten, wide}, constants); d != "" {
		t.Error(d)
	}
	if again := MakeSetKey(SetAddresses, 0, 128, names, constants); again != k {
		t.Errorf("%v, then %v", k, again)
	}
}

func TestParseMember(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		value uint64
		mask  uint64
		ok    bool
		fits  bool
	}{
		{"10.0.0.1", 32, 0x0a000001, 0xffffffff, true, true},
		{"10.1.2.3/8", 32, 0x0a000000, 0xff000000, true, true},
		{"0a:00:00:00:00:01", 48, 0x0a0000000001, 0xffffffffffff, true, true},
		{"0a:00:00:00:00:01", 32, 0, 0, true, false},
		{"::1", 32, 0, 0, true, false},
		{"::/0", 32, 0, 0, true, true},
		{"lost", 32, 0, 0, false, false},
		{"", 32, 0, 0, false, false},
	} {
		m, ok := ParseMember(c.text)
		if ok != c.ok {
			t.Errorf("%q: ok %v", c.text, ok)
		}
		if !ok {
			continue
		}
		got, fits := m.Member(c.width)
		if fits != c.fits || fits && got != (Member{openflow.U64(c.value), openflow.U64(c.mask)}) {
			t.Errorf("%q as %d bits: %v, %v", c.text, c.width, got, fits)
		}
	}
}

package openflow

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func (a U128) big() *big.Int {
	x := new(big.Int).SetUint64(a.Hi)
	return x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(a.Lo))
}

// TestU128 compares with math/big.
func TestU128(t *testing.T) {
	all := MaskN(128).big()
	rapid.Check(t, func(t *rapid.T) {
		a, b := u128Gen().Draw(t, "a"), u128Gen().Draw(t, "b")
		n := rapid.IntRange(-3, 140).Draw(t, "n")
		s := uint(max(n, 0))
		same := func(what string, got U128, want *big.Int) {
			if got.big().Cmp(want) != 0 {
				t.Fatalf("%s: got %x, want %x", what, got.big(), want)
			}
		}
		z := func() *big.Int { return new(big.Int) }
		same("and", a.And(b), z().And(a.big(), b.big()))
		same("andnot", a.AndNot(b), z().AndNot(a.big(), b.big()))
		same("or", a.Or(b), z().Or(a.big(), b.big()))
		same("xor", a.Xor(b), z().Xor(a.big(), b.big()))
		same("not", a.Not(), z().Xor(a.big(), all))
		shl := z().Lsh(a.big(), s)
		same("shl", a.Shl(n), shl.And(shl, all))
		same("shr", a.Shr(n), z().Rsh(a.big(), s))
		mask := z().Lsh(big.NewInt(1), min(s, 128))
		same("mask", MaskN(n), mask.Sub(mask, big.NewInt(1)))
		same("bytes", U128FromBytes(a.appendBE(nil, 16)), a.big())
		same("string", u128FromString(string(a.appendBE(nil, 16))), a.big())
		if a.Cmp(b) != a.big().Cmp(b.big()) || a.Len() != a.big().BitLen() {
			t.Fatal("cmp or len")
		}
		if i := min(s, 127); a.Bit(int(i)) != a.big().Bit(int(i)) {
			t.Fatal("bit")
		}
		if want := int(a.big().TrailingZeroBits()); !a.IsZero() && a.TrailingZeros() != want {
			t.Fatal("trailing zeros")
		}
		ones := 0
		for i := range 128 {
			ones += int(a.Bit(i))
		}
		if a.OnesCount() != ones {
			t.Fatal("ones")
		}
	})
}

package topology

import (
	_ "embed"
	"math/rand/v2"
	"strings"
)

//go:embed fragments.txt
var fragments string

// Fragment is something that can come and go.
type Fragment struct {
	Name    string
	On, Off []string
}

// Fragments are those that compose on the base gateway.
func Fragments() []Fragment { return ParseFragments(fragments) }

// ParseFragments reads fragments as fragments.txt has them.
func ParseFragments(text string) []Fragment {
	var all []Fragment
	var lines *[]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "[off]":
			lines = &all[len(all)-1].Off
		case strings.HasPrefix(line, "["):
			all = append(all, Fragment{Name: strings.Trim(line, "[]")})
			lines = &all[len(all)-1].On
		default:
			*lines = append(*lines, line)
		}
	}
	return all
}

// Toggle is a fragment, by its index, that comes or goes.
type Toggle struct {
	Fragment int
	On       bool
}

// Toss changes the state of one to max fragments at random. Each but once: a client
// cannot remove what its own transaction adds.
func Toss(rng *rand.Rand, state []bool, max int) []Toggle {
	var step []Toggle
	for _, i := range rng.Perm(len(state))[:1+rng.IntN(max)] {
		state[i] = !state[i]
		step = append(step, Toggle{i, state[i]})
	}
	return step
}

// ChangeOf is what toggles of fragments do.
func ChangeOf(all []Fragment, step []Toggle) Change {
	var change Change
	for _, s := range step {
		lines := all[s.Fragment].Off
		if s.On {
			lines = all[s.Fragment].On
		}
		change.Lines = append(change.Lines, lines...)
	}
	return change
}

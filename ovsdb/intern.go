package ovsdb

// Interner shares equal strings. It remembers at most two generations of
// strings, so what no longer recurs is forgotten and can be collected.
type Interner struct {
	young, old map[string]string
}

const (
	// internGeneration is the number of strings in a generation: enough that a
	// large database's options, names and actions recur within one.
	internGeneration = 32 << 10
	// internMaxLen is the length above which strings are not worth a look-up.
	internMaxLen = 1 << 10
)

// String returns b as a string, the same one as for an equal b before.
func (in *Interner) String(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > internMaxLen {
		return string(b)
	}
	if s, ok := in.young[string(b)]; ok {
		return s
	}
	s, ok := in.old[string(b)]
	if !ok {
		s = string(b)
	}
	if in.young == nil || len(in.young) >= internGeneration {
		in.old, in.young = in.young, make(map[string]string, 1<<10)
	}
	in.young[s] = s
	return s
}

// Forget drops everything, for when a burst of rows is over.
func (in *Interner) Forget() { in.young, in.old = nil, nil }

package vlog

import (
	"errors"
	"fmt"
	"strings"
)

// SetLevels applies one specification of -v or vlog/set: words separated by
// spaces, commas or colons that name a module, a destination and a level in any
// order, each at most once and each optional; or PATTERN:destination:pattern; or
// FACILITY:name. ovs-appctl(8), "vlog/set".
func (h *Hub) SetLevels(spec string) error {
	isSep := func(r rune) bool { return strings.ContainsRune(" ,:\t", r) }
	trimmed := strings.TrimLeftFunc(spec, isSep)
	first, rest := cutWord(trimmed, isSep)
	switch {
	case strings.EqualFold(first, "PATTERN"):
		word, pattern := cutWord(strings.TrimLeftFunc(rest, isSep), isSep)
		if word == "" {
			return errors.New("missing destination")
		}
		d := AnyDestination
		if !strings.EqualFold(word, "ANY") {
			var ok bool
			if d, ok = parseDestination(word); !ok {
				return fmt.Errorf("unknown destination %q", word)
			}
		}
		h.setPattern(d, pattern)
		return nil
	case strings.EqualFold(first, "FACILITY"):
		f, ok := facilities[strings.ToLower(rest)]
		if !ok {
			return errors.New("invalid facility")
		}
		h.outMu.Lock()
		h.out.facility = f
		h.outMu.Unlock()
		return nil
	}

	var (
		module         *Module
		level          Level
		dest           = AnyDestination
		gotLvl, gotDst bool
	)
	for _, word := range strings.FieldsFunc(spec, isSep) {
		if strings.EqualFold(word, "ANY") {
			continue
		}
		if d, ok := parseDestination(word); ok {
			if gotDst {
				return errors.New("cannot specify multiple destinations")
			}
			dest, gotDst = d, true
		} else if l, ok := parseLevel(word); ok {
			if gotLvl {
				return errors.New("cannot specify multiple levels")
			}
			level, gotLvl = l, true
		} else if m := h.lookup(word); m != nil {
			if module != nil {
				return errors.New("cannot specify multiple modules")
			}
			module = m
		} else {
			return fmt.Errorf("no destination, level, or module \"%s\"", word)
		}
	}
	if !gotLvl {
		level = Dbg
	}
	h.setLevel(module, dest, level)
	return nil
}

// SetVerbosity applies the argument of -v; none means everything.
func (h *Hub) SetVerbosity(spec string) error {
	if spec == "" {
		h.setLevel(nil, AnyDestination, Dbg)
		return nil
	}
	return h.SetLevels(spec)
}

func cutWord(s string, isSep func(rune) bool) (word, rest string) {
	if i := strings.IndexFunc(s, isSep); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// setRateLimits turns limits on or off for the named modules, or for all.
func (h *Hub) setRateLimits(names []string, on bool) error {
	if len(names) == 0 {
		names = []string{"ANY"}
	}
	for _, n := range names {
		if strings.EqualFold(n, "ANY") {
			h.mu.Lock()
			for _, m := range h.modules {
				m.rateLimits.Store(on)
			}
			h.mu.Unlock()
			continue
		}
		m := h.lookup(n)
		if m == nil {
			return errors.New("unknown module")
		}
		m.rateLimits.Store(on)
	}
	return nil
}

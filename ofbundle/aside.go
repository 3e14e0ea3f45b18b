package ofbundle

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Aside is what others may keep on br-int: flows in these tables or with these
// cookies, and groups and meters with these numbers. It protects only what the
// agent does not want itself. The zero value sets nothing aside.
type Aside struct {
	Tables  []NumberRange
	Cookies []CookieMask
	Groups  []NumberRange
	Meters  []NumberRange
}

// NumberRange is First to Last, both included.
type NumberRange struct{ First, Last uint32 }

// CookieMask is the cookies that equal Value in the bits of Mask.
type CookieMask struct{ Value, Mask uint64 }

// ParseAside reads a list such as
//
//	table=200-210,cookie=0xabc00000/0xfff00000,group=1000-1999,meter=7
//
// Elements are separated by commas or spaces. Those that are understood are in
// force even if there is an error about others.
func ParseAside(s string) (Aside, error) {
	var a Aside
	var problems []string
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := a.add(word); err != nil {
			problems = append(problems, fmt.Sprintf("%q: %v", word, err))
		}
	}
	if problems != nil {
		return a, fmt.Errorf("set aside: %s", strings.Join(problems, "; "))
	}
	return a, nil
}

func (a *Aside) add(word string) error {
	kind, value, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("want table=, cookie=, group= or meter=")
	}
	if kind == "cookie" {
		c, mask, masked := strings.Cut(value, "/")
		m := CookieMask{Mask: ^uint64(0)}
		var err error
		if m.Value, err = strconv.ParseUint(c, 0, 64); err != nil {
			return err
		}
		if masked {
			if m.Mask, err = strconv.ParseUint(mask, 0, 64); err != nil {
				return err
			}
		}
		if m.Mask == 0 {
			return fmt.Errorf("a mask of zero would set everything aside")
		}
		m.Value &= m.Mask
		a.Cookies = append(a.Cookies, m)
		return nil
	}
	lists := map[string]struct {
		list *[]NumberRange
		max  uint64
	}{
		"table": {&a.Tables, openflow.TableAll - 1},
		"group": {&a.Groups, 0xffffff00 - 1}, // OFPG_MAX
		"meter": {&a.Meters, openflow.MeterMax},
	}
	l, ok := lists[kind]
	if !ok {
		return fmt.Errorf("want table=, cookie=, group= or meter=")
	}
	from, to, isRange := strings.Cut(value, "-")
	first, err := strconv.ParseUint(from, 0, 32)
	if err != nil {
		return err
	}
	last := first
	if isRange {
		if last, err = strconv.ParseUint(to, 0, 32); err != nil {
			return err
		}
	}
	if last < first || last > l.max {
		return fmt.Errorf("not a range within 0-%d", l.max)
	}
	*l.list = append(*l.list, NumberRange{uint32(first), uint32(last)})
	return nil
}

// Flow tells whether others may keep f.
func (a *Aside) Flow(f *openflow.Flow) bool {
	for _, c := range a.Cookies {
		if f.Cookie&c.Mask == c.Value {
			return true
		}
	}
	return within(a.Tables, uint32(f.Table))
}

// Group and Meter tell whether others may keep one with that number.
func (a *Aside) Group(id uint32) bool { return within(a.Groups, id) }
func (a *Aside) Meter(id uint32) bool { return within(a.Meters, id) }

func within(l []NumberRange, n uint32) bool {
	for _, r := range l {
		if r.First <= n && n <= r.Last {
			return true
		}
	}
	return false
}

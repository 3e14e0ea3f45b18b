// Package compare tells whether two agents made the same of the same southbound
// contents. It reads the switches as text, in the words of ovs-ofctl, and shares
// no code with the agent: it is what the agent is judged by.
//
//	switch + databases ─► Observe ─► normalise ─┐
//	                                            ├─► Compare ─► Result
//	switch + databases ─► Observe ─► normalise ─┘
package compare

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Result is the comparison of two observations.
type Result struct {
	Same       int
	OnlyOurs   []string
	OnlyTheirs []string
	// Differ holds what both have with other actions or another cookie.
	Differ []string
	// Accepted counts what differs in a way that docs/parity.md explains.
	Accepted int

	ours, theirs []string // normalised lines
}

// Equal tells whether nothing differs.
func (r *Result) Equal() bool { return len(r.OnlyOurs)+len(r.OnlyTheirs)+len(r.Differ) == 0 }

// Compare compares what two agents made of the same southbound contents.
func Compare(theirs, ours *Observation) *Result { return compareWith(theirs, ours, nil) }

// CompareReleases compares ours with the reference of an older release, on that
// release's contents. Accepted is what the newer reference made of them too.
func CompareReleases(theirs, newer, ours *Observation) *Result {
	flows, others, err := normalise(newer)
	if err != nil {
		return &Result{OnlyTheirs: []string{err.Error()}}
	}
	return compareWith(theirs, ours, lines(flows, others, newer))
}

// CompareVersions compares what one agent installs by OpenFlow 1.5 and by 1.4,
// which cannot say how a group chooses a bucket, nor the ids of its buckets.
func CompareVersions(newer, older *Observation) *Result {
	for _, o := range []*Observation{newer, older} {
		for i, g := range o.Groups {
			g, n := selection.ReplaceAllString(g, ",bucket="), 0
			o.Groups[i] = bucketID.ReplaceAllStringFunc(g, func(string) string {
				n++
				return fmt.Sprintf("bucket_id:%d", n-1)
			})
		}
	}
	return Compare(newer, older)
}

var (
	selection = regexp.MustCompile(`,selection_method=.*?,bucket=`)
	bucketID  = regexp.MustCompile(`bucket_id:\d+`)
)

// compareWith compares; newer, if not nil, are the lines of the newer reference.
func compareWith(theirs, ours *Observation, newer []string) *Result {
	r := &Result{}
	has := map[string]bool{}
	for _, line := range newer {
		has[line] = true
	}
	// Whether the newer reference is on our side.
	sides := func(line string, wants bool) bool { return newer != nil && has[line] == wants }
	ourFlows, ourOthers, err := normalise(ours)
	if err != nil {
		r.OnlyOurs = append(r.OnlyOurs, err.Error())
	}
	theirFlows, theirOthers, err := normalise(theirs)
	if err != nil {
		r.OnlyTheirs = append(r.OnlyTheirs, err.Error())
	}
	if known := theirs.Known; known != nil {
		ourFlows, theirFlows = ours.without(ourFlows, known), theirs.without(theirFlows, known)
	}
	if theirs.Layout != nil {
		elsewhere := func(f Flow) bool { return !logical(f.Table) }
		ourFlows, theirFlows = slices.DeleteFunc(ourFlows, elsewhere), slices.DeleteFunc(theirFlows, elsewhere)
	}
	r.ours, r.theirs = lines(ourFlows, ourOthers, ours), lines(theirFlows, theirOthers, theirs)

	// Two ids of the same content leave two flows with the same key, hence lists.
	mine := map[string][]Flow{}
	for _, f := range ourFlows {
		mine[f.Key()] = append(mine[f.Key()], f)
	}
	for _, f := range theirFlows {
		list := mine[f.Key()]
		if len(list) == 0 && sides(f.String(), false) {
			r.Accepted++
			continue
		}
		if len(list) == 0 {
			r.OnlyTheirs = append(r.OnlyTheirs, theirs.describe(f))
			continue
		}
		i := max(0, slices.Index(list, f))
		switch {
		case list[i] == f:
			r.Same++
		case accepted(ours, theirs, list[i], f), sides(list[i].String(), true):
			r.Accepted++
		default:
			r.Differ = append(r.Differ, fmt.Sprintf("ours   %s\n    theirs %s", ours.describe(list[i]), theirs.describe(f)))
		}
		mine[f.Key()] = slices.Delete(slices.Clone(list), i, i+1)
	}
	for _, f := range ourFlows {
		switch list := mine[f.Key()]; {
		case !slices.Contains(list, f):
		case acceptedOurs(f, theirFlows), sides(f.String(), true):
			r.Accepted++
		default:
			r.OnlyOurs = append(r.OnlyOurs, ours.describe(f))
		}
	}
	r.multiset(theirOthers, ourOthers, func(line string, wants bool) bool {
		return sides(line, wants) || !wants && unusedMeter(line, theirFlows)
	})
	r.multiset(prefixed("binding ", theirs.Bindings), prefixed("binding ", ours.Bindings), sides)
	return r
}

// multiset compares what is either the same or not.
func (r *Result) multiset(theirs, ours []string, sides func(line string, wants bool) bool) {
	count := map[string]int{}
	for _, s := range ours {
		count[s]++
	}
	for _, s := range theirs {
		if count[s] > 0 {
			count[s]--
			r.Same++
		} else if sides(s, false) {
			r.Accepted++
		} else {
			r.OnlyTheirs = append(r.OnlyTheirs, s)
		}
	}
	for _, s := range ours {
		if count[s] > 0 {
			count[s]--
			if sides(s, true) {
				r.Accepted++
			} else {
				r.OnlyOurs = append(r.OnlyOurs, s)
			}
		}
	}
}

func prefixed(prefix string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = prefix + line
	}
	return out
}

// without leaves out flows of learned rows that are not known to both sides.
func (o *Observation) without(flows []Flow, known map[string]bool) []Flow {
	return slices.DeleteFunc(flows, func(f Flow) bool {
		return !known[f.Cookie] && slices.ContainsFunc(learnedTables, func(name string) bool { return o.rowIs(f, name+" ") })
	})
}

// rowIs tells whether the description of the row that made a flow begins so.
func (o *Observation) rowIs(f Flow, prefix string) bool {
	return strings.HasPrefix(o.LogicalFlows[f.Cookie], prefix)
}

// describe adds the row that a flow's cookie stands for.
func (o *Observation) describe(f Flow) string {
	text := f.String()
	if row, ok := o.LogicalFlows[f.Cookie]; ok {
		text += "\n           from " + row
	}
	return text
}

// Report shows the first differences.
func (r *Result) Report(limit int) string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		lines []string
	}{{"only ours", r.OnlyOurs}, {"only theirs", r.OnlyTheirs}, {"differ", r.Differ}} {
		for i, line := range part.lines {
			if i == limit {
				fmt.Fprintf(&b, "  … %d more %s\n", len(part.lines)-limit, part.title)
				break
			}
			fmt.Fprintf(&b, "  %s:\n    %s\n", part.title, line)
		}
	}
	return b.String()
}

func lines(flows []Flow, others []string, o *Observation) []string {
	var all []string
	for _, f := range flows {
		all = append(all, f.String())
	}
	all = append(all, others...)
	return append(all, prefixed("binding ", o.Bindings)...)
}

// Write puts the normalised lines of both sides into two files to diff.
func (r *Result) Write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for side, lines := range map[string][]string{"theirs": r.theirs, "ours": r.ours} {
		text := strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(dir, name+"."+side), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

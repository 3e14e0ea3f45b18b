package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Flow is one line of ovs-ofctl dump-flows, taken apart as text: this program
// judges the codec, so it does not use it.
type Flow struct {
	Cookie   string
	Table    string
	Priority string
	Match    string
	Actions  string
}

// parseFlow takes apart "cookie=C, table=T, priority=P,MATCH actions=ACTIONS".
// Attributes that no agent should set (timeouts, flags) stay in the match, where
// they make a difference.
func parseFlow(line string) (Flow, error) {
	head, actions, ok := strings.Cut(line, " actions=")
	// ovs-ofctl leaves out what has its default value.
	f := Flow{Cookie: "0", Table: "0", Priority: "32768", Actions: actions}
	if !ok {
		return f, fmt.Errorf("flow without actions: %q", line)
	}
	var match []string
	for part := range strings.SplitSeq(head, ",") {
		part = strings.TrimSpace(part)
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "cookie":
			f.Cookie = strings.TrimPrefix(value, "0x")
		case "table":
			f.Table = value
		case "priority":
			f.Priority = value
		case "":
		default:
			match = append(match, part)
		}
	}
	f.Match = strings.Join(match, ",")
	return f, nil
}

// Key is what a switch knows a flow by.
func (f Flow) Key() string { return "table=" + f.Table + " priority=" + f.Priority + " " + f.Match }

func (f Flow) String() string {
	return fmt.Sprintf("cookie=0x%s, table=%s, priority=%s,%s actions=%s", f.Cookie, f.Table, f.Priority, f.Match, f.Actions)
}

var (
	conjMatch  = regexp.MustCompile(`\bconj_id=(\d+)`)
	conjAction = regexp.MustCompile(`\bconjunction\((\d+),(\d+/\d+)\)`)
	groupRef   = regexp.MustCompile(`\bgroup:(\d+)`)
	groupID    = regexp.MustCompile(`^group_id=(\d+),`)
	meterRef   = regexp.MustCompile(`\bmeter(?:_id)?[:=](\d+)`)
	meterID    = regexp.MustCompile(`^meter=(\d+) `)
	inPort     = regexp.MustCompile(`\bin_port=(\d+)`)
	output     = regexp.MustCompile(`\boutput:(\d+)`)
	members    = regexp.MustCompile(`\bmembers:([\d,]+)`)
	// A zone is loaded into a register as a whole, or into the low half of the
	// one it shares with the encapsulation index.
	zoneLoad  = regexp.MustCompile(`\b(set_field|load):0x([0-9a-f]+)(/0xffff)?->(reg1[123]|NXM_NX_REG1[123]\[(?:0\.\.15)?\])`)
	zoneMatch = regexp.MustCompile(`\b(reg1[123])=0x([0-9a-f]+)(/0xffff)?\b`)
	zoneCt    = regexp.MustCompile(`\bzone=(\d+)\b`)
	// The tunnel port a packet came by is kept in the high half of reg5.
	tunnelLoad  = regexp.MustCompile(`\bset_field:0x([0-9a-f]+)0000/0xffff0000->reg5`)
	tunnelMatch = regexp.MustCompile(`\breg5=0x([0-9a-f]+)0000/0xffff0000`)
)

// normalise replaces the numbers an agent is free to choose by what they stand
// for. Flows, then groups, then meters; sorted.
func normalise(o *Observation) (flows []Flow, others []string, err error) {
	groups, meters := map[string]string{}, map[string]string{}
	for _, line := range o.Meters {
		id := meterID.FindStringSubmatch(line)
		if id == nil {
			return nil, nil, fmt.Errorf("meter without id: %q", line)
		}
		content := line[len(id[0]):]
		meters[id[1]] = label("meter", content)
		others = append(others, "meter "+content)
	}
	for _, line := range o.Groups {
		id := groupID.FindStringSubmatch(line)
		if id == nil {
			return nil, nil, fmt.Errorf("group without id: %q", line)
		}
		content := o.text(line[len(id[0]):], nil, meters)
		groups[id[1]] = label("group", content)
		others = append(others, "group "+content)
	}
	for _, line := range o.Flows {
		f, err := parseFlow(line)
		if err != nil {
			return nil, nil, err
		}
		if o.Layout != nil {
			f.Table = o.Layout.text("table=" + f.Table)[len("table="):]
		}
		f.Match = o.text(f.Match, groups, meters)
		f.Actions = o.text(f.Actions, groups, meters)
		flows = append(flows, f)
	}
	nameConjunctions(flows)
	slices.SortFunc(flows, func(a, b Flow) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(others)
	return flows, others, nil
}

func (o *Observation) text(s string, groups, meters map[string]string) string {
	if o.Layout != nil {
		s = o.Layout.text(s)
	}
	s = replace(s, groupRef, func(m []string) string { return "group:" + known(groups, m[1]) })
	s = replace(s, meterRef, func(m []string) string {
		if content, ok := meters[m[1]]; ok {
			return "meter:" + content
		}
		return "meter:<no such meter>" // named in a logical flow, not in table Meter
	})
	s = replace(s, inPort, func(m []string) string { return "in_port=" + known(o.OFPorts, m[1]) })
	s = replace(s, output, func(m []string) string { return "output:" + known(o.OFPorts, m[1]) })
	s = replace(s, members, func(m []string) string {
		ports := strings.Split(m[1], ",")
		for i := range ports {
			ports[i] = known(o.OFPorts, ports[i])
		}
		return "members:" + strings.Join(ports, ",")
	})
	s = replace(s, zoneLoad, func(m []string) string { return m[1] + ":" + o.zone(m[2], 16) + m[3] + "->" + m[4] })
	s = replace(s, zoneMatch, func(m []string) string { return m[1] + "=" + o.zone(m[2], 16) + m[3] })
	s = replace(s, zoneCt, func(m []string) string { return "zone=" + o.zone(m[1], 10) })
	s = replace(s, tunnelLoad, func(m []string) string { return "set_field:" + known(o.OFPorts, decimal(m[1])) + "->reg5" })
	s = replace(s, tunnelMatch, func(m []string) string { return "reg5=" + known(o.OFPorts, decimal(m[1])) })
	return s
}

// zone names a zone's number in the given base; what is no zone, or one that
// was asked for, stays as it is.
func (o *Observation) zone(number string, base int) string {
	dec := number
	if base == 16 {
		dec = decimal(number)
	}
	if name, ok := o.Zones[dec]; ok && !o.Requested[dec] {
		return "<zone " + name + ">"
	}
	if base == 16 {
		return "0x" + number
	}
	return number
}

func decimal(hexadecimal string) string {
	var n uint64
	if _, err := fmt.Sscanf(hexadecimal, "%x", &n); err != nil {
		return hexadecimal
	}
	return fmt.Sprint(n)
}

func known(names map[string]string, number string) string {
	if name, ok := names[number]; ok {
		return name
	}
	return number
}

func replace(s string, re *regexp.Regexp, fn func(m []string) string) string {
	if !re.MatchString(s) {
		return s
	}
	return re.ReplaceAllStringFunc(s, func(match string) string { return fn(re.FindStringSubmatch(match)) })
}

// label is a short name for content.
func label(kind, content string) string {
	sum := sha256.Sum256([]byte(content))
	return "<" + kind + " " + hex.EncodeToString(sum[:4]) + ">"
}

// nameConjunctions replaces conjunction ids by a label of all that uses them: the
// clauses and the flows that match the id. Ids of equal content get equal
// labels.
func nameConjunctions(flows []Flow) {
	uses := map[string][]string{}
	for _, f := range flows {
		for _, m := range conjMatch.FindAllStringSubmatch(f.Match, -1) {
			uses[m[1]] = append(uses[m[1]], "id "+f.Cookie+" "+f.Table+" "+f.Priority+" "+
				conjMatch.ReplaceAllString(f.Match, "conj_id=*")+" "+f.Actions)
		}
		for _, m := range conjAction.FindAllStringSubmatch(f.Actions, -1) {
			uses[m[1]] = append(uses[m[1]], "clause "+m[2]+" "+f.Table+" "+f.Priority+" "+f.Match)
		}
	}
	labels := map[string]string{}
	for id, lines := range uses {
		slices.Sort(lines)
		lines = slices.Compact(lines)
		labels[id] = label("conj", strings.Join(lines, "\n"))
	}
	for i := range flows {
		f := &flows[i]
		f.Match = replace(f.Match, conjMatch, func(m []string) string { return "conj_id=" + labels[m[1]] })
		if clauses := conjAction.FindAllStringSubmatch(f.Actions, -1); len(clauses) > 0 {
			// A list of clauses is a set: its order is that of the ids, and the
			// reference repeats a clause that several of its terms yield.
			texts := make([]string, len(clauses))
			for j, m := range clauses {
				texts[j] = "conjunction(" + labels[m[1]] + "," + m[2] + ")"
			}
			slices.Sort(texts)
			f.Actions = strings.Join(slices.Compact(texts), ",")
		}
	}
}

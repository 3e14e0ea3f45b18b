package openflow

import "slices"

var groupTypeNames = [...]string{"all", "select", "indirect", "ff"}

// FormatGroup is the line that ovs-ofctl -O OpenFlow15 --no-names dump-groups
// prints of a group, without the space before it.
func FormatGroup(id uint32, g *GroupSpec) string {
	b := appendDec([]byte("group_id="), uint64(id))
	return string(g.appendText(append(b, ',')))
}

// String is FormatGroup without the number: "type=all,bucket=…".
func (g *GroupSpec) String() string { return string(g.appendText(nil)) }

func (g *GroupSpec) appendText(b []byte) []byte {
	b = append(b, "type="...)
	if int(g.Type) < len(groupTypeNames) {
		b = append(b, groupTypeNames[g.Type]...)
	} else {
		b = append(b, "unknown"...)
	}
	if g.SelectionMethod != "" {
		b = append(append(b, ",selection_method="...), g.SelectionMethod...)
		if g.SelectionParam != 0 {
			b = appendDec(append(b, ",selection_method_param="...), g.SelectionParam)
		}
		b = g.appendFields(b)
	}
	b = append(b, ',')
	for i := range g.Buckets {
		k := &g.Buckets[i]
		b = append(appendDec(append(b, "bucket=bucket_id:"...), uint64(k.ID)), ',')
		usual := uint16(0)
		if g.Type == GroupSelect {
			usual = 1
		}
		if k.Weight != usual {
			b = append(appendDec(append(b, "weight:"...), uint64(k.Weight)), ',')
		}
		if k.WatchPort != 0 && k.WatchPort != PortAny {
			b = append(appendPortText(append(b, "watch_port:"...), k.WatchPort), ',')
		}
		if k.WatchGroup != 0 && k.WatchGroup != PortAny {
			b = append(appendDec(append(b, "watch_group:"...), uint64(k.WatchGroup)), ',')
		}
		t := actionText{b: append(b, "actions="...)}
		t.list(string(k.Actions), 0)
		b = append(t.b, ',')
	}
	return b[:len(b)-1]
}

func (g *GroupSpec) appendFields(b []byte) []byte {
	fs := g.sortedFields()
	switch len(fs) {
	case 0:
		return b
	case 1:
		return append(append(b, ",fields="...), fs[0].Name()...)
	}
	b = append(b, ",fields("...)
	for i, f := range fs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.Name()...)
	}
	return append(b, ')')
}

// sortedFields is the fields without repetition in the order in which the switch
// gives them back.
func (g *GroupSpec) sortedFields() []Field {
	fs := slices.Clone(g.Fields)
	slices.SortFunc(fs, func(x, y Field) int { return x.metaFlowOrder() - y.metaFlowOrder() })
	return slices.Compact(fs)
}

package ovsdb

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// thing is a small row type, by hand, with one column of each behaviour.
type thing struct {
	UUID UUID
	Name string
	Tags []string
	Opts Map
}

const (
	thingColName ColumnSet = 1 << iota
	thingColTags
	thingColOpts
)

var thingType = RowType[thing]{
	Table: "Thing",
	ID:    func(r *thing) *UUID { return &r.UUID },
	Decode: func(r *thing, d *RowDecoder) (cols ColumnSet) {
		for d.Next() {
			switch string(d.Column()) {
			case "name":
				if d.String(&r.Name) {
					cols |= thingColName
				}
			case "tags":
				if d.StringSet(&r.Tags) {
					cols |= thingColTags
				}
			case "opts":
				if d.StringStringMap(&r.Opts) {
					cols |= thingColOpts
				}
			default:
				d.Skip()
			}
		}
		return cols
	},
	Diff: func(a, b *thing) (cols ColumnSet) {
		if a.Name != b.Name {
			cols |= thingColName
		}
		if !slices.Equal(a.Tags, b.Tags) {
			cols |= thingColTags
		}
		if !a.Opts.Equal(b.Opts) {
			cols |= thingColOpts
		}
		return cols
	},
	Patch: func(r, d *thing, cols ColumnSet) {
		if cols.Has(thingColName) {
			r.Name = d.Name
		}
		if cols.Has(thingColTags) {
			r.Tags = PatchStrings(r.Tags, d.Tags)
		}
		if cols.Has(thingColOpts) {
			r.Opts = r.Opts.Patched(d.Opts)
		}
	},
}

// twinThing is a row as Go's own types hold it.
type twinThing struct {
	name string
	tags map[string]bool
	opts map[string]string
}

func (w twinThing) row(id UUID) *thing {
	return &thing{UUID: id, Name: w.name, Tags: slices.Sorted(maps.Keys(w.tags)), Opts: MapFrom(w.opts)}
}

// difference makes what a server sends when w becomes v.
func (w twinThing) difference(v twinThing, id UUID) (*thing, ColumnSet) {
	d := &thing{UUID: id}
	var cols ColumnSet
	if w.name != v.name {
		d.Name = v.name
		cols |= thingColName
	}
	tags := map[string]bool{}
	for _, pair := range [][2]map[string]bool{{w.tags, v.tags}, {v.tags, w.tags}} {
		for t := range pair[0] {
			if !pair[1][t] {
				tags[t] = true
			}
		}
	}
	if len(tags) > 0 {
		d.Tags = slices.Sorted(maps.Keys(tags))
		cols |= thingColTags
	}
	opts := map[string]string{}
	for k, x := range w.opts {
		if y, ok := v.opts[k]; !ok {
			opts[k] = x
		} else if x != y {
			opts[k] = y
		}
	}
	for k, y := range v.opts {
		if _, ok := w.opts[k]; !ok {
			opts[k] = y
		}
	}
	if len(opts) > 0 {
		d.Opts = MapFrom(opts)
		cols |= thingColOpts
	}
	return d, cols
}

// Random updates, as differences and as whole contents, give the same table, index
// and net changes as a plain map does.
func TestTableAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := make([]UUID, 6)
		for i := range ids {
			ids[i][15] = byte(i + 1)
		}
		names := rapid.SampledFrom([]string{"", "a", "b", "c"})
		value := rapid.Custom(func(t *rapid.T) twinThing {
			w := twinThing{name: names.Draw(t, "name"), tags: map[string]bool{}, opts: map[string]string{}}
			for _, s := range rapid.SliceOfN(names, 0, 4).Draw(t, "tags") {
				w.tags[s] = true
			}
			for _, s := range rapid.SliceOfN(names, 0, 4).Draw(t, "opts") {
				w.opts[s] = names.Draw(t, "value")
			}
			return w
		})
		table := NewTable(&thingType)
		byName := AddIndex(table, func(r *thing) (string, bool) { return r.Name, r.Name != "" })
		byTag := AddListIndex(table, func(r *thing) []string { return r.Tags })
		twin := map[UUID]twinThing{}
		var net []Change[thing]
		start := map[UUID]*thing{}

		steps := rapid.IntRange(1, 12).Draw(t, "steps")
		for step := range steps {
			now := maps.Clone(twin)
			var updates []RowUpdate[thing]
			replace := rapid.IntRange(0, 5).Draw(t, "replace") == 0
			if replace {
				now = map[UUID]twinThing{}
				for _, id := range ids {
					if rapid.Bool().Draw(t, "present") {
						w := value.Draw(t, "row")
						if old, ok := twin[id]; ok && rapid.Bool().Draw(t, "same") {
							w = old
						}
						now[id] = w
						updates = append(updates, RowUpdate[thing]{ID: id, Kind: RowInsert, Row: w.row(id)})
					}
				}
			} else {
				for range rapid.IntRange(1, 6).Draw(t, "updates") {
					id := rapid.SampledFrom(ids).Draw(t, "id")
					old, ok := now[id]
					switch {
					case !ok:
						now[id] = value.Draw(t, "row")
						kind := rapid.SampledFrom([]RowKind{RowInsert, RowFull}).Draw(t, "kind")
						updates = append(updates, RowUpdate[thing]{ID: id, Kind: kind, Row: now[id].row(id)})
					case rapid.IntRange(0, 3).Draw(t, "delete") == 0:
						delete(now, id)
						updates = append(updates, RowUpdate[thing]{ID: id, Kind: RowDelete})
					default:
						now[id] = value.Draw(t, "row")
						diff, cols := old.difference(now[id], id)
						updates = append(updates, RowUpdate[thing]{ID: id, Kind: RowModify, Row: diff, Cols: cols})
					}
				}
			}
			before := maps.Clone(table.rows)
			changes, errs := table.Apply(updates, replace)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			checkTable(t, table, byName, now)
			if !byTag.valid() {
				t.Fatal("the index with several keys does not fit the table")
			}
			checkChanges(t, changes, before, table.rows, false)
			twin = now
			if step == 0 { // rows to begin with
				start = maps.Clone(table.rows)
				continue
			}
			net = MergeChanges(&thingType, append(net, changes...))
		}
		checkChanges(t, net, start, table.rows, true)
	})
}

func checkTable(t *rapid.T, table *Table[thing], byName *Index[string, thing], twin map[UUID]twinThing) {
	if err := table.valid(); err != nil {
		t.Fatal(err)
	}
	if !byName.valid() {
		t.Fatal("the index does not fit the table")
	}
	if table.Len() != len(twin) {
		t.Fatalf("%d rows instead of %d", table.Len(), len(twin))
	}
	for id, w := range twin {
		if r := table.Get(id); r == nil || thingType.Diff(r, w.row(id)) != 0 {
			t.Fatalf("row %s is %+v instead of %+v", id, r, w)
		}
	}
}

// checkChanges demands that changes lead from before to after, once for each row, and
// that rows go before others come. Net changes may begin with a row that has gone and
// come again as it was.
func checkChanges(t *rapid.T, changes []Change[thing], before, after map[UUID]*thing, net bool) {
	rows := maps.Clone(before)
	seen := map[UUID]bool{}
	for i, c := range changes {
		if c.New == nil && i > 0 && changes[i-1].New != nil {
			t.Fatalf("row %s goes after another has come", c.Old.UUID)
		}
		r := c.New
		if r == nil {
			r = c.Old
		}
		if seen[r.UUID] {
			t.Fatalf("two changes of row %s", r.UUID)
		}
		seen[r.UUID] = true
		if was := rows[r.UUID]; was != c.Old && (!net || was == nil || c.Old == nil || thingType.Diff(was, c.Old) != 0) {
			t.Fatalf("row %s was %+v, not %+v", r.UUID, rows[r.UUID], c.Old)
		}
		if c.Old != nil && c.New != nil && (c.Cols == 0 || c.Cols != thingType.Diff(c.Old, c.New)) {
			t.Fatalf("row %s: columns %b", r.UUID, c.Cols)
		}
		if c.New == nil {
			delete(rows, r.UUID)
		} else {
			rows[r.UUID] = c.New
		}
	}
	for id, r := range after {
		if rows[id] == nil || thingType.Diff(rows[id], r) != 0 {
			t.Fatalf("the changes leave row %s as %+v, the table has %+v", id, rows[id], r)
		}
	}
	if len(rows) != len(after) {
		t.Fatalf("the changes leave %d rows, the table has %d", len(rows), len(after))
	}
}

func TestUpdatesThatDoNotFit(t *testing.T) {
	table := NewTable(&thingType)
	id := UUID{1}
	changes, errs := table.Apply([]RowUpdate[thing]{{ID: id, Kind: RowModify, Row: &thing{UUID: id}, Cols: thingColName}}, false)
	if len(changes) != 0 || len(errs) != 1 || fmt.Sprint(errs[0]) != "table Thing: row "+id.String()+": a change of a row that was never sent" {
		t.Errorf("changes %v, errors %v", changes, errs)
	}
	// A row that was not understood may be changed and deleted without complaint, and
	// comes back when it is sent whole.
	for _, u := range []RowUpdate[thing]{
		{ID: id, Kind: RowSkipped},
		{ID: id, Kind: RowModify, Row: &thing{UUID: id, Name: "x"}, Cols: thingColName},
		{ID: id, Kind: RowDelete},
		{ID: id, Kind: RowDelete},
		{ID: id, Kind: RowSkipped},
	} {
		if changes, errs := table.Apply([]RowUpdate[thing]{u}, false); len(changes)+len(errs) != 0 {
			t.Errorf("%+v: changes %v, errors %v", u, changes, errs)
		}
	}
	if changes, _ := table.Apply([]RowUpdate[thing]{{ID: id, Kind: RowFull, Row: &thing{UUID: id}}}, false); len(changes) != 1 {
		t.Errorf("changes %v", changes)
	}
	// The last version that was understood stays.
	for _, replace := range []bool{false, true} {
		if changes, _ := table.Apply([]RowUpdate[thing]{{ID: id, Kind: RowSkipped}}, replace); len(changes) != 0 || table.Len() != 1 {
			t.Errorf("changes %v", changes)
		}
	}
}

func TestIndexOfManyRows(t *testing.T) {
	table := NewTable(&thingType)
	var updates []RowUpdate[thing]
	for i := range 1000 {
		id := UUID{14: byte(i >> 8), 15: byte(i)}
		updates = append(updates, RowUpdate[thing]{ID: id, Kind: RowInsert, Row: &thing{UUID: id, Name: fmt.Sprint(i % 3)}})
	}
	slices.Reverse(updates)
	table.Apply(updates[:700], false)
	x := AddIndex(table, func(r *thing) (string, bool) { return r.Name, true })
	table.Apply(updates[700:], false)
	if !x.valid() || x.Len() != 3 || len(x.Get("0")) != 334 || x.One("3") != nil || x.One("1").UUID != (UUID{15: 1}) {
		t.Error("index after insertion")
	}
	for i := range updates[:900] {
		updates[i].Kind, updates[i].Row = RowDelete, nil
	}
	table.Apply(updates[:900], false)
	if !x.valid() || len(x.Get("0"))+len(x.Get("1"))+len(x.Get("2")) != 100 {
		t.Error("index after deletion")
	}
}

// BenchmarkIndexBucket exchanges twenty rows of one bucket, by the rows it has.
func BenchmarkIndexBucket(b *testing.B) {
	for _, rows := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			table := NewTable(&thingType)
			AddIndex(table, func(*thing) (int, bool) { return 0, true })
			id := func(i int) (u UUID) {
				binary.BigEndian.PutUint64(u[:], uint64(i)*0x9e3779b97f4a7c15)
				return u
			}
			insert := func(i int) RowUpdate[thing] {
				return RowUpdate[thing]{ID: id(i), Kind: RowInsert, Row: &thing{UUID: id(i)}}
			}
			var updates []RowUpdate[thing]
			for i := range rows {
				updates = append(updates, insert(i))
			}
			table.Apply(updates, false)
			for n := 0; b.Loop(); n += 20 {
				updates = updates[:0]
				for i := n; i < n+20; i++ {
					updates = append(updates, RowUpdate[thing]{ID: id(i), Kind: RowDelete}, insert(i+rows))
				}
				table.Apply(updates, false)
			}
		})
	}
}

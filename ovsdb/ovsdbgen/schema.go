package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// schema is a database schema (RFC 7047 section 3.2) as far as code is generated
// from it.
type schema struct {
	Name    string
	Version string
	Cksum   string
	Tables  map[string]struct {
		Columns map[string]struct {
			Type columnType
		}
	}
}

// columnType is a <type> of RFC 7047, in its long form.
type columnType struct {
	Key, Value baseType
	Min        int
	Max        int // -1: unlimited
}

// baseType is a <base-type>. The zero baseType is no type.
type baseType struct {
	Type     string
	Enum     []string // of strings only
	Min, Max *int64   // of integers only
	RefTable string
}

func (t *columnType) UnmarshalJSON(b []byte) error {
	t.Min, t.Max = 1, 1
	if b[0] == '"' {
		return json.Unmarshal(b, &t.Key)
	}
	var long struct {
		Key, Value baseType
		Min        *int
		Max        any
	}
	if err := json.Unmarshal(b, &long); err != nil {
		return err
	}
	t.Key, t.Value = long.Key, long.Value
	if long.Min != nil {
		t.Min = *long.Min
	}
	switch m := long.Max.(type) {
	case float64:
		t.Max = int(m)
	case string:
		t.Max = -1
	}
	return nil
}

func (t *baseType) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &t.Type)
	}
	var long struct {
		Type       string
		Enum       json.RawMessage
		MinInteger *int64
		MaxInteger *int64
		RefTable   string
	}
	if err := json.Unmarshal(b, &long); err != nil {
		return err
	}
	*t = baseType{Type: long.Type, Min: long.MinInteger, Max: long.MaxInteger, RefTable: long.RefTable}
	if long.Enum != nil && long.Type == "string" {
		var set []json.RawMessage
		var one string
		if json.Unmarshal(long.Enum, &one) == nil {
			t.Enum = []string{one}
		} else if err := json.Unmarshal(long.Enum, &set); err != nil || len(set) != 2 {
			return fmt.Errorf("enum %s: neither a string nor a set", long.Enum)
		} else if err := json.Unmarshal(set[1], &t.Enum); err != nil {
			return fmt.Errorf("enum %s: %w", long.Enum, err)
		}
		slices.Sort(t.Enum)
	}
	return nil
}

func readSchema(path string) (*schema, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := new(schema)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// table and column are the schema's in the order of their names, with everything
// the templates need.
type table struct {
	Name, Go, Lower string
	Columns         []column
}

type column struct {
	Name string // in the schema
	Go   string // of the field
	Col  string // of the ColumnSet constant
	Type columnType
	kind kind
}

func (s *schema) tables() ([]table, error) {
	var out []table
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		t := table{Name: name, Go: goName(name), Lower: unexported(name)}
		for _, c := range slices.Sorted(maps.Keys(s.Tables[name].Columns)) {
			ty := s.Tables[name].Columns[c].Type
			k, err := kindOf(ty)
			if err != nil {
				return nil, fmt.Errorf("table %s: column %s: %w", name, c, err)
			}
			col := column{Name: c, Go: goName(c), Type: ty, kind: k}
			col.Col = t.Go + "Col" + col.Go
			t.Columns = append(t.Columns, col)
		}
		if len(t.Columns) > 64 {
			return nil, fmt.Errorf("table %s: %d columns do not fit a ColumnSet of 64", name, len(t.Columns))
		}
		out = append(out, t)
	}
	return out, nil
}

package main

import (
	"fmt"
	"strings"
)

// kind is how a column's type is represented in Go. Its fields are Go source.
type kind struct {
	goType string
	// decode is the method of RowDecoder that reads it.
	decode string
	// differ compares fields a and b; patch applies the difference d to r.
	differ, patch string
	// append writes value v as JSON.
	append string
	// elements is the Go type of what a mutation takes, "" if there is none, and
	// appendKeys writes keys to delete from a map.
	elements string
	// optional columns have a function that sets their one element, of this type,
	// and one that clears them; appendOne writes the element.
	one, appendOne   string
	isMap            bool
	keys, appendKeys string
	// pack is the method of Packer and Unpacker.
	pack string
}

var atoms = map[string]struct{ goType, name, append string }{
	"string":  {"string", "String", "ovsdb.AppendString"},
	"integer": {"int64", "Int", "ovsdb.AppendInt"},
	"boolean": {"bool", "Bool", "ovsdb.AppendBool"},
	"real":    {"float64", "Real", "ovsdb.AppendReal"},
	"uuid":    {"ovsdb.UUID", "UUID", "ovsdb.AppendUUID"},
}

func kindOf(t columnType) (kind, error) {
	k, err := valueKind(t)
	// Packing tells apart what is stored in different ways, not what is allowed.
	k.pack, _, _ = strings.Cut(k.decode, "(")
	switch k.pack {
	case "Enum":
		k.pack = "String"
	case "OptEnum":
		k.pack = "OptString"
	case "IntRange":
		k.pack = "Int"
	}
	return k, err
}

func valueKind(t columnType) (kind, error) {
	key, ok := atoms[t.Key.Type]
	if !ok {
		return kind{}, fmt.Errorf("type %q is not in RFC 7047", t.Key.Type)
	}
	plain := kind{differ: "a.%[1]s != b.%[1]s", patch: "r.%[1]s = d.%[1]s"}
	switch {
	case t.Value.Type != "":
		value, ok := atoms[t.Value.Type]
		if !ok {
			return kind{}, fmt.Errorf("type %q is not in RFC 7047", t.Value.Type)
		}
		k := kind{
			goType:     fmt.Sprintf("ovsdb.MapOf[%s, %s]", key.goType, value.goType),
			decode:     key.name + value.name + "Map(&r.%s)",
			differ:     "!a.%[1]s.Equal(b.%[1]s)",
			patch:      "r.%[1]s = r.%[1]s.Patched(d.%[1]s)",
			append:     fmt.Sprintf("ovsdb.AppendMap(nil, %%s, %s, %s)", key.append, value.append),
			isMap:      true,
			keys:       key.goType,
			appendKeys: fmt.Sprintf("ovsdb.AppendSet(nil, %%s, %s)", key.append),
		}
		if t.Key.Type == "string" && t.Value.Type == "string" {
			k.goType = "ovsdb.Map"
		}
		k.elements = k.goType
		if t.Max == 1 {
			k.patch = plain.patch
		}
		return k, nil
	case t.Min == 1 && t.Max == 1:
		k := plain
		k.goType = key.goType
		k.append = key.append + "(nil, %s)"
		k.decode = key.name + "(&r.%s)"
		switch {
		case len(t.Key.Enum) > 0:
			k.decode = fmt.Sprintf("Enum(&r.%%s, %s)", quotedList(t.Key.Enum))
		case t.Key.Min != nil && t.Key.Max != nil:
			k.decode = fmt.Sprintf("IntRange(&r.%%s, %d, %d)", *t.Key.Min, *t.Key.Max)
		}
		return k, nil
	case t.Max == 1 && t.Key.Type == "uuid":
		k := plain
		k.goType = "ovsdb.UUID"
		k.append = "ovsdb.AppendOptUUID(nil, %s)"
		k.decode = "OptUUID(&r.%s)"
		return k, nil
	case t.Max == 1:
		k := plain
		k.goType = fmt.Sprintf("ovsdb.Optional[%s]", key.goType)
		k.one, k.appendOne = key.goType, key.append+"(nil, %s)"
		k.append = fmt.Sprintf("ovsdb.AppendOptional(nil, %%s, %s)", key.append)
		k.decode = "Opt" + key.name + "(&r.%s)"
		if len(t.Key.Enum) > 0 {
			k.decode = fmt.Sprintf("OptEnum(&r.%%s, %s)", quotedList(t.Key.Enum))
		}
		return k, nil
	default:
		k := kind{
			goType: "[]" + key.goType,
			decode: key.name + "Set(&r.%s)",
			differ: "!slices.Equal(a.%[1]s, b.%[1]s)",
			patch:  fmt.Sprintf("r.%%[1]s = ovsdb.Patch%ss(r.%%[1]s, d.%%[1]s)", key.name),
			append: fmt.Sprintf("ovsdb.AppendSet(nil, %%s, %s)", key.append),
		}
		k.elements = key.goType
		return k, nil
	}
}

func quotedList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(quoted, ", ")
}

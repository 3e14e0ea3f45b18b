// Command ovsdbgen generates the packages sbdb and vswitchdb: row types, table
// decoders, replicas and transaction builders, from the schemas of OVN's
// southbound database and of Open vSwitch.
//
// Run it in the module's root:
//
//	go run ./ovsdb/ovsdbgen
//
// The schemas are those of the newest supported stack, unpacked from Debian's
// packages: $OVN_STACK, which may also hold it as "sid", or, when that is unset,
// the cache directory that "make deps" fills.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// target is one package to generate.
type target struct {
	pkg    string
	schema string // path below usr/share of the stack
	// snapshots says that rows can be packed.
	snapshots bool
}

var targets = []target{
	{"sbdb", "ovn/ovn-sb.ovsschema", true},
	// A local server has no history to resume from, and answers at once.
	{"vswitchdb", "openvswitch/vswitch.ovsschema", false},
}

// generatedSuffix ends the name of every generated file.
const generatedSuffix = "_gen.go"

func main() {
	root := flag.String("root", ".", "root of the module")
	stack := flag.String("stack", stackDir(), "directory with usr/share/ovn")
	flag.Parse()
	if err := run(*root, *stack); err != nil {
		fmt.Fprintln(os.Stderr, "ovsdbgen:", err)
		os.Exit(1)
	}
}

// stackDir returns where the newest stack is unpacked.
func stackDir() string {
	if dir := os.Getenv("OVN_STACK"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "usr")); err != nil {
			return filepath.Join(dir, "sid")
		}
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "ovn-chassis", "stacks", "sid")
}

func run(root, stack string) error {
	for _, t := range targets {
		files, err := t.generate(stack)
		if err != nil {
			return err
		}
		dir := filepath.Join(root, t.pkg)
		stale, err := filepath.Glob(filepath.Join(dir, "*"+generatedSuffix))
		if err != nil {
			return err
		}
		for _, path := range stale {
			if files[filepath.Base(path)] == nil {
				if err := os.Remove(path); err != nil {
					return err
				}
			}
		}
		for name, text := range files {
			path := filepath.Join(dir, name)
			if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
				continue
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// generate returns the package's files by name.
func (t target) generate(stack string) (map[string][]byte, error) {
	s, err := readSchema(filepath.Join(stack, "usr", "share", t.schema))
	if err != nil {
		return nil, fmt.Errorf("reading the schema for package %s: %w", t.pkg, err)
	}
	tables, err := s.tables()
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", s.Name, err)
	}
	files := map[string][]byte{}
	add := func(name string, text []byte) {
		if err == nil && text != nil {
			files[name+generatedSuffix] = text
		}
	}
	var text []byte
	text, err = t.database(s, tables)
	add("db", text)
	for _, tab := range tables {
		if err == nil {
			text, err = t.rows(s, tab)
			add(strings.ToLower(tab.Name), text)
		}
		if err == nil {
			text, err = t.transactions(s, tab)
			add(strings.ToLower(tab.Name)+"_txn", text)
		}
		if err == nil && t.snapshots {
			text, err = t.packing(s, tab)
			add(strings.ToLower(tab.Name)+"_pack", text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", t.pkg, err)
	}
	return files, nil
}

// imports collects what a generated file uses.
func imports(body string) string {
	var b strings.Builder
	b.WriteString("import (\n")
	if strings.Contains(body, "slices.") {
		b.WriteString("\t\"slices\"\n\n")
	}
	b.WriteString("\t\"github.com/ovn-chassis/ovn-chassis/ovsdb\"\n)\n")
	return b.String()
}

// refTables lists the tables a column refers to.
func (c column) refTables() string {
	var refs []string
	for _, r := range []string{c.Type.Key.RefTable, c.Type.Value.RefTable} {
		if r != "" && !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	return strings.Join(refs, " and ")
}

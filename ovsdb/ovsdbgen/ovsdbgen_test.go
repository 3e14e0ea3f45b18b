package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-chassis/ovn-chassis/ovsdb/ovsdbtest"
)

// The generated packages must be what the generator makes of the newest schemas.
func TestGeneratedCodeIsCurrent(t *testing.T) {
	stack := ovsdbtest.Stack(t)
	root := filepath.Join("..", "..")
	for _, target := range targets {
		files, err := target.generate(stack)
		if err != nil {
			t.Fatal(err)
		}
		present, err := filepath.Glob(filepath.Join(root, target.pkg, "*"+generatedSuffix))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range present {
			if files[filepath.Base(path)] == nil {
				t.Errorf("%s/%s is of no table any more: run go run ./ovsdb/ovsdbgen", target.pkg, filepath.Base(path))
			}
		}
		for name, want := range files {
			have, err := os.ReadFile(filepath.Join(root, target.pkg, name))
			if err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s/%s is stale: run go run ./ovsdb/ovsdbgen", target.pkg, name)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string][2]string{
		"Port_Binding":     {"PortBinding", "portBinding"},
		"HA_Chassis_Group": {"HAChassisGroup", "haChassisGroup"},
		"DHCPv6_Options":   {"DHCPv6Options", "dhcpv6Options"},
		"DNS":              {"DNS", "dns"},
		"Open_vSwitch":     {"OpenVSwitch", "openVSwitch"},
		"sFlow":            {"SFlow", "sflow"},
		"external_ids":     {"ExternalIDs", "externalIDs"},
		"nb_cfg":           {"NbCfg", "nbCfg"},
		"ipsec":            {"IPsec", "ipsec"},
		"vips":             {"VIPs", "vips"},
	} {
		if diff := cmp.Diff(want, [2]string{goName(name), unexported(name)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A schema that the generator does not understand must not become code.
func TestUnknownSchemas(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "usr", "share", targets[0].schema)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{`,
		`{"tables": {"T": {"columns": {"c": {"type": "complex"}}}}}`,
		`{"tables": {"T": {"columns": {"c": {"type": {"key": "string", "value": "complex", "max": "unlimited"}}}}}}`,
		`{"tables": {"T": {"columns": {"c": {"type": {"key": {"type": "string", "enum": ["set"]}}}}}}}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := targets[0].generate(dir); err == nil {
			t.Errorf("code was generated from %s", text)
		}
	}
	if _, err := targets[1].generate(dir); err == nil {
		t.Error("code was generated from no schema")
	}
}

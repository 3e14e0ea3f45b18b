package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
)

// run runs the command line; errors are part of what it says.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot(daemon.Dirs{Run: t.TempDir(), SysConf: t.TempDir(), OVSRun: t.TempDir()})
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

// TestCompile: a command line in, flows out. The file is rewritten with -rewrite when
// the translation changes on purpose; read the difference.
//
//	compile
//	--match
//	ip4.src == 10.0.0.1
//	----
//	table=8, priority=100,ip,metadata=0x1,nw_src=10.0.0.1 actions=resubmit(,9)
func TestCompile(t *testing.T) {
	datadriven.RunTest(t, "testdata/compile", func(t *testing.T, d *datadriven.TestData) string {
		// One argument a line: matches have blanks and quotes.
		args := strings.Split(strings.TrimSpace(d.Input), "\n")
		out, err := run(t, append([]string{d.Cmd}, args...)...)
		if err != nil {
			out += fmt.Sprintf("error: %v\n", err)
		}
		return out
	})
}

// Every command says what it does and what its flags mean.
func TestHelp(t *testing.T) {
	for _, cmd := range newRoot(daemon.Dirs{}).Commands() {
		if cmd.Short == "" || len(cmd.Long) < 80 {
			t.Errorf("%s: no help worth the name", cmd.Name())
		}
		out, err := run(t, cmd.Name(), "-h")
		if err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%s -h: %v\n%s", cmd.Name(), err, out)
		}
	}
}

// Without anything running every command that asks somebody says who does not answer.
func TestNobodyThere(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"status", "ovn-controller does not run: there is no"},
		{"diff", "ovn-controller does not run"},
		{"verify --timeout 200ms", "no contents of the local database"},
		{"explain 0x12345678 --timeout 200ms", "local database unix:"},
		{"explain 0x12345678 --timeout 200ms --sb unix:/nowhere", "southbound database unix:/nowhere: no contents"},
	} {
		_, err := run(t, strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, errDiffers) {
			t.Errorf("%s: %v, want %q", c.args, err, c.want)
		}
	}
}

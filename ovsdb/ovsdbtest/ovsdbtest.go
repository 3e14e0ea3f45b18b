// Package ovsdbtest runs real OVSDB servers for tests, as children in the
// foreground with private directories, and a proxy that stands between a client
// and a server and misbehaves.
package ovsdbtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Schemas of OVN's southbound database.
const (
	// SouthboundHost is the schema of the distribution the tests run on.
	SouthboundHost = "/usr/share/ovn/ovn-sb.ovsschema"
	// VSwitchHost is the distribution's schema of Open vSwitch.
	VSwitchHost = "/usr/share/openvswitch/vswitch.ovsschema"
)

// needed is how to get what the tests run.
const needed = "apt-get install openvswitch-switch openvswitch-common ovn-common"

// StackCommand is how to get the newest stack of OVN and Open vSwitch into a
// directory. "make deps" does the same.
const StackCommand = `mmdebstrap --variant=extract --include=ovn-central,ovn-host,openvswitch-switch,libc-bin,dash,coreutils,base-files --aptopt='Acquire::Check-Valid-Until "false"' sid `

// Stack returns the directory with the newest stack: $OVN_STACK, which may also
// hold it as "sid", or the user's cache.
func Stack(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("OVN_STACK")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "ovn-chassis", "stacks", "sid")
	} else if _, err := os.Stat(filepath.Join(dir, "usr")); err != nil {
		dir = filepath.Join(dir, "sid")
	}
	if _, err := os.Stat(filepath.Join(dir, "usr/share/ovn/ovn-sb.ovsschema")); err != nil {
		t.Fatalf("no stack in %s; get it with:\n  %s", dir, StackCommand+dir)
	}
	return dir
}

// SouthboundNewest returns the southbound schema of the newest stack.
func SouthboundNewest(t testing.TB) string {
	return filepath.Join(Stack(t), "usr/share/ovn/ovn-sb.ovsschema")
}

// VSwitchNewest returns the Open vSwitch schema of the newest stack.
func VSwitchNewest(t testing.TB) string {
	return filepath.Join(Stack(t), "usr/share/openvswitch/vswitch.ovsschema")
}

// Server is an ovsdb-server.
type Server struct {
	// Dir holds everything of the server's: files, sockets.
	Dir string
	// Unix is the remote of its socket.
	Unix string
	// Database is its database file.
	Database string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// Start runs a server for a standalone database of the schema. args are further
// arguments of ovsdb-server.
func Start(t testing.TB, schema string, args ...string) *Server {
	t.Helper()
	s := New(t, args...)
	s.Tool("create", s.Database, schema)
	s.Run()
	return s
}

// New makes a server that does not run yet and has no database.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := os.Stat(SouthboundHost); err != nil {
		t.Fatalf("%v; get it with:\n  %s", err, needed)
	}
	// Paths of sockets are limited to some 100 bytes, less than t.TempDir may need.
	dir, err := os.MkdirTemp("", "ovsdb-*")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Dir: dir, Unix: "unix:" + dir + "/db.sock", Database: dir + "/db", t: t, args: args}
	t.Cleanup(func() {
		s.Stop()
		os.RemoveAll(dir)
	})
	return s
}

// Tool runs ovsdb-tool.
func (s *Server) Tool(args ...string) {
	s.t.Helper()
	if out, err := exec.Command(find(s.t, "ovsdb-tool"), args...).CombinedOutput(); err != nil {
		s.t.Fatalf("ovsdb-tool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Run runs the server and waits until it listens.
func (s *Server) Run() {
	s.t.Helper()
	sockets := []string{s.Dir + "/db.sock", s.Dir + "/ctl"}
	for _, path := range sockets {
		os.Remove(path)
	}
	args := append([]string{
		"--remote=p" + s.Unix, "--unixctl=" + s.Dir + "/ctl", "--no-chdir", "-vconsole:warn", "-vsyslog:off", "-vfile:off",
	}, s.args...)
	s.cmd = exec.Command(find(s.t, "ovsdb-server"), append(args, s.Database)...)
	s.cmd.Env = append(os.Environ(), "OVS_RUNDIR="+s.Dir)
	s.log.Reset()
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for _, path := range sockets {
		if !listens(path) {
			s.Stop()
			s.t.Fatalf("ovsdb-server does not listen on %s:\n%s", path, s.log.String())
		}
	}
}

func listens(path string) bool {
	for range 500 {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// Stop kills the server.
func (s *Server) Stop() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

// Running tells whether the server runs.
func (s *Server) Running() bool { return s.cmd != nil }

// Save keeps a copy of the database file, and Restore puts it back. The server must
// be stopped.
func (s *Server) Save() { s.copy(s.Database, s.Database+".saved") }

// Restore puts back what Save kept.
func (s *Server) Restore() { s.copy(s.Database+".saved", s.Database) }

func (s *Server) copy(from, to string) {
	s.t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Process is the running server's.
func (s *Server) Process() *os.Process { return s.cmd.Process }

// Control sends a command to the server's control socket.
func (s *Server) Control(args ...string) string {
	s.t.Helper()
	out, err := exec.Command(find(s.t, "ovs-appctl"), append([]string{"-t", s.Dir + "/ctl"}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("ovs-appctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Transact runs operations, written as JSON, by another client.
func (s *Server) Transact(database string, ops ...string) string {
	s.t.Helper()
	text := fmt.Sprintf("[%q,%s]", database, strings.Join(ops, ","))
	out, err := exec.Command(find(s.t, "ovsdb-client"), "transact", s.Unix, text).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte(`"error":"`)) {
		s.t.Fatalf("ovsdb-client transact %s: %v\n%s", text, err, out)
	}
	return string(out)
}

// Convert changes the schema of the database while the server runs.
func (s *Server) Convert(schema string) {
	s.t.Helper()
	if out, err := exec.Command(find(s.t, "ovsdb-client"), "convert", s.Unix, schema).CombinedOutput(); err != nil {
		s.t.Fatalf("ovsdb-client convert: %v\n%s", err, out)
	}
}

// FreePort returns a TCP port on 127.0.0.1 that nothing listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func find(t testing.TB, tool string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(dir, tool)); err == nil {
			return filepath.Join(dir, tool)
		}
	}
	t.Fatalf("%s is missing; get it with:\n  %s", tool, needed)
	return ""
}

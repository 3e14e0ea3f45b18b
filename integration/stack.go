package integration

import (
	"fmt"
	"os"
	"path/filepath"
)

// AptPackages are the Debian packages the host must have.
const AptPackages = "openvswitch-switch ovn-central ovn-host ovn-common mmdebstrap"

// StackPackages are the packages unpacked for a stack that is not the host's.
const StackPackages = "ovn-central,ovn-host,openvswitch-switch,libc-bin,dash,coreutils,base-files"

// Stack is one set of OVS and OVN programs: the host's, or that of another
// Debian release unpacked into a directory and run from there by chroot.
type Stack struct {
	Name string
	Root string // "/" for the host's
	// Major is the OVN release: 23 for 23.03.
	Major int
}

// Host is the stack of the distribution the tests run on: OVN 23.03 on Debian 12.
func Host(t T) *Stack {
	t.Helper()
	return require(t, &Stack{Name: "host", Root: "/", Major: 23},
		"apt-get install -y "+AptPackages)
}

// Sid is the reference stack: OVN 26.03, whose OpenFlow table map is ours.
func Sid(t T) *Stack {
	t.Helper()
	dir := StackDir("sid")
	return require(t, &Stack{Name: "sid", Root: dir, Major: 26}, UnpackCommand("sid", dir))
}

// Trixie is OVN 25.03.
func Trixie(t T) *Stack {
	t.Helper()
	dir := StackDir("trixie")
	return require(t, &Stack{Name: "trixie", Root: dir, Major: 25}, UnpackCommand("trixie", dir))
}

// StackDir is where the stack of a Debian suite is unpacked: below OVN_STACK if
// that is set, else in the user's cache.
func StackDir(suite string) string {
	if dir := os.Getenv("OVN_STACK"); dir != "" {
		return filepath.Join(dir, suite)
	}
	return filepath.Join(CacheDir(), "stacks", suite)
}

// CacheDir is where downloads and generated databases are kept between runs.
func CacheDir() string {
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(dir, "ovn-chassis")
}

// UnpackCommand is the shell command that unpacks a suite's stack into dir. The
// release file of a mirror snapshot may have expired; what is unpacked is run in
// tests only.
func UnpackCommand(suite, dir string) string {
	return fmt.Sprintf("mmdebstrap --variant=extract --include=%s %s %s"+
		" --aptopt='Acquire::Check-Valid-Until \"false\"'", StackPackages, suite, dir)
}

// programs every stack must have before it is used.
var programs = []string{"ovsdb-server", "ovsdb-tool", "ovs-vswitchd", "ovs-vsctl",
	"ovs-ofctl", "ovs-appctl", "ovn-northd", "ovn-controller", "ovn-nbctl", "ovn-sbctl"}

func require(t T, s *Stack, install string) *Stack {
	t.Helper()
	// The directory may be a link; inside a chroot there is no way out of it.
	if root, err := filepath.EvalSymlinks(s.Root); err == nil {
		s.Root = root
	}
	for _, p := range programs {
		if s.find(p) == "" {
			t.Fatalf("stack %s has no %s below %s; install it with:\n\t%s", s.Name, p, s.Root, install)
		}
	}
	return s
}

// programDirs are searched in this order. The Debian package keeps the real
// ovs-vswitchd in its own directory and selects one by update-alternatives,
// which an unpacked stack never ran.
var programDirs = []string{"/usr/bin", "/usr/sbin", "/usr/lib/openvswitch-switch"}

// find returns the path of a program as seen from inside the stack, "" if the
// stack lacks it.
func (s *Stack) find(program string) string {
	for _, dir := range programDirs {
		p := filepath.Join(dir, program)
		if fi, err := os.Stat(filepath.Join(s.Root, p)); err == nil && fi.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

// schema returns the path of a schema file as seen from inside the stack.
func (s *Stack) schema(name string) string {
	if name == "vswitch.ovsschema" {
		return "/usr/share/openvswitch/" + name
	}
	return "/usr/share/ovn/" + name
}

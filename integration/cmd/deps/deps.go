// Command deps installs what the integration tests need and this machine lacks:
// Debian's OVS and OVN packages, and the stacks of other releases, unpacked into
// the user's cache. Where all is there it does nothing and says nothing.
//
// The daemons of the packages are not started: tests run their own, and the
// machine's network is not theirs to touch.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// hostPrograms maps a program to the Debian package it comes from.
var hostPrograms = map[string]string{
	"ovs-vswitchd":   "openvswitch-switch",
	"ovsdb-server":   "openvswitch-switch",
	"ovs-vsctl":      "openvswitch-switch",
	"ovn-northd":     "ovn-central",
	"ovn-controller": "ovn-host",
	"ovn-nbctl":      "ovn-common",
	"mmdebstrap":     "mmdebstrap",
	// What guests run.
	"busybox":    "busybox",
	"dig":        "bind9-dnsutils",
	"dhclient":   "isc-dhcp-client",
	"ping":       "iputils-ping",
	"rdisc6":     "ndisc6",
	"tcpdump":    "tcpdump",
	"traceroute": "traceroute",
}

func main() {
	stacks := flag.String("stacks", "sid", "comma-separated Debian suites whose stack to unpack")
	flag.Parse()
	if err := run(strings.Split(*stacks, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "deps:", err)
		os.Exit(1)
	}
}

func run(suites []string) error {
	var missing []string
	for program, pkg := range hostPrograms {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		if err := install(append(missing, "debian-archive-keyring", "ca-certificates")); err != nil {
			return err
		}
	}
	for _, suite := range suites {
		if err := unpack(suite); err != nil {
			return fmt.Errorf("stack %s: %w", suite, err)
		}
	}
	return nil
}

// policy is the file by which a Debian system tells packages whether they may
// start daemons (invoke-rc.d(8)).
const policy = "/usr/sbin/policy-rc.d"

func install(packages []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("not a Debian system; packages missing: %s", strings.Join(packages, " "))
	}
	if _, err := os.Stat(policy); errors.Is(err, fs.ErrNotExist) {
		// 101: action forbidden.
		if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return fmt.Errorf("keep daemons from starting: %w", err)
		}
		defer os.Remove(policy)
	}
	if err := command("apt-get", "update", "-q"); err != nil {
		return err
	}
	return command("apt-get", append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)...)
}

func unpack(suite string) error {
	dir := integration.StackDir(suite)
	if complete(dir) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.Create(dir + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if complete(dir) {
		return nil
	}
	// A directory of its own that is renamed when complete: an interrupted
	// download leaves nothing that looks like a stack.
	part := dir + ".part"
	for _, d := range []string{part, dir} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	if err := command("sh", "-c", integration.UnpackCommand(suite, part)); err != nil {
		return err
	}
	if !complete(part) {
		return fmt.Errorf("unpacked packages have no ovn-controller; look into %s", part)
	}
	return os.Rename(part, dir)
}

func complete(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "usr/bin/ovn-controller"))
	return err == nil
}

func command(name string, args ...string) error {
	fmt.Println("+", name, strings.Join(args, " "))
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

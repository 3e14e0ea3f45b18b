package integration

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ClientPackages are the Debian packages of the clients that guests run.
const ClientPackages = "busybox bind9-dnsutils iputils-ping isc-dhcp-client ndisc6 tcpdump traceroute"

// Run runs a program of the host in the guest and returns what it printed, on
// both channels. It is killed when the time is over.
func (g *Guest) Run(timeout time.Duration, program string, args ...string) (string, error) {
	g.t.Helper()
	path := g.program(program)
	var out []byte
	err := g.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		var err error
		if out, err = exec.CommandContext(ctx, path, args...).CombinedOutput(); ctx.Err() != nil {
			err = errors.Join(err, ctx.Err())
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s %s in %v: %w: %s", program, strings.Join(args, " "), g, err, out)
	}
	return string(out), err
}

// Start runs a program of the host in the guest until the test ends. What it
// prints, on both channels, is its log.
func (g *Guest) Start(dir, program string, args ...string) *Process {
	g.t.Helper()
	path := g.program(program)
	log := filepath.Join(dir, filepath.Base(program)+".log")
	return g.start(g.t, program+" in "+g.Name, log, command{path: path, args: args})
}

func (g *Guest) program(name string) string {
	g.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		g.t.Fatalf("%v; install it with:\n\tapt-get install -y %s", err, ClientPackages)
	}
	return path
}

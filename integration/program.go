package integration

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ClientPackages are the Debian packages of the clients that guests run.
const ClientPackages = "busybox bind9-dnsutils isc-dhcp-client traceroute"

// Run runs a program of the host in the guest and returns what it printed, on
// both channels. It is killed when the time is over.
func (g *Guest) Run(timeout time.Duration, program string, args ...string) (string, error) {
	g.t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		g.t.Fatalf("%v; install it with:\n\tapt-get install -y %s", err, ClientPackages)
	}
	var out []byte
	err = g.Do(func() error {
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

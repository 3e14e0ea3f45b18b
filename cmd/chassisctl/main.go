// Command chassisctl looks at what ovn-controller has made of a chassis: is the
// switch as the databases say, where does a flow come from, what does a logical
// flow become. It changes nothing.
//
//	verify   databases ──► translated from scratch ──► compared with the switch
//	diff     agent (control socket) ──► what it wants ──► compared with the switch
//	status   agent (control socket) ──► bindings, tunnels, zones, bundles
//	explain  southbound database, agent ──► the rows behind a flow
//	compile  text ──► OpenFlow
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/daemon"
	"github.com/ovn-chassis/ovn-chassis/controller/loop"
	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
)

// errDiffers ends the program with status 1: what was compared is not the same.
var errDiffers = errors.New("differences were found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := newRoot(daemon.DirsFromEnv()).ExecuteContext(ctx); {
	case err == nil:
	case errors.Is(err, errDiffers):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "chassisctl:", err)
		os.Exit(2)
	}
}

// target says where things are; what is not given is found as the agent finds it.
type target struct {
	dirs     daemon.Dirs
	db       string // local database
	sb       string // southbound database; "" is ovn-remote
	sw       string // switch; "" is the bridge's management socket
	chassis  string
	ctl      string // control socket of the agent
	patience time.Duration
	tls      loop.TLSOptions
	verbose  bool
}

func newRoot(dirs daemon.Dirs) *cobra.Command {
	t := &target{dirs: dirs}
	root := &cobra.Command{
		Use:   "chassisctl",
		Short: "Look at what ovn-controller has made of this chassis",
		Long: `chassisctl looks at what ovn-controller has made of this chassis. It changes
nothing, neither in a database nor on the switch.

It finds databases, switch and agent where ovn-controller(8) finds them:
OVS_RUNDIR/db.sock, external_ids:ovn-remote, OVS_RUNDIR/br-int.mgmt,
OVN_RUNDIR/ovn-controller.PID.ctl.

Exit status: 0, 1 when a comparison found differences, 2 after an error.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	f := root.PersistentFlags()
	f.StringVar(&t.db, "db", "unix:"+filepath.Join(dirs.OVSRun, "db.sock"), "local Open vSwitch database")
	f.StringVar(&t.sb, "sb", "", "southbound database (default: external_ids:ovn-remote)")
	f.StringVar(&t.sw, "switch-socket", "", "management socket of the switch, unix:FILE or tcp:IP:PORT (default: that of the integration bridge)")
	f.StringVarP(&t.chassis, "chassis", "n", "", "name of the chassis (default: external_ids:system-id)")
	f.StringVar(&t.ctl, "ctl", "", "control socket of the agent (default: by its pid file)")
	f.DurationVar(&t.patience, "timeout", 30*time.Second, "how long to wait for databases, switch and agent")
	f.StringVarP(&t.tls.PrivateKey, "private-key", "p", "", "file with the private key, for ssl: targets")
	f.StringVarP(&t.tls.Certificate, "certificate", "c", "", "file with the certificate")
	f.StringVarP(&t.tls.CACert, "ca-cert", "C", "", "file with the CA's certificate")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "log what is being done, to standard error")
	root.AddCommand(newVerify(t), newDiff(t), newStatus(t), newExplain(t), newCompile(t))
	return root
}

// call runs a command of the agent.
func (t *target) call(ctx context.Context, command string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	path := t.ctl
	if path == "" {
		var err error
		if path, err = unixctl.FindSocket(t.dirs.Run, "ovn-controller"); err != nil {
			return "", err
		}
	}
	return unixctl.Call(ctx, path, command, args...)
}

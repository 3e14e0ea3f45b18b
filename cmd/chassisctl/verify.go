package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/loop"
	"github.com/ovn-chassis/ovn-chassis/controller/verify"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

// recheckPause is between two attempts to find switch and databases equal.
const recheckPause = 300 * time.Millisecond

func newVerify(t *target) *cobra.Command {
	var wait time.Duration
	var limit int
	var dump bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Translate the databases from scratch and compare with the switch",
		Long: `verify does what an agent started now would do, from nothing: it reads both
databases, works out bindings, zones, tunnels and patch ports, translates every
logical flow, and compares flows, groups and meters with those of the switch. Numbers
of groups, meters and conjunctions are the switch's wherever it holds the same
content under them. Flows that the switch made itself by a learn action are left out.

The running agent is not asked, and need not run. While the network changes, the
agent may be ahead or behind for a moment: --wait compares again until all is equal
or the time is over.

With --dump what the switch should hold is printed instead, a line each, in the words
of ovs-ofctl -O OpenFlow15 --no-names: flows, groups, meters.`,
		Example: `  chassisctl verify
  chassisctl verify --db unix:/tmp/copy/db.sock --sb unix:/tmp/copy/sb.sock --switch-socket unix:/run/openvswitch/br-int.mgmt
  chassisctl verify --dump >wanted`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dump {
				o, err := t.observe(cmd.Context())
				if err != nil {
					return err
				}
				printDesired(cmd.OutOrStdout(), o.Desired)
				return nil
			}
			return t.verify(cmd.Context(), cmd.OutOrStdout(), wait, limit)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Second, "how long to wait for differences to go away")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many differences of each kind to show, 0 for all")
	cmd.Flags().BoolVar(&dump, "dump", false, "print what the switch should hold, compare nothing")
	return cmd
}

// observe runs an agent that only looks.
func (t *target) observe(ctx context.Context) (*loop.Observed, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	fileID, err := config.ReadIdentityFile(t.dirs.SysConf)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.DiscardHandler)
	if t.verbose {
		logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return loop.RunObserver(ctx, loop.Options{
		OVSDatabase: t.db, OVSRunDir: t.dirs.OVSRun, Identity: config.Identity{CLI: t.chassis, File: fileID}, TLS: t.tls,
		Observe: &loop.Observe{Southbound: t.sb, Switch: t.sw},
		Logger:  func(module string) *slog.Logger { return logger.With("module", module) },
	})
}

func (t *target) verify(ctx context.Context, out io.Writer, wait time.Duration, limit int) error {
	deadline := time.Now().Add(wait)
	for {
		o, err := t.observe(ctx)
		if err != nil {
			return err
		}
		have, err := t.readSwitch(ctx, o.Switch)
		if err != nil {
			return err
		}
		r := verify.Compare(o.Desired, have)
		if !r.Equal() && time.Now().Before(deadline) {
			select {
			case <-time.After(recheckPause):
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for _, p := range o.Problems {
			fmt.Fprintf(out, "not translated: %s\n", p)
		}
		return report(out, "chassis "+o.Chassis, r, limit, o.Describe)
	}
}

func (t *target) readSwitch(ctx context.Context, sw string) (*ofbundle.Contents, error) {
	ctx, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	return ofbundle.Read(ctx, ofbundle.Config{Target: sw})
}

func report(out io.Writer, what string, r *verify.Result, limit int, describe func([16]byte) string) error {
	fmt.Fprint(out, r.Report(limit, describe))
	learned := ""
	if r.Learned > 0 {
		learned = fmt.Sprintf(", %d flows learned by the switch left out", r.Learned)
	}
	if r.Equal() {
		fmt.Fprintf(out, "%s: the switch is as it should be: %d flows, groups and meters compared%s\n", what, r.Same, learned)
		return nil
	}
	fmt.Fprintf(out, "%s: differences: %d, the same: %d%s\n", what, len(r.Differences), r.Same, learned)
	return errDiffers
}

func printDesired(out io.Writer, d *ofbundle.Desired) {
	verify.Sort(d.Flows)
	for i := range d.Flows {
		fmt.Fprintln(out, verify.FlowText(&d.Flows[i].Flow))
	}
	for _, id := range slices.Sorted(maps.Keys(d.Groups)) {
		fmt.Fprintln(out, verify.GroupText(id, d.Groups[id]))
	}
	for _, id := range slices.Sorted(maps.Keys(d.Meters)) {
		if m := d.Meters[id]; !m.Undefined {
			fmt.Fprintln(out, verify.MeterText(id, m.Spec))
		}
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/explain"
	"github.com/ovn-chassis/ovn-chassis/controller/loop"
	"github.com/ovn-chassis/ovn-chassis/controller/verify"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

func newDiff(t *target) *cobra.Command {
	var limit int
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare what the running agent wants with the switch",
		Long: `diff asks the running agent what it wants on the switch and compares that with what
the switch holds. What differs was changed by somebody else, or refused by the
switch. It does not tell whether the agent wants the right thing: see verify.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			st, err := t.status(ctx)
			if err != nil {
				return err
			}
			sw := t.sw
			if sw == "" {
				sw = st.Switch
			}
			deadline := time.Now().Add(wait)
			for {
				want, err := t.desired(ctx)
				if err != nil {
					return err
				}
				have, err := t.readSwitch(ctx, sw)
				if err != nil {
					return err
				}
				r := verify.Compare(want, have)
				if !r.Equal() && time.Now().Before(deadline) {
					time.Sleep(recheckPause)
					continue
				}
				return report(out, "chassis "+st.Chassis, r, limit, t.describer(ctx, st, r))
			}
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "how many differences of each kind to show, 0 for all")
	cmd.Flags().DurationVar(&wait, "wait", time.Second, "how long to wait for differences to go away")
	return cmd
}

// desired asks the agent what it wants.
func (t *target) desired(ctx context.Context) (*ofbundle.Desired, error) {
	text, err := t.call(ctx, "chassis/desired")
	if err != nil {
		return nil, err
	}
	return verify.Decode([]byte(text))
}

func (t *target) status(ctx context.Context) (*loop.Status, error) {
	text, err := t.call(ctx, "chassis/status")
	if err != nil {
		return nil, err
	}
	st := &loop.Status{}
	if err := json.Unmarshal([]byte(text), st); err != nil {
		return nil, fmt.Errorf("chassis/status: %w", err)
	}
	return st, nil
}

// describer names rows, by UUID alone when the southbound database cannot be
// reached. The database is read only if there is something to name.
func (t *target) describer(ctx context.Context, st *loop.Status, r *verify.Result) func([16]byte) string {
	plain := func(owner [16]byte) string { return "row " + explain.UUID(owner).String() }
	if r.Equal() {
		return plain
	}
	remote := t.sb
	if remote == "" {
		remote = st.Southbound.Remote
	}
	db, err := t.southbound(ctx, remote)
	if err != nil {
		return plain
	}
	return func(owner [16]byte) string {
		if rows := db.ByUUID(explain.UUID(owner)); len(rows) > 0 {
			return rows[0].OneLine()
		}
		return plain(owner)
	}
}

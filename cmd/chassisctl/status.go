package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/loop"
)

func newStatus(t *target) *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show bindings, tunnels, zones, the last bundles and counters of the agent",
		Long: `status asks the running agent for its connections, the ports bound here with those
on their way up, local datapaths, tunnels, conntrack zones, the last bundles it sent,
and counters.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if raw {
				text, err := t.call(cmd.Context(), "chassis/status")
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), text)
				return nil
			}
			st, err := t.status(cmd.Context())
			if err != nil {
				return err
			}
			printStatus(cmd.OutOrStdout(), st)
			return nil
		},
	}
	cmd.Flags().BoolVar(&raw, "json", false, "print it as JSON")
	return cmd
}

func printStatus(out io.Writer, st *loop.Status) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	yes := func(b bool, is, isnt string) string {
		if b {
			return is
		}
		return isnt
	}
	sb := yes(st.Southbound.Connected, "connected", "not connected") + ", " + yes(st.Southbound.Settled, "complete", "not complete yet")
	if st.Southbound.ReadOnly {
		sb += ", read-only"
	}
	fmt.Fprintf(w, "chassis\t%s\n", st.Chassis)
	fmt.Fprintf(w, "southbound\t%s\t%s\n", st.Southbound.Remote, sb)
	fmt.Fprintf(w, "switch\t%s\t%s\n", st.Switch, yes(st.SwitchConnected, "connected, "+st.Features.Version.String(), "not connected"))
	fmt.Fprintf(w, "flows\t%d wanted, %d installed, %d refused\n", st.Flows.Desired, st.Flows.Installed, st.Flows.SetAside)

	section := func(title string, n int) {
		fmt.Fprintf(w, "\n%s (%d)\n", title, n)
	}
	section("ports bound here", len(st.Bindings))
	for _, b := range st.Bindings {
		phase := b.Phase
		if phase == "" {
			phase = "up"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", b.Port, b.Interface, phase)
	}
	section("local datapaths", len(st.Datapaths))
	for _, d := range st.Datapaths {
		fmt.Fprintf(w, "  %d\t%s\n", d.Key, d.Name)
	}
	section("tunnels", len(st.Tunnels))
	for _, t := range st.Tunnels {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", t.OFPort, t.Type, t.RemoteIP, t.Chassis)
	}
	zones := strings.Split(strings.TrimSpace(st.Zones), "\n")
	if zones[0] == "" {
		zones = nil
	}
	section("conntrack zones", len(zones))
	for _, z := range zones {
		name, number, _ := strings.Cut(z, " ")
		fmt.Fprintf(w, "  %s\t%s\n", number, name)
	}
	section("last bundles", len(st.Bundles))
	for _, b := range st.Bundles {
		fmt.Fprintf(w, "  %s\t%d flows, %d groups\tin %v\n", b.Start.Format("15:04:05.000"), b.Flows, b.Groups, b.Took.Round(10*time.Microsecond))
	}
	section("counters", len(st.Counters))
	for _, name := range slices.Sorted(maps.Keys(st.Counters)) {
		fmt.Fprintf(w, "  %s\t%d\n", name, st.Counters[name])
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/controller/verify"
	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// compileOptions are the flags of compile.
type compileOptions struct {
	src                  lflow.Source
	pipeline             string
	dp                   lflow.Datapath
	isSwitch, isRouter   bool
	datapath             string // row of the southbound database
	ports, groups, sets  []string
	residents, templates []string
	compiler             lflow.Compiler
}

func newCompile(t *target) *cobra.Command {
	o := &compileOptions{}
	cmd := &cobra.Command{
		Use:   "compile --match EXPR --actions ACTIONS",
		Short: "Show what OpenFlow a logical flow becomes",
		Long: `compile translates one logical flow, as ovn-sb(5) describes them, and prints the
flows, groups and meters it becomes on a datapath.

Without --datapath no database is read: ports get the tunnel keys given with --port,
others the keys 101, 102, …; sets and groups must be given. With --datapath (name or
UUID) ports, address sets, port groups, template variables and DHCP options are
those of the southbound database, and is_chassis_resident is what it is on this
chassis.

Numbers of conjunctions, groups and meters are those of a switch that has none yet.`,
		Example: `  chassisctl compile --match 'ip4.src == {10.0.0.1, 10.0.0.2} && tcp.dst == {80, 443}' --actions 'next;'
  chassisctl compile --router --table 12 --priority 100 --match 'ip4.dst == $as1' --actions 'drop;' --address-set as1=10.0.0.1,10.0.0.9
  chassisctl compile --datapath sw0 --pipeline egress --match 'outport == @pg1 && ip' --actions 'drop;'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := t.worldOf(cmd.Context(), o)
			if err != nil {
				return err
			}
			return o.run(cmd.OutOrStdout(), w)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.src.Match, "match", "1", "match of the logical flow")
	f.StringVar(&o.src.Actions, "actions", "next;", "actions of the logical flow")
	f.StringVar(&o.pipeline, "pipeline", "ingress", "ingress or egress")
	f.Uint8Var(&o.src.Table, "table", 0, "logical table within the pipeline")
	f.Uint16Var(&o.src.Priority, "priority", 100, "priority")
	f.BoolVar(&o.isSwitch, "switch", false, "the datapath is a logical switch (the default)")
	f.BoolVar(&o.isRouter, "router", false, "the datapath is a logical router")
	f.Uint32Var(&o.dp.Key, "datapath-key", 1, "tunnel key of the datapath")
	f.StringVar(&o.datapath, "datapath", "", "a datapath of the southbound database, by name or UUID")
	f.StringArrayVar(&o.ports, "port", nil, "NAME=KEY: a port and its tunnel key")
	f.StringArrayVar(&o.groups, "port-group", nil, "NAME=PORT,…: the local ports of a port group")
	f.StringArrayVar(&o.sets, "address-set", nil, "NAME=ADDRESS,…: an address set")
	f.StringArrayVar(&o.residents, "resident", nil, "NAME: a port for which is_chassis_resident holds")
	f.StringArrayVar(&o.templates, "template", nil, "NAME=VALUE: a template variable")
	f.StringVar(&o.src.Meter, "meter", "", "name of the meter for actions that send to the controller")
	f.BoolVar(&o.src.CtTranslation, "ct-translation", false, "match ports of the connection, as the tag acl_ct_translation does")
	f.IntVar(&o.compiler.MaxFlows, "max-flows", lflow.DefaultMaxFlows, "limit of flows")
	cmd.MarkFlagsMutuallyExclusive("switch", "router")
	return cmd
}

// worldOf reads what the flags refer to.
func (t *target) worldOf(ctx context.Context, o *compileOptions) (*world, error) {
	switch o.pipeline {
	case sbdb.LogicalFlowPipelineIngress, sbdb.LogicalFlowPipelineEgress:
		o.src.Ingress = o.pipeline == sbdb.LogicalFlowPipelineIngress
	default:
		return nil, fmt.Errorf("--pipeline %q is neither ingress nor egress", o.pipeline)
	}
	o.dp.Switch = !o.isRouter
	w, err := o.world()
	if err != nil || o.datapath == "" {
		return w, err
	}
	c := t.chassis
	remote := t.sb
	if cfg, err := t.config(ctx); err == nil {
		c, remote = cfg.SystemID, cfg.Remote
		if t.sb != "" {
			remote = t.sb
		}
	} else if remote == "" {
		return nil, err
	}
	db, err := t.southbound(ctx, remote)
	if err != nil {
		return nil, err
	}
	w.db, w.chassis = db, c
	for dp := range db.DatapathBinding.All() {
		if replica.DatapathName(dp) == o.datapath || dp.UUID.String() == o.datapath {
			w.dp = dp.UUID
			_, common := dp.ExternalIDs.Lookup("snat-ct-zone")
			o.dp = lflow.Datapath{Key: uint32(dp.TunnelKey), Switch: replica.IsSwitch(dp), SNATZoneCommon: common}
			return w, nil
		}
	}
	return nil, fmt.Errorf("no row of Datapath_Binding has the name or UUID %q", o.datapath)
}

// world is what the flags say.
func (o *compileOptions) world() (*world, error) {
	w := newWorld()
	for _, text := range o.ports {
		name, value, err := split("port", text)
		if err != nil {
			return nil, err
		}
		if w.ports[name], err = portKey(value); err != nil {
			return nil, err
		}
	}
	for _, text := range o.groups {
		name, value, err := split("port-group", text)
		if err != nil {
			return nil, err
		}
		w.groups[name] = list(value)
	}
	for _, text := range o.sets {
		name, value, err := split("address-set", text)
		if err != nil {
			return nil, err
		}
		w.sets[name] = list(value)
	}
	for _, text := range o.templates {
		name, value, err := split("template", text)
		if err != nil {
			return nil, err
		}
		w.templates[name] = value
	}
	for _, name := range o.residents {
		w.resident[name] = true
	}
	return w, nil
}

func (o *compileOptions) run(out io.Writer, w *world) error {
	prog, err := o.compiler.Compile(o.src, w)
	if err != nil {
		return err
	}
	var placed lflow.Output
	// Any owner will do: its first bits are the cookie, which says nothing here.
	err = prog.Place(w, o.dp, [16]byte{}, &placed)
	flows := slices.Clone(placed.Flows)
	for i := range placed.Rows {
		row := &placed.Rows[i]
		for _, m := range w.members(row.Set) {
			flows = append(flows, row.Expand(m))
		}
	}
	d := ofbundle.Number(flows)
	verify.Sort(d.Flows)
	for i := range d.Flows {
		text := verify.FlowText(&d.Flows[i].Flow)
		fmt.Fprintln(out, strings.TrimPrefix(text, "cookie=0, "))
	}
	for id, content := range d.Groups {
		fmt.Fprintln(out, verify.GroupText(id, content))
	}
	for id, m := range d.Meters {
		fmt.Fprintf(out, "meter=%d is %s\n", id, m.Name)
	}
	for _, name := range w.asked {
		fmt.Fprintf(out, "# port %s was given the key %d\n", name, w.ports[name])
	}
	if err == nil && len(flows) == 0 {
		err = errors.New("the flow yields nothing here: its match cannot be met, or its port is elsewhere")
	}
	return err
}

var _ interface {
	lflow.View
	lflow.Env
} = (*world)(nil)

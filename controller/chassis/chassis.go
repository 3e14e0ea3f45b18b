// Package chassis keeps this host's records in the southbound database: Chassis
// with its configuration and feature flags, Chassis_Private, and one Encap for
// each pair of tunnel type and address (ovn-sb(5)).
package chassis

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// Features are the flags of Chassis.other_config that depend on the switch.
type Features struct {
	SampleWithRegisters bool
	CtLabelFlush        bool
}

// alwaysOn are the flags of OVN 26.03 that do not depend on the switch. northd
// chooses its dialect of logical flows by them, so naming one is a promise.
var alwaysOn = []string{
	"port-up-notif", "ct-no-masked-label", "mac-binding-timestamp", "ovn-ct-lb-related", "fdb-timestamp",
	"ls-dpg-column", "ct-commit-nat-v2", "ct-commit-to-zone", "ct-next-zone", "ct-state-save",
}

const (
	featureSampleWithRegisters = "ovn-sample-with-registers"
	featureCtLabelFlush        = "ct-label-flush"
)

// foreign are keys of other_config that others own and this agent leaves alone.
var foreign = []string{"is-vtep", "is-remote"}

// Inputs are what the records are made of.
type Inputs struct {
	SB       *replica.SB
	Config   config.Config
	Root     *vswitchdb.OpenVSwitch
	Bridge   *vswitchdb.Bridge
	Features Features
}

// State is what the duty found.
type State struct {
	// Chassis is the own row, nil while it is not in the database.
	Chassis *sbdb.Chassis
	// Private is the own row of Chassis_Private, nil while it is not there.
	Private *sbdb.ChassisPrivate
}

// Run compares the records with the configuration and adds to tx what differs.
// With tx nil it only looks.
func Run(in Inputs, tx *ovsdb.Txn, log *slog.Logger) State {
	name := in.Config.SystemID
	if name == "" {
		return State{}
	}
	s := State{Chassis: in.SB.ChassisByName.One(name), Private: in.SB.PrivateByName.One(name)}
	if tx == nil || in.Root == nil {
		return s
	}
	if len(in.Config.EncapTypes) == 0 || len(in.Config.EncapIPs) == 0 {
		log.Info("Need to specify an encap type and ip")
		return s
	}
	want := OtherConfig(in)
	encaps, changed := planEncaps(in, s.Chassis, tx, log)
	if len(encaps) == 0 {
		if s.Chassis != nil {
			sbdb.DeleteChassis(tx, s.Chassis.UUID)
			if s.Private != nil {
				sbdb.DeleteChassisPrivate(tx, s.Private.UUID)
			}
		}
		return State{}
	}
	var id ovsdb.UUID
	if c := s.Chassis; c == nil {
		tx.AddComment(fmt.Sprintf("ovn-controller: registering chassis '%s'", name))
		id = sbdb.InsertChassis(tx).SetName(name).SetHostname(in.Config.Hostname).SetOtherConfig(want).
			SetTransportZones(in.Config.TransportZones).SetEncaps(encaps).UUID()
	} else {
		id = c.UUID
		if update(in, c, want, encaps, tx, log) || changed {
			tx.AddComment(fmt.Sprintf("ovn-controller: updating chassis '%s'", name))
		}
	}
	switch p := s.Private; {
	case p == nil:
		sbdb.InsertChassisPrivate(tx).SetName(name).SetChassis(id)
	case p.Chassis != id:
		sbdb.UpdateChassisPrivate(tx, p.UUID).SetChassis(id)
	}
	return s
}

// update writes the columns of an existing row that differ.
func update(in Inputs, c *sbdb.Chassis, want ovsdb.Map, encaps []ovsdb.UUID, tx *ovsdb.Txn, log *slog.Logger) bool {
	changed := false
	if c.Hostname != in.Config.Hostname {
		sbdb.UpdateChassis(tx, c.UUID).SetHostname(in.Config.Hostname)
		changed = true
	}
	for k := range c.OtherConfig.All() {
		if slices.Contains(foreign, k) {
			want = want.With(k, c.OtherConfig.Get(k))
		} else if _, ours := want.Lookup(k); !ours {
			log.Warn(fmt.Sprintf("Removing unsupported key %q from chassis record.", k))
		}
	}
	if !c.OtherConfig.Equal(want) {
		sbdb.VerifyChassis(tx, c, sbdb.ChassisColOtherConfig)
		sbdb.UpdateChassis(tx, c.UUID).SetOtherConfig(want)
		changed = true
	}
	if !slices.Equal(c.TransportZones, in.Config.TransportZones) {
		sbdb.UpdateChassis(tx, c.UUID).SetTransportZones(in.Config.TransportZones)
		changed = true
	}
	if !slices.Equal(c.Encaps, encaps) {
		sbdb.UpdateChassis(tx, c.UUID).SetEncaps(encaps)
		changed = true
	}
	return changed
}

// OtherConfig is the content of Chassis.other_config.
func OtherConfig(in Inputs) ovsdb.Map {
	c := in.Config
	flag := func(b bool) string {
		if b {
			return "true"
		}
		return "false"
	}
	datapathType := ""
	if in.Bridge != nil {
		datapathType = in.Bridge.DatapathType
	}
	m := map[string]string{
		"ovn-bridge-mappings":             c.BridgeMappings,
		"datapath-type":                   datapathType,
		"ovn-cms-options":                 c.CMSOptions,
		"ovn-monitor-all":                 c.MonitorAllText,
		"ovn-enable-lflow-cache":          c.LflowCache.Enable,
		"ovn-limit-lflow-cache":           c.LflowCache.Limit,
		"ovn-memlimit-lflow-cache-kb":     c.LflowCache.MemLimitKB,
		"ovn-trim-limit-lflow-cache":      c.LflowCache.TrimLimit,
		"ovn-trim-wmark-perc-lflow-cache": c.LflowCache.TrimWmarkPerc,
		"ovn-trim-timeout-ms":             c.LflowCache.TrimTimeoutMS,
		"iface-types":                     strings.Join(in.Root.IfaceTypes, ","),
		"ovn-chassis-mac-mappings":        c.ChassisMACs,
		"ovn-evpn-vxlan-ports":            c.EVPNVXLANPorts,
		"ovn-evpn-local-ip":               c.EVPNLocalIP,
		"is-interconn":                    flag(c.IsInterconn),
		featureSampleWithRegisters:        flag(in.Features.SampleWithRegisters),
		featureCtLabelFlush:               flag(in.Features.CtLabelFlush),
	}
	for _, f := range alwaysOn {
		m[f] = "true"
	}
	return ovsdb.MapFrom(m)
}

// planEncaps returns the UUIDs of the Encap rows the chassis should have, sorted,
// adding to tx those that do not exist and the options that differ.
func planEncaps(in Inputs, own *sbdb.Chassis, tx *ovsdb.Txn, log *slog.Logger) (ids []ovsdb.UUID, changed bool) {
	for _, ip := range in.Config.EncapIPs {
		for _, typ := range in.Config.EncapTypes {
			options := ovsdb.NewMap("csum", in.Config.EncapCsum)
			if ip == in.Config.EncapIPDefault {
				options = options.With("is_default", "true")
			}
			e := in.SB.EncapByKey.One(replica.EncapKey{Type: typ, IP: ip})
			switch {
			case e == nil:
				changed = true
				ids = append(ids, sbdb.InsertEncap(tx).SetType(typ).SetIP(ip).
					SetChassisName(in.Config.SystemID).SetOptions(options).UUID())
			case e.ChassisName != in.Config.SystemID:
				log.Warn(fmt.Sprintf("'%s' already has encap ip '%s' and type '%s', cannot duplicate on '%s'",
					e.ChassisName, ip, typ, in.Config.SystemID))
			default:
				if !e.Options.Equal(options) {
					sbdb.UpdateEncap(tx, e.UUID).SetOptions(options)
					changed = true
				}
				ids = append(ids, e.UUID)
			}
		}
	}
	slices.SortFunc(ids, ovsdb.UUID.Compare)
	return ids, changed
}

// Remove deletes the own records on exit, and reports whether any were left.
func Remove(sb *replica.SB, name string, tx *ovsdb.Txn) bool {
	c, p := sb.ChassisByName.One(name), sb.PrivateByName.One(name)
	if c == nil && p == nil {
		return false
	}
	tx.AddComment(fmt.Sprintf("ovn-controller: unregistering chassis '%s'", name))
	if c != nil {
		sbdb.DeleteChassis(tx, c.UUID)
	}
	if p != nil {
		sbdb.DeleteChassisPrivate(tx, p.UUID)
	}
	return true
}

// FeaturesOf returns the flags that a row declares, none for nil.
func FeaturesOf(c *sbdb.Chassis) Features {
	if c == nil {
		return Features{}
	}
	return Features{
		SampleWithRegisters: replica.True(c.OtherConfig, featureSampleWithRegisters),
		CtLabelFlush:        replica.True(c.OtherConfig, featureCtLabelFlush),
	}
}

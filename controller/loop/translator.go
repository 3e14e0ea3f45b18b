package loop

import (
	"context"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/translate"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/physical"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Translator is the loop's door to the translation, controller/translate. All
// methods but Run are called on the loop's goroutine and never while Run runs; Run
// is called on another, with the southbound replica frozen.
type Translator interface {
	Apply(*sbdb.Changes)
	SetSelf(physical.Self)
	SetEncapIPs([]string)
	SetGeneveField(openflow.Field, bool)
	SetFlowTunnels(physical.FlowTunnels)
	SetLocalDatapath(ovsdb.UUID, *translate.LocalDatapath)
	SetInterface(lport string, i *translate.Interface)
	SetBound(lport string, bound bool)
	SetPatchPort(lport string, ofport uint32)
	SetNetwork(name string, mapped bool)
	SetZone(lport string, zone uint16)
	SetNATZones(datapath ovsdb.UUID, dnat, snat uint16)
	SetTunnels(chassis string, tunnels []physical.Tunnel)
	SetHAActive(group ovsdb.UUID, active bool)
	SetRelated(lport string, datapath, port uint32, related bool)
	SetActivated(datapath, port uint32, activated bool)
	SetCollector(id uint32, exists bool)
	SetFeatures(translate.Features)
	SetMaxFlows(n int)
	Recompute()
	Run() translate.Result
}

// Writer is the loop's door to the switch, ofbundle.Writer.
type Writer interface {
	Run(context.Context) error
	Update(removed, added []*openflow.Flow)
	SetMeters(map[string]openflow.MeterSpec)
	Commit(seq uint64)
	Enable()
	FlushZone(zone uint16)
	FlushConnections(openflow.CtFlush)
	SetTarget(target string)
	SetProbe(time.Duration)
	SetAside(ofbundle.Aside)
	RetryRefused()
	Events() <-chan ofbundle.Event
	Groups() []ofbundle.NamedID
	Meters() []ofbundle.NamedID
	Stats() ofbundle.Stats
	Desired(context.Context) (*ofbundle.Desired, error)
	Recent() []ofbundle.BundleRecord
}

package loop

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/unixctl"
	"github.com/ovn-chassis/ovn-chassis/controller/verify"
	"github.com/ovn-chassis/ovn-chassis/ofbundle"
)

// Status is the reply to chassis/status, as JSON.
type Status struct {
	Chassis    string
	Bridge     string
	Switch     string // target of the management socket
	Southbound struct {
		Remote    string
		Connected bool
		ReadOnly  bool
		Settled   bool // everything asked for is known
	}
	SwitchConnected bool
	Features        ofbundle.Features
	Bindings        []StatusBinding
	Datapaths       []StatusDatapath
	Tunnels         []StatusTunnel
	Zones           string // as ct-zone-list prints it
	Bundles         []ofbundle.BundleRecord
	Flows           ofbundle.Stats
	Counters        map[string]uint64
}

// StatusBinding is a port that is bound here.
type StatusBinding struct {
	Port      string
	Interface string `json:",omitempty"`
	Phase     string `json:",omitempty"` // on its way up: see package ifstatus
}

// StatusDatapath is a datapath with something local.
type StatusDatapath struct {
	Name string
	Key  uint32
}

// StatusTunnel is a tunnel port.
type StatusTunnel struct {
	Chassis, Type, RemoteIP string
	OFPort                  uint32
}

// registerInspection offers what chassisctl(8) asks.
func (l *Loop) registerInspection(s *unixctl.Server) {
	s.Register("chassis/status", "", 0, 0, func(req *unixctl.Request) (string, error) {
		var st Status
		if !l.Do(req.Context, func() { st = l.status() }) {
			return "", errEnding
		}
		text, err := json.Marshal(st)
		return string(text), err
	})
	// Answered by the writer, so that the loop goes on meanwhile.
	s.Register("chassis/desired", "", 0, 0, func(req *unixctl.Request) (string, error) {
		ctx, cancel := context.WithTimeout(req.Context, time.Minute)
		defer cancel()
		d, err := l.writer.Desired(ctx)
		if err != nil {
			return "", err
		}
		text, err := verify.Encode(d)
		return string(text), err
	})
}

func (l *Loop) status() Status {
	st := Status{
		Chassis: l.cfg.SystemID, Bridge: l.cfg.Bridge, Switch: l.fed.target, SwitchConnected: l.switchUp,
		Features: l.features, Zones: l.zones.List(), Bundles: l.writer.Recent(), Flows: l.writer.Stats(),
		Counters: map[string]uint64{
			"translations": l.stats.runs.Total(), "units-built": l.stats.built.Total(),
			"recomputes": l.stats.recomputes.Total(), "row-errors": l.stats.rowErrors.Total(),
			"refused": l.stats.refused.Total(), "transactions": l.stats.transactions.Total(),
		},
	}
	st.Southbound.Remote = l.cfg.Remote
	st.Southbound.Connected = l.sbSide.connected
	st.Southbound.ReadOnly = l.sbSide.readOnly
	st.Southbound.Settled = l.settledOnce && l.settled()
	phases := l.ifstatus.Phases()
	for lport, b := range l.binding.BoundPorts() {
		p := StatusBinding{Port: lport, Phase: phases[lport]}
		if b.Interface != nil {
			p.Interface = b.Interface.Name
		}
		st.Bindings = append(st.Bindings, p)
	}
	for _, dp := range l.binding.Datapaths() {
		st.Datapaths = append(st.Datapaths, StatusDatapath{Name: dp.Name, Key: dp.Key})
	}
	for chassis, list := range l.fed.tunnels {
		for _, t := range list {
			kind := "geneve"
			if t.Type == tunnelType("vxlan") {
				kind = "vxlan"
			}
			st.Tunnels = append(st.Tunnels, StatusTunnel{Chassis: chassis, Type: kind, RemoteIP: t.RemoteIP, OFPort: t.OFPort})
		}
	}
	st.sort()
	return st
}

func (st *Status) sort() {
	slices.SortFunc(st.Bindings, func(a, b StatusBinding) int { return strings.Compare(a.Port, b.Port) })
	slices.SortFunc(st.Datapaths, func(a, b StatusDatapath) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(st.Tunnels, func(a, b StatusTunnel) int { return cmp.Compare(a.OFPort, b.OFPort) })
}

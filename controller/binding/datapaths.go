package binding

import (
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// maxDepth bounds the flood from a bound port through peers; nobody nests routers
// deeper on purpose.
const maxDepth = 100

// redirectKey is the option by which a distributed gateway port, or the port beyond,
// names the chassisredirect port that stands for it.
const redirectKey = "chassis-redirect-port"

// PeerPorts is one link between two local datapaths.
type PeerPorts struct {
	Local, Remote string
	row           ovsdb.UUID // Local's Port_Binding
}

// LocalDatapath is a datapath whose flows this chassis needs.
type LocalDatapath struct {
	Row     *sbdb.DatapathBinding
	Key     uint32
	Name    string
	Switch  bool
	Transit bool // joins availability zones
	// Peers are in the order of the rows of the local ports.
	Peers []PeerPorts
}

// localDatapath reads the row of a datapath that has become local.
func localDatapath(row *sbdb.DatapathBinding, peers []PeerPorts) *LocalDatapath {
	_, transit := row.ExternalIDs.Lookup("interconn-ts")
	return &LocalDatapath{
		Row: row, Key: uint32(row.TunnelKey), Name: replica.DatapathName(row),
		Switch: replica.IsSwitch(row), Transit: transit, Peers: peers,
	}
}

// Peer is the other end of a patch or l3gateway port, nil when there is none of
// the same type.
func Peer(sb *replica.SB, p *sbdb.PortBinding) *sbdb.PortBinding {
	if p.Type != "patch" && p.Type != "l3gateway" {
		return nil
	}
	name, ok := p.Options.Lookup("peer")
	if !ok {
		return nil
	}
	peer := sb.PortByName.One(name)
	if peer == nil || peer.Type != p.Type {
		return nil
	}
	return peer
}

// follow tells whether the datapath beyond p is needed where p's is. A
// distributed gateway port stops the flood from the switch's side except on the
// chassis that may host the gateway, and from the router's side when all traffic
// is redirected anyway.
func (f *forest) follow(p, peer *sbdb.PortBinding) bool {
	us := f.us
	if p.Type == "l3gateway" {
		return p.Chassis == us && peer.Chassis == us
	}
	name, has := p.Options.Lookup(redirectKey)
	peerName, peerHas := peer.Options.Lookup(redirectKey)
	if !has && !peerHas {
		return true
	}
	var redirect, peerRedirect *sbdb.PortBinding
	if has {
		redirect = f.sb.PortByName.One(name)
	}
	if peerHas {
		peerRedirect = f.sb.PortByName.One(peerName)
	}
	if redirect == nil && peerRedirect == nil {
		port, missing := peer, peerName
		if has {
			port, missing = p, name
		}
		f.log(fmt.Sprintf("chassis-redirect-port %s for DGP %s is not found.", missing, port.LogicalPort))
		return false
	}
	hosts := func(cr *sbdb.PortBinding) bool {
		return hachassis.Contains(f.sb, f.sb.HAChassisGroup.Get(cr.HAChassisGroup), us)
	}
	if peerRedirect != nil && f.isSwitch(p.Datapath) && !f.isSwitch(peer.Datapath) {
		return hosts(peerRedirect)
	}
	if redirect != nil && redirect.Options.Get("always-redirect") != "true" {
		return true
	}
	return redirect != nil && hosts(redirect)
}

func (f *forest) isSwitch(id ovsdb.UUID) bool {
	row := f.sb.DatapathBinding.Get(id)
	return row != nil && replica.IsSwitch(row)
}

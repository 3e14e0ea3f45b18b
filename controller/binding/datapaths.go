package binding

import (
	"fmt"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// maxDepth bounds the flood from a bound port through peers; nobody nests routers
// deeper on purpose.
const maxDepth = 100

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
	Peers   []PeerPorts
}

func (a *LocalDatapath) equal(b *LocalDatapath) bool {
	return a.Row == b.Row && slices.Equal(a.Peers, b.Peers)
}

// flood starts at the datapaths of bound ports and follows the links between
// datapaths.
type flood struct {
	in  Inputs
	out map[ovsdb.UUID]*LocalDatapath
	log func(string)
}

func (f *flood) add(id ovsdb.UUID, depth int) {
	if f.out[id] != nil {
		return
	}
	row := f.in.SB.DatapathBinding.Get(id)
	if row == nil {
		return
	}
	_, transit := row.ExternalIDs.Lookup("interconn-ts")
	d := &LocalDatapath{
		Row: row, Key: uint32(row.TunnelKey), Name: replica.DatapathName(row),
		Switch: replica.IsSwitch(row), Transit: transit,
	}
	f.out[id] = d
	if depth >= maxDepth {
		f.log("datapaths nested too deep")
		return
	}
	for _, p := range f.in.SB.PortsByDatapath.Get(id) {
		peer := Peer(f.in.SB, p)
		if peer != nil && f.follow(p, peer) {
			f.add(peer.Datapath, depth+1)
			f.link(p, peer)
		}
	}
}

func (f *flood) link(p, peer *sbdb.PortBinding) {
	one := func(p, peer *sbdb.PortBinding) {
		d := f.out[p.Datapath]
		if d != nil && !slices.ContainsFunc(d.Peers, func(x PeerPorts) bool { return x.Local == p.LogicalPort }) {
			d.Peers = append(d.Peers, PeerPorts{p.LogicalPort, peer.LogicalPort, p.UUID})
		}
	}
	one(p, peer)
	one(peer, p)
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
func (f *flood) follow(p, peer *sbdb.PortBinding) bool {
	us := f.in.Chassis.UUID
	if p.Type == "l3gateway" {
		return p.Chassis == us && peer.Chassis == us
	}
	name, has := p.Options.Lookup("chassis-redirect-port")
	peerName, peerHas := peer.Options.Lookup("chassis-redirect-port")
	if !has && !peerHas {
		return true
	}
	var redirect, peerRedirect *sbdb.PortBinding
	if has {
		redirect = f.in.SB.PortByName.One(name)
	}
	if peerHas {
		peerRedirect = f.in.SB.PortByName.One(peerName)
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
		return hachassis.Contains(f.in.SB, f.in.SB.HAChassisGroup.Get(cr.HAChassisGroup), us)
	}
	if peerRedirect != nil && f.isSwitch(p.Datapath) && !f.isSwitch(peer.Datapath) {
		return hosts(peerRedirect)
	}
	if redirect != nil && redirect.Options.Get("always-redirect") != "true" {
		return true
	}
	return redirect != nil && hosts(redirect)
}

func (f *flood) isSwitch(id ovsdb.UUID) bool {
	row := f.in.SB.DatapathBinding.Get(id)
	return row != nil && replica.IsSwitch(row)
}

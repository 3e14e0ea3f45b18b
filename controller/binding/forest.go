package binding

import (
	"slices"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// forest is the local datapaths, each with the link by which it was reached from a
// root: a datapath that is local by itself.
//
//	root ──► sw0 ──► router ─┬─► sw1      ──► the link by which a datapath was reached
//	                    ▲    ├─► sw2      ╌╌► any other link
//	                    ╎    └─► join
//	                    └╌╌╌╌╌╌╌╌╌╌┘
//
// A link that comes is followed from its own end on. One that goes matters only to
// its two ends unless a datapath was reached by it; then what hangs below is looked
// at from the top for another way in, and a datapath that has one keeps all below it.
// So a change costs the links that changed, and what comes and goes with them.
//
// Invariants, between two calls of refresh:
//  1. nodes are the datapaths that have a row and that a root reaches in fewer than
//     limit links; deep says that some are as far as that, where they end.
//  2. Following parents from a node ends at a root. A node's depth is at least the
//     number of links on that way, and so at least that of the shortest.
//  3. links holds each port of a node that names a peer, as link.sight sees it now.
//  4. into, named and node.out hold the same links, each once.
//  5. A node's peers are those of its ports that a followed link begins or ends at, in
//     the order of their rows.
type forest struct {
	sb     *replica.SB
	us     ovsdb.UUID // the own chassis
	log    func(string)
	isRoot func(ovsdb.UUID) bool
	limit  int // of links from a root, maxDepth

	nodes map[ovsdb.UUID]*node
	links map[ovsdb.UUID]*link   // by the row of the near port
	into  map[ovsdb.UUID][]*link // by the datapath beyond, be it local or not
	named map[string][]*link     // by the names of ports that they depend on
	deep  bool

	// Of a refresh: links to follow, datapaths whose link is gone, ports whose links
	// changed, datapaths that came, went or changed.
	ahead   []*link
	lost    []ovsdb.UUID
	joints  map[joint]bool
	touched map[ovsdb.UUID]bool
}

// node is a local datapath.
type node struct {
	row    *sbdb.DatapathBinding
	root   bool
	parent *link // nil for a root
	depth  int
	out    []*link
	peers  []PeerPorts

	// changed says that peers did since they were published, if they were.
	changed, published bool
}

// link is a port of a local datapath that names a peer.
type link struct {
	sight
	outAt, intoAt int // where it is in its node's out and in into
}

// sight is what a link depends on.
type sight struct {
	port, far     ovsdb.UUID // the rows of both ports
	from, to      ovsdb.UUID // their datapaths
	local, remote string     // their names
	followed      bool
	// names are those of the peer and of the chassisredirect ports of both.
	names [3]string
}

// joint is a port at which links begin and end.
type joint struct{ datapath, port ovsdb.UUID }

// edits are the rows that changed since the last refresh.
type edits struct {
	all       bool // too much to tell
	ports     map[ovsdb.UUID]bool
	names     map[string]bool
	datapaths map[ovsdb.UUID]bool
	converted map[ovsdb.UUID]bool // datapaths that may be a switch now and were not, or the reverse
	roots     map[ovsdb.UUID]bool
}

func newEdits() edits {
	return edits{
		ports: map[ovsdb.UUID]bool{}, names: map[string]bool{}, datapaths: map[ovsdb.UUID]bool{},
		converted: map[ovsdb.UUID]bool{}, roots: map[ovsdb.UUID]bool{},
	}
}

func (e *edits) empty() bool {
	return !e.all && len(e.ports)+len(e.names)+len(e.datapaths)+len(e.converted)+len(e.roots) == 0
}

func (e *edits) clear() {
	e.all = false
	clear(e.ports)
	clear(e.names)
	clear(e.datapaths)
	clear(e.converted)
	clear(e.roots)
}

func newForest(limit int) *forest {
	return &forest{
		limit: limit,
		nodes: map[ovsdb.UUID]*node{}, links: map[ovsdb.UUID]*link{}, into: map[ovsdb.UUID][]*link{}, named: map[string][]*link{},
		joints: map[joint]bool{}, touched: map[ovsdb.UUID]bool{},
	}
}

// note adds to e what a Port_Binding means for the links, as it was or as it is.
func (f *forest) note(p *sbdb.PortBinding, e *edits) {
	if p.Type == "patch" || p.Type == "l3gateway" {
		e.ports[p.UUID] = true
	}
	if len(f.named[p.LogicalPort]) > 0 {
		e.names[p.LogicalPort] = true
	}
}

// grow floods from the roots, nearest datapaths first; the forest is empty.
func (f *forest) grow(roots []ovsdb.UUID) {
	for _, id := range roots {
		f.plant(id)
	}
	f.advance()
	f.settlePeers()
}

// refresh follows what changed. It reports false when that takes the forest near
// its limit: another is to be grown then, which finds the shortest ways.
func (f *forest) refresh(e *edits) bool {
	if f.deep {
		return false
	}
	for id := range e.datapaths {
		row, n := f.sb.DatapathBinding.Get(id), f.nodes[id]
		switch {
		case n == nil:
		case row == nil:
			f.remove(id)
		case n.row != row:
			n.row = row
			f.touched[id] = true
		}
	}
	f.lookAgain(e)
	for id := range e.roots {
		f.reroot(id)
	}
	for id := range e.datapaths {
		if f.nodes[id] == nil {
			f.reroot(id)
			f.ahead = append(f.ahead, f.into[id]...)
		}
	}
	// Before looking for other ways: a new datapath may be one.
	f.advance()
	f.rescue()
	f.settlePeers()
	return !f.deep
}

// lookAgain looks at the links that the changes concern.
func (f *forest) lookAgain(e *edits) {
	for name := range e.names {
		for _, l := range f.named[name] {
			e.ports[l.port] = true
		}
	}
	for id := range e.converted {
		for _, l := range f.into[id] {
			e.ports[l.port] = true
		}
		if n := f.nodes[id]; n != nil {
			for _, l := range n.out {
				e.ports[l.port] = true
			}
		}
	}
	for port := range e.ports {
		var now sight
		ok := false
		if p := f.sb.PortBinding.Get(port); p != nil && f.nodes[p.Datapath] != nil {
			now, ok = f.see(p)
		}
		old := f.links[port]
		if old != nil && ok && old.sight == now {
			continue
		}
		if old != nil {
			f.unlink(old)
		}
		if ok {
			f.link(now)
		}
	}
}

// see looks beyond a port; ok is false for one without a peer's name.
func (f *forest) see(p *sbdb.PortBinding) (s sight, ok bool) {
	if p.Type != "patch" && p.Type != "l3gateway" {
		return sight{}, false
	}
	name, ok := p.Options.Lookup("peer")
	if !ok {
		return sight{}, false
	}
	s = sight{port: p.UUID, from: p.Datapath, local: p.LogicalPort, names: [3]string{name}}
	if peer := Peer(f.sb, p); peer != nil {
		s.far, s.to, s.remote = peer.UUID, peer.Datapath, peer.LogicalPort
		s.names[1], s.names[2] = p.Options.Get(redirectKey), peer.Options.Get(redirectKey)
		s.followed = f.follow(p, peer)
	}
	return s, true
}

func (f *forest) link(s sight) {
	n := f.nodes[s.from]
	l := &link{sight: s, outAt: len(n.out), intoAt: len(f.into[s.to])}
	f.links[s.port] = l
	n.out = append(n.out, l)
	f.into[s.to] = append(f.into[s.to], l)
	for _, name := range s.distinct() {
		f.named[name] = append(f.named[name], l)
	}
	if s.followed {
		f.joints[joint{s.from, s.port}], f.joints[joint{s.to, s.far}] = true, true
		if f.nodes[s.to] == nil {
			f.ahead = append(f.ahead, l)
		}
	}
}

func (f *forest) unlink(l *link) {
	delete(f.links, l.port)
	n := f.nodes[l.from]
	last := n.out[len(n.out)-1]
	n.out[l.outAt], last.outAt = last, l.outAt
	n.out = n.out[:len(n.out)-1]

	in := f.into[l.to]
	last = in[len(in)-1]
	in[l.intoAt], last.intoAt = last, l.intoAt
	if f.into[l.to] = in[:len(in)-1]; len(in) == 1 {
		delete(f.into, l.to)
	}
	for _, name := range l.distinct() {
		if list := slices.DeleteFunc(f.named[name], func(x *link) bool { return x == l }); len(list) > 0 {
			f.named[name] = list
		} else {
			delete(f.named, name)
		}
	}
	if !l.followed {
		return
	}
	f.joints[joint{l.from, l.port}], f.joints[joint{l.to, l.far}] = true, true
	if to := f.nodes[l.to]; to != nil && to.parent == l {
		to.parent = nil
		f.lost = append(f.lost, l.to)
	}
}

// distinct are the names that there are, each once.
func (s *sight) distinct() []string {
	out := make([]string, 0, len(s.names))
	for _, name := range s.names {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// plant makes a datapath a root, if it has a row.
func (f *forest) plant(id ovsdb.UUID) {
	if n := f.nodes[id]; n != nil {
		n.root, n.parent, n.depth = true, nil, 0
		return
	}
	f.add(id, nil, 0)
}

// reroot has a datapath be a root or none, as it should.
func (f *forest) reroot(id ovsdb.UUID) {
	if f.isRoot(id) {
		f.plant(id)
	} else if n := f.nodes[id]; n != nil && n.root {
		n.root = false
		f.lost = append(f.lost, id)
	}
}

// add makes a datapath with a row local, reached by parent.
func (f *forest) add(id ovsdb.UUID, parent *link, depth int) {
	row := f.sb.DatapathBinding.Get(id)
	if row == nil {
		return
	}
	n := &node{row: row, root: parent == nil, parent: parent, depth: depth}
	f.nodes[id] = n
	f.touched[id] = true
	for _, l := range f.into[id] {
		if l.followed {
			f.joints[joint{id, l.far}] = true
		}
	}
	if depth >= f.limit {
		f.deep = true
		return
	}
	for _, p := range f.sb.PortsByDatapath.Get(id) {
		if s, ok := f.see(p); ok {
			f.link(s)
		}
	}
}

// remove has a datapath be local no more.
func (f *forest) remove(id ovsdb.UUID) {
	n := f.nodes[id]
	for len(n.out) > 0 {
		f.unlink(n.out[len(n.out)-1])
	}
	delete(f.nodes, id)
	f.touched[id] = true
}

// advance follows the links ahead.
func (f *forest) advance() {
	for i := 0; i < len(f.ahead); i++ {
		l := f.ahead[i]
		if f.links[l.port] == l && l.followed && f.nodes[l.to] == nil {
			f.add(l.to, l, f.nodes[l.from].depth+1)
		}
	}
	clear(f.ahead)
	f.ahead = f.ahead[:0]
}

// rescue looks for another way into the datapaths that lost theirs, and removes those
// that have none.
func (f *forest) rescue() {
	cut := map[ovsdb.UUID]bool{}
	queue := make([]ovsdb.UUID, 0, len(f.lost))
	for _, id := range f.lost {
		if n := f.nodes[id]; n != nil && !n.root && n.parent == nil && !cut[id] {
			cut[id] = true
			queue = append(queue, id)
		}
	}
	f.lost = f.lost[:0]
	// From the top: whoever finds a way in keeps all below.
	for i := 0; i < len(queue); i++ {
		id := queue[i]
		n := f.nodes[id]
		if l := f.wayIn(id, func(from ovsdb.UUID) bool { return f.grounded(from, cut) }); l != nil {
			delete(cut, id)
			f.hang(n, l)
			continue
		}
		for _, l := range n.out {
			if child := f.nodes[l.to]; child != nil && child.parent == l {
				child.parent = nil
				cut[l.to] = true
				queue = append(queue, l.to)
			}
		}
	}
	// What is not cut is grounded now. A way in may have become one only since.
	var ahead []*node
	for id := range cut {
		if l := f.wayIn(id, func(from ovsdb.UUID) bool { return !cut[from] }); l != nil {
			delete(cut, id)
			f.hang(f.nodes[id], l)
			ahead = append(ahead, f.nodes[id])
		}
	}
	for i := 0; i < len(ahead); i++ {
		for _, l := range ahead[i].out {
			if l.followed && cut[l.to] {
				delete(cut, l.to)
				f.hang(f.nodes[l.to], l)
				ahead = append(ahead, f.nodes[l.to])
			}
		}
	}
	for id := range cut {
		f.remove(id)
	}
	f.lost = f.lost[:0]
}

// wayIn is a followed link into a datapath from one that will do.
func (f *forest) wayIn(id ovsdb.UUID, from func(ovsdb.UUID) bool) *link {
	for _, l := range f.into[id] {
		if l.followed && from(l.from) {
			return l
		}
	}
	return nil
}

// grounded tells whether the way from a node to its root is whole.
func (f *forest) grounded(id ovsdb.UUID, cut map[ovsdb.UUID]bool) bool {
	for !cut[id] {
		n := f.nodes[id]
		if n.root {
			return true
		}
		id = n.parent.from
	}
	return false
}

// hang puts a node with all below it under another link. Depths below may stay too
// large, never too small.
func (f *forest) hang(n *node, l *link) {
	n.parent = l
	deeper := f.nodes[l.from].depth + 1 - n.depth
	n.depth += deeper
	if deeper > 0 {
		f.sink(n, deeper)
	}
	f.deep = f.deep || n.depth >= f.limit
}

func (f *forest) sink(n *node, by int) {
	for _, l := range n.out {
		if child := f.nodes[l.to]; child != nil && child.parent == l {
			child.depth += by
			f.deep = f.deep || child.depth >= f.limit
			f.sink(child, by)
		}
	}
}

// fewPeers is up to how many peers of a datapath are put in their places one by one.
const fewPeers = 16

// settlePeers brings the peers of nodes in line with the links.
func (f *forest) settlePeers() {
	changed := map[ovsdb.UUID][]ovsdb.UUID{}
	for j := range f.joints {
		if f.nodes[j.datapath] != nil {
			changed[j.datapath] = append(changed[j.datapath], j.port)
		}
	}
	clear(f.joints)
	for id, ports := range changed {
		n := f.nodes[id]
		if len(ports) > fewPeers {
			if now := f.merged(id, n.peers, ports); !slices.Equal(now, n.peers) {
				n.peers, n.changed, f.touched[id] = now, n.published, true
			}
			continue
		}
		for _, port := range ports {
			i, had := slices.BinarySearchFunc(n.peers, port, func(p PeerPorts, id ovsdb.UUID) int { return p.row.Compare(id) })
			now, has := f.peerAt(id, port)
			switch {
			case had && has && n.peers[i] == now, !had && !has:
				continue
			case had && has:
				n.peers[i] = now
			case has:
				n.peers = slices.Insert(n.peers, i, now)
			default:
				n.peers = slices.Delete(n.peers, i, i+1)
			}
			n.changed, f.touched[id] = n.published, true
		}
	}
}

// merged is what becomes of the peers of a datapath when many of its ports changed.
func (f *forest) merged(id ovsdb.UUID, peers []PeerPorts, ports []ovsdb.UUID) []PeerPorts {
	again := make(map[ovsdb.UUID]bool, len(ports))
	out := make([]PeerPorts, 0, len(peers)+len(ports))
	for _, port := range ports {
		again[port] = true
		if now, has := f.peerAt(id, port); has {
			out = append(out, now)
		}
	}
	for _, p := range peers {
		if !again[p.row] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b PeerPorts) int { return a.row.Compare(b.row) })
	return out
}

// peerAt is the link of a port: its own or, where that is not followed, the first by
// row of those that name it.
func (f *forest) peerAt(id, port ovsdb.UUID) (PeerPorts, bool) {
	if l := f.links[port]; l != nil && l.followed && l.from == id {
		return PeerPorts{l.local, l.remote, port}, true
	}
	p := f.sb.PortBinding.Get(port)
	if p == nil {
		return PeerPorts{}, false
	}
	var first *link
	for _, l := range f.named[p.LogicalPort] {
		if l.followed && l.far == port && l.to == id && (first == nil || l.port.Compare(first.port) < 0) {
			first = l
		}
	}
	if first == nil {
		return PeerPorts{}, false
	}
	return PeerPorts{first.remote, first.local, port}, true
}

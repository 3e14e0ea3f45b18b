package physical

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// activationStrategy says by which packet a port shows that its virtual machine
// has moved here, options:activation-strategy.
type activationStrategy struct{ rarp, garp, na bool }

func (b *portBuild) activationStrategy() (s activationStrategy) {
	for word := range strings.SplitSeq(b.pb.Options.Get("activation-strategy"), ",") {
		switch word {
		case "rarp":
			s.rarp = true
		case "garp":
			s.garp = true
		case "na":
			s.na = true
		case "":
		default:
			b.problem("unknown activation-strategy %q", word)
		}
	}
	return s
}

// activation blocks a port on its additional chassis, in both directions, until
// it sends one of the packets that it is waiting for.
func (b *portBuild) activation(ofport uint32, z zones) {
	if !b.additionalHere() || b.here(b.pb.RequestedChassis) {
		// A port that is to have its main chassis here is not held back until the row
		// says so: northd has forgotten by then that it was activated.
		return
	}
	self := b.v.Self().Name
	if slices.Contains(strings.Split(b.pb.Options.Get("additional-chassis-activated"), ","), self) ||
		b.v.PortActivated(b.dp.Key, b.key) {
		return
	}
	s := b.activationStrategy()
	if s == (activationStrategy{}) {
		return
	}
	start := len(b.out.List)
	for _, mac := range b.pb.MAC {
		if addresses, ok := parsePortAddresses(mac); ok {
			b.activatedBy(s, addresses, ofport, z)
			b.blocked(ofport)
		}
	}
	b.out.unique(start)
}

// activatedBy lets the packets through that activate the port.
func (b *portBuild) activatedBy(s activationStrategy, p portAddresses, ofport uint32, z zones) {
	from := func(ethType uint64) *openflow.MatchBuilder {
		m := b.out.match()
		m.SetU(openflow.FieldInPort, uint64(ofport))
		m.SetU(openflow.FieldEthType, ethType)
		return m
	}
	activate := func() {
		a := b.out.actions()
		enterIngress(a, b.dp.Key, b.key, z)
		loadEncapID(a, 0)
		a.Controller(openflow.ControllerSpec{
			Reason:   reasonAction,
			UserData: packetInData(pipeline.OpActivationStrategy, ""),
		})
		a.Resubmit(pipeline.TableIngress)
		b.out.add(b.origin, pipeline.TablePhyToLog, 1010)
	}
	if s.rarp {
		from(ethTypeRARP)
		activate()
	}
	garp := func(ip openflow.U128) {
		m := from(ethTypeARP)
		m.SetU(openflow.FieldEthSrc, uint64(p.mac))
		m.SetU(openflow.FieldARPSHA, uint64(p.mac))
		m.Set(openflow.FieldARPSPA, ip)
		m.Set(openflow.FieldARPTPA, ip)
		activate()
	}
	na := func(ip openflow.U128) {
		m := from(ethTypeIPv6)
		matchICMPv6(m, icmp6NeighborAdvert)
		m.SetU(openflow.FieldICMPv6Code, 0)
		m.Set(openflow.FieldIPv6Src, ip)
		m.Set(openflow.FieldNDTarget, ip)
		m.SetU(openflow.FieldNDTLL, uint64(p.mac))
		activate()
	}
	if s.na && slices.ContainsFunc(p.ips, netip.Addr.Is6) {
		na(p.mac.linkLocal())
	}
	for _, ip := range p.ips {
		switch {
		case ip.Is4() && s.garp:
			garp(addrValue(ip))
		case ip.Is6() && s.na:
			na(addrValue(ip))
		}
	}
}

func (b *portBuild) blocked(ofport uint32) {
	b.out.match().SetU(openflow.FieldInPort, uint64(ofport))
	b.out.actions()
	b.out.add(b.origin, pipeline.TablePhyToLog, 1000)
	b.out.matchOutport(b.dp.Key, b.key)
	b.out.add(b.origin, pipeline.TableLogToPhy, 1000)
}

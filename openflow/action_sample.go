package openflow

// SampleSpec is the action sample, ovs-actions(7).
type SampleSpec struct {
	Probability  uint16 // of 65535
	CollectorSet uint32
	ObsDomain    uint32
	ObsDomainSrc Subfield // in place of ObsDomain if Bits is not 0
	ObsPoint     uint32
	ObsPointSrc  Subfield // in place of ObsPoint if Bits is not 0
	Port         uint16   // sampling port; 0: none
	Direction    uint8    // 0 default, 1 ingress, 2 egress
}

const (
	sampleDirectionDefault = 0
	samplePortNone         = 0xffff
)

// Sample sends samples to IPFIX collectors. Sources need Open vSwitch 3.4.
func (b *ActionBuilder) Sample(s SampleSpec) {
	port := s.Port
	if port == 0 {
		port = samplePortNone
	}
	subtype := uint16(nxSample)
	switch {
	case s.ObsDomainSrc.Bits != 0 || s.ObsPointSrc.Bits != 0:
		subtype = nxSample4
	case s.Direction != sampleDirectionDefault:
		subtype = nxSample3
	case port != samplePortNone:
		subtype = nxSample2
	}
	b.sample(&s, subtype, port)
}

func (b *ActionBuilder) sample(s *SampleSpec, subtype, port uint16) {
	n := 32
	switch subtype {
	case nxSample:
		n = 24
	case nxSample4:
		n = 40
	}
	at := b.nx(subtype, uint16(n))
	b.u16(s.Probability)
	b.u32(s.CollectorSet)
	if subtype == nxSample4 {
		b.sampleSource(s.ObsDomain, s.ObsDomainSrc)
		b.sampleSource(s.ObsPoint, s.ObsPointSrc)
	} else {
		b.u32(s.ObsDomain)
		b.u32(s.ObsPoint)
	}
	if subtype != nxSample {
		b.u16(port)
		b.u8(s.Direction)
	}
	b.padTo(at, n)
}

func (b *ActionBuilder) sampleSource(imm uint32, src Subfield) {
	if src.Bits == 0 {
		b.u32(0)
		b.u32(imm)
		return
	}
	b.u32(fields[src.Field].nxm.u32())
	b.u16(src.ofsNbits())
	b.u16(0)
}

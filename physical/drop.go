package physical

import "github.com/ovn-chassis/ovn-chassis/openflow"

// Sampling of drops: every packet, the table as observation point, the domain in
// the upper 8 bits where logical drops have it too (their lower 24 bits are the
// datapath's key, which is unknown here).
const (
	sampleAlways    = 0xffff // of 65536
	sampleDomainOfs = 24
)

// drop starts the actions of a flow that drops: none, unless drops are sampled.
func (f *Flows) drop(v View, table uint8) {
	a := f.actions()
	s := v.DropSampling()
	if s.Collector == 0 {
		return
	}
	a.Sample(openflow.SampleSpec{
		Probability:  sampleAlways,
		CollectorSet: s.Collector,
		ObsDomain:    uint32(s.Domain) << sampleDomainOfs,
		ObsPoint:     uint32(table),
	})
}

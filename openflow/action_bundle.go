package openflow

// BundleSpec is the action bundle, ovs-actions(7).
type BundleSpec struct {
	Fields    uint16 // BundleHash*
	Basis     uint16
	Algorithm uint16 // BundleActiveBackup or BundleHRW
	Members   []uint16
	Dst       Subfield // Bits not 0: store the port instead of sending
}

// How a bundle chooses among its members.
const (
	BundleActiveBackup = 0 // the first that is up
	BundleHRW          = 1 // highest random weight of those that are up
)

// What a bundle hashes.
const (
	BundleHashEthSrc           = 0
	BundleHashSymmetricL4      = 1
	BundleHashSymmetricL3L4    = 2
	BundleHashSymmetricL3L4UDP = 3
	BundleHashNwSrc            = 4
	BundleHashNwDst            = 5
	BundleHashSymmetricL3      = 6
)

const (
	bundleMemberTypeInPort = 0x00000002 // the NXM header of in_port
	bundleHeaderLen        = 32
)

// Bundle sends to one of several ports.
func (b *ActionBuilder) Bundle(s BundleSpec) {
	subtype := uint16(nxBundle)
	if s.Dst.Bits != 0 {
		subtype = nxBundleLoad
	}
	at := b.nx(subtype, 0)
	b.u16(s.Algorithm)
	b.u16(s.Fields)
	b.u16(s.Basis)
	b.u32(bundleMemberTypeInPort)
	b.u16(uint16(len(s.Members)))
	if s.Dst.Bits != 0 {
		b.u16(s.Dst.ofsNbits())
		b.u32(fields[s.Dst.Field].nxm.u32())
	} else {
		b.u16(0)
		b.u32(0)
	}
	b.padTo(at, bundleHeaderLen)
	for _, m := range s.Members {
		b.u16(m)
	}
	b.end(at)
}

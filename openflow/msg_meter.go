package openflow

import "fmt"

// Commands of MeterMod (OFPMC_*).
const (
	MeterAdd    = 0
	MeterModify = 1
	MeterDelete = 2
)

// Flags of a meter (OFPMF_*).
const (
	MeterKbps  = 1 << 0
	MeterPktps = 1 << 1
	MeterBurst = 1 << 2
	MeterStats = 1 << 3
)

// Kinds of meter bands (OFPMBT_*).
const (
	MeterBandDrop = 1
	MeterBandDSCP = 2
)

// MeterAll stands for every meter in requests and deletions; meters above
// MeterMax are the switch's own.
const (
	MeterAll = 0xffffffff
	MeterMax = 0xffff0000
)

// MeterBand drops or remarks what exceeds Rate. Units are those of the meter's
// flags: kbit/s or packets/s, and kbit or packets for Burst.
type MeterBand struct {
	Type      uint16
	Rate      uint32
	Burst     uint32
	PrecLevel uint8 // of MeterBandDSCP
}

// MeterSpec is a meter without its number.
type MeterSpec struct {
	Flags uint16
	Bands []MeterBand
}

// Equal compares two meters.
func (s MeterSpec) Equal(t MeterSpec) bool {
	if s.Flags != t.Flags || len(s.Bands) != len(t.Bands) {
		return false
	}
	for i := range s.Bands {
		if s.Bands[i] != t.Bands[i] {
			return false
		}
	}
	return true
}

// MeterMod adds, changes or deletes a meter. It cannot be part of a bundle.
type MeterMod struct {
	Command uint16
	ID      uint32
	Spec    MeterSpec
}

func (*MeterMod) msgType() uint8 { return TypeMeterMod }

func (m *MeterMod) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendU16(appendU16(b, m.Command), m.Spec.Flags)
	return appendBands(appendU32(b, m.ID), m.Spec.Bands), nil
}

// Bands, each 16 bytes: type, length, rate, burst, precedence level, padding.
func appendBands(b []byte, bands []MeterBand) []byte {
	for _, x := range bands {
		b = appendU16(appendU16(b, x.Type), 16)
		b = appendU32(appendU32(b, x.Rate), x.Burst)
		b = append(b, x.PrecLevel, 0, 0, 0)
	}
	return b
}

func decodeBands(r *reader) ([]MeterBand, error) {
	var out []MeterBand
	for !r.empty() {
		typ, n := r.u16(), int(r.u16())
		if r.err == nil && n != 16 {
			return nil, fmt.Errorf("meter band of %d bytes", n)
		}
		x := MeterBand{Type: typ, Rate: r.u32(), Burst: r.u32(), PrecLevel: r.u8()}
		if typ != MeterBandDSCP {
			x.PrecLevel = 0
		}
		r.skip(3)
		if r.err == nil {
			out = append(out, x)
		}
	}
	return out, r.err
}

func decodeMeterMod(r *reader) (*MeterMod, error) {
	m := &MeterMod{Command: r.u16()}
	m.Spec.Flags, m.ID = r.u16(), r.u32()
	var err error
	m.Spec.Bands, err = decodeBands(r)
	return m, err
}

// MeterDesc is one meter of a dump.
type MeterDesc struct {
	ID   uint32
	Spec MeterSpec
}

// MeterConfigRequest asks for MeterConfigReply; ID may be MeterAll.
type MeterConfigRequest struct{ ID uint32 }

func (*MeterConfigRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *MeterConfigRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartMeterConfig, false)
	return appendZeros(appendU32(b, m.ID), 4), nil
}

// MeterConfigReply is part of a dump of meters.
type MeterConfigReply struct {
	More   bool
	Meters []MeterDesc
}

func (*MeterConfigReply) msgType() uint8 { return TypeMultipartReply }
func (m *MeterConfigReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartMeterConfig, m.More)
	for _, d := range m.Meters {
		b = appendU16(b, uint16(8+16*len(d.Spec.Bands)))
		b = appendU16(b, d.Spec.Flags)
		b = appendBands(appendU32(b, d.ID), d.Spec.Bands)
	}
	return b, nil
}

func decodeMeterConfigReply(more bool, r *reader) (*MeterConfigReply, error) {
	m := &MeterConfigReply{More: more}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < 8 {
			return nil, fmt.Errorf("meter of %d bytes", n)
		}
		e := r.sub(n - 2)
		d := MeterDesc{}
		d.Spec.Flags, d.ID = e.u16(), e.u32()
		var err error
		if d.Spec.Bands, err = decodeBands(e); err != nil {
			return nil, err
		}
		m.Meters = append(m.Meters, d)
	}
	return m, r.err
}

// MeterFeaturesRequest asks for MeterFeaturesReply.
type MeterFeaturesRequest struct{}

func (*MeterFeaturesRequest) msgType() uint8 { return TypeMultipartRequest }
func (*MeterFeaturesRequest) appendBody(b []byte, _ Version) ([]byte, error) {
	return appendMultipart(b, multipartMeterFeatures, false), nil
}

// MeterFeaturesReply tells what meters the datapath has.
type MeterFeaturesReply struct {
	MaxMeters    uint32
	BandTypes    uint32
	Capabilities uint32
	MaxBands     uint8
	MaxColor     uint8
}

func (*MeterFeaturesReply) msgType() uint8 { return TypeMultipartReply }
func (m *MeterFeaturesReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartMeterFeatures, false)
	b = appendU32(appendU32(appendU32(b, m.MaxMeters), m.BandTypes), m.Capabilities)
	return append(b, m.MaxBands, m.MaxColor, 0, 0), nil
}

func decodeMeterFeaturesReply(r *reader) (*MeterFeaturesReply, error) {
	m := &MeterFeaturesReply{MaxMeters: r.u32(), BandTypes: r.u32(), Capabilities: r.u32(),
		MaxBands: r.u8(), MaxColor: r.u8()}
	return m, r.err
}

package openflow

import (
	"bytes"
	"fmt"
)

// Multipart messages: header, type, flags (bit 0: more follow), padding, body.
//
//	+----------------+----------------+ header
//	| type           | flags          |
//	| zeros                           |
//	+---------------------------------+
const (
	multipartFlowDesc      = 1
	multipartGroupStats    = 6
	multipartGroupDesc     = 7
	multipartGroupFeatures = 8
	multipartMeterConfig   = 10
	multipartMeterFeatures = 11
	multipartPortDesc      = 13
	multipartFlowMonitor   = 16

	multipartMore = 1
)

func appendMultipart(b []byte, typ uint16, more bool) []byte {
	b = appendU16(b, typ)
	var flags uint16
	if more {
		flags = multipartMore
	}
	return appendZeros(appendU16(b, flags), 4)
}

func decodeMultipartRequest(v Version, r *reader) (Message, error) {
	whole := r.b
	typ := r.u16()
	r.skip(6)
	if r.err != nil {
		return nil, r.err
	}
	switch typ {
	case multipartFlowDesc:
		return decodeFlowDescRequest(v, r)
	case multipartGroupStats:
		m := &GroupStatsRequest{ID: r.u32()}
		return m, r.err
	case multipartGroupDesc:
		m := &GroupDescRequest{ID: GroupIDAll}
		if v == Version15 {
			m.ID = r.u32()
		}
		return m, r.err
	case multipartGroupFeatures:
		return &GroupFeaturesRequest{}, nil
	case multipartMeterConfig:
		m := &MeterConfigRequest{ID: r.u32()}
		return m, r.err
	case multipartMeterFeatures:
		return &MeterFeaturesRequest{}, nil
	case multipartPortDesc:
		m := &PortDescRequest{Port: portAny}
		if v == Version15 {
			m.Port = r.u32()
		}
		return m, r.err
	case multipartFlowMonitor:
		return decodeFlowMonitorRequest(v, r)
	}
	return &Unknown{Type: TypeMultipartRequest, Body: append([]byte(nil), whole...)}, nil
}

func decodeMultipartReply(v Version, r *reader) (Message, error) {
	whole := r.b
	typ, flags := r.u16(), r.u16()
	r.skip(4)
	if r.err != nil {
		return nil, r.err
	}
	more := flags&multipartMore != 0
	switch typ {
	case multipartFlowDesc:
		return decodeFlowDescReply(v, more, r)
	case multipartGroupStats:
		return decodeGroupStatsReply(more, r)
	case multipartGroupDesc:
		return decodeGroupDescReply(v, more, r)
	case multipartGroupFeatures:
		return decodeGroupFeaturesReply(r)
	case multipartMeterConfig:
		return decodeMeterConfigReply(more, r)
	case multipartMeterFeatures:
		return decodeMeterFeaturesReply(r)
	case multipartPortDesc:
		return decodePortDescReply(more, r)
	case multipartFlowMonitor:
		return decodeFlowMonitorReply(v, more, r)
	}
	return &Unknown{Type: TypeMultipartReply, Body: append([]byte(nil), whole...)}, nil
}

// PortDescRequest asks for PortDescReply. Port 0xffffffff means all.
type PortDescRequest struct{ Port uint32 }

func (*PortDescRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *PortDescRequest) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartPortDesc, false)
	if v == Version15 {
		b = appendZeros(appendU32(b, m.Port), 4)
	}
	return b, nil
}

// Port is a port of the bridge.
type Port struct {
	Number uint32
	MAC    [6]byte
	Name   string
	Config uint32 // OFPPC_*
	State  uint32 // OFPPS_*
}

// PortDescReply is part of a list of ports.
type PortDescReply struct {
	More  bool
	Ports []Port
}

const portNameLen = 16

func (*PortDescReply) msgType() uint8 { return TypeMultipartReply }
func (m *PortDescReply) appendBody(b []byte, _ Version) ([]byte, error) {
	b = appendMultipart(b, multipartPortDesc, m.More)
	for _, p := range m.Ports {
		b = appendPort(b, p)
	}
	return b, nil
}

func appendPort(b []byte, p Port) []byte {
	b = appendU32(b, p.Number)
	b = appendU16(b, 40)
	b = appendZeros(b, 2)
	b = append(b, p.MAC[:]...)
	b = appendZeros(b, 2)
	name := make([]byte, portNameLen)
	copy(name[:portNameLen-1], p.Name)
	b = append(b, name...)
	return appendU32(appendU32(b, p.Config), p.State)
}

func decodePort(r *reader) (Port, error) {
	p := Port{Number: r.u32()}
	n := int(r.u16())
	if r.err == nil && n < 40 {
		return p, fmt.Errorf("port of %d bytes", n)
	}
	e := r.sub(n - 6)
	e.skip(2)
	copy(p.MAC[:], e.take(6))
	e.skip(2)
	name, _, _ := bytes.Cut(e.take(portNameLen), []byte{0})
	p.Name = string(name)
	p.Config, p.State = e.u32(), e.u32()
	return p, e.err
}

func decodePortDescReply(more bool, r *reader) (*PortDescReply, error) {
	m := &PortDescReply{More: more}
	for !r.empty() {
		p, err := decodePort(r)
		if err != nil {
			return nil, err
		}
		m.Ports = append(m.Ports, p)
	}
	return m, r.err
}

// PortStatus tells that a port was added (reason 0), deleted (1) or changed (2).
type PortStatus struct {
	Reason uint8
	Port   Port
}

func (*PortStatus) msgType() uint8 { return TypePortStatus }
func (m *PortStatus) appendBody(b []byte, _ Version) ([]byte, error) {
	b = append(b, m.Reason)
	return appendPort(appendZeros(b, 7), m.Port), nil
}

func decodePortStatus(r *reader) (*PortStatus, error) {
	m := &PortStatus{Reason: r.u8()}
	r.skip(7)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	m.Port, err = decodePort(r)
	return m, err
}

package openflow

import "fmt"

// Flags of FlowMonitorRequest (OFPFMF_*).
const (
	MonitorInitial      = 1 << 0
	MonitorAdd          = 1 << 1
	MonitorRemoved      = 1 << 2
	MonitorModify       = 1 << 3
	MonitorInstructions = 1 << 4
	MonitorNoAbbrev     = 1 << 5
	MonitorOnlyOwn      = 1 << 6
)

// Commands of FlowMonitorRequest (OFPFMC_*).
const (
	MonitorCmdAdd    = 0
	MonitorCmdModify = 1
	MonitorCmdDelete = 2
)

// Events of a FlowUpdate (OFPFME_*).
const (
	UpdateInitial  = 0
	UpdateAdded    = 1
	UpdateRemoved  = 2
	UpdateModified = 3
	UpdateAbbrev   = 4 // XID names the own request that made the change
	UpdatePaused   = 5 // changes are lost until UpdateResumed
	UpdateResumed  = 6
)

// Reasons of UpdateRemoved (OFPRR_*): a deletion that took flows along.
const (
	RemovedGroupDelete = 3
	RemovedMeterDelete = 4
)

// A TypeRequestForward (OFPT_REQUESTFORWARD) tells of a group or a meter that
// another connection changes. It comes as Unknown: its contents are what was
// asked for, not what became of it. AsyncRequestForward is the AsyncProp that
// asks for them; bit 0 is groups, bit 1 meters.
const (
	TypeRequestForward  = 32
	AsyncRequestForward = 11
)

// FlowMonitorRequest subscribes to changes of flows.
type FlowMonitorRequest struct {
	ID      uint32
	Flags   uint16
	Table   uint8
	Command uint8
	Match   Match
}

func (*FlowMonitorRequest) msgType() uint8 { return TypeMultipartRequest }
func (m *FlowMonitorRequest) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartFlowMonitor, false)
	b = appendU32(appendU32(appendU32(b, m.ID), portAny), groupAny)
	b = appendU16(b, m.Flags)
	b = append(b, m.Table, m.Command)
	return appendMatch(b, v, m.Match)
}

func decodeFlowMonitorRequest(v Version, r *reader) (*FlowMonitorRequest, error) {
	m := &FlowMonitorRequest{ID: r.u32()}
	r.skip(8)
	m.Flags, m.Table, m.Command = r.u16(), r.u8(), r.u8()
	raw := takeMatch(r)
	if r.err != nil {
		return nil, r.err
	}
	var err error
	m.Match, err = matchFromWire(v, raw)
	return m, err
}

// FlowUpdate is one event of a flow monitor. Flow is set for initial, added,
// removed and modified.
type FlowUpdate struct {
	Event  uint16
	Reason uint8 // OFPRR_*, of UpdateRemoved
	XID    uint32
	Flow   FlowDesc
}

// FlowMonitorReply carries events.
type FlowMonitorReply struct {
	More    bool
	Updates []FlowUpdate
}

func (*FlowMonitorReply) msgType() uint8 { return TypeMultipartReply }

func (m *FlowMonitorReply) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendMultipart(b, multipartFlowMonitor, m.More)
	for _, u := range m.Updates {
		start := len(b)
		b = appendU16(appendU16(b, 8), u.Event)
		if u.Event >= UpdateAbbrev {
			b = appendU32(b, u.XID)
			continue
		}
		b = append(b, u.Flow.Table, u.Reason)
		b = appendU16(appendU16(appendU16(b, u.Flow.Idle), u.Flow.Hard), u.Flow.Priority)
		b = appendU64(appendZeros(b, 4), u.Flow.Cookie)
		var err error
		if b, err = appendMatch(b, v, u.Flow.Match); err != nil {
			return b, err
		}
		if b, err = appendInstructions(b, v, u.Flow.Actions); err != nil {
			return b, err
		}
		putU16(b, start, len(b)-start)
	}
	return b, nil
}

func decodeFlowMonitorReply(v Version, more bool, r *reader) (*FlowMonitorReply, error) {
	m := &FlowMonitorReply{More: more}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < 8 {
			return nil, fmt.Errorf("flow update of %d bytes", n)
		}
		e := r.sub(n - 2)
		u := FlowUpdate{Event: e.u16()}
		switch u.Event {
		case UpdateInitial, UpdateAdded, UpdateRemoved, UpdateModified:
			u.Flow.Table, u.Reason = e.u8(), e.u8()
			u.Flow.Idle, u.Flow.Hard, u.Flow.Priority = e.u16(), e.u16(), e.u16()
			e.skip(4)
			u.Flow.Cookie = e.u64()
			raw := takeMatch(e)
			if e.err == nil {
				u.Flow.setMatchAndActions(v, raw, e)
				e.err = nil
			}
		case UpdateAbbrev:
			u.XID = e.u32()
		case UpdatePaused, UpdateResumed:
		default:
			return nil, fmt.Errorf("flow update event %d", u.Event)
		}
		if e.err != nil {
			return nil, e.err
		}
		m.Updates = append(m.Updates, u)
	}
	return m, r.err
}

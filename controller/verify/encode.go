package verify

import (
	"encoding/json"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// The form in which a running agent tells its Desired: JSON, with matches, actions
// and contents as base64 of their canonical bytes.

type wireDesired struct {
	Flows  []wireFlow
	Groups map[uint32][]byte
	Meters map[uint32]ofbundle.DesiredMeter
	Aside  ofbundle.Aside
}

type wireFlow struct {
	Table    uint8    `json:"t"`
	Priority uint16   `json:"p"`
	Cookie   uint64   `json:"c"`
	Match    []byte   `json:"m"`
	Actions  []byte   `json:"a"`
	Owners   [][]byte `json:"o,omitempty"`
	Refused  bool     `json:"r,omitempty"`
}

// Encode writes d for Decode.
func Encode(d *ofbundle.Desired) ([]byte, error) {
	w := wireDesired{Flows: make([]wireFlow, len(d.Flows)), Groups: map[uint32][]byte{}, Meters: d.Meters, Aside: d.Aside}
	for i := range d.Flows {
		f := &d.Flows[i]
		out := wireFlow{
			Table: f.Flow.Table, Priority: f.Flow.Priority, Cookie: f.Flow.Cookie,
			Match: []byte(f.Flow.Match), Actions: []byte(f.Flow.Actions), Refused: f.Refused,
		}
		for _, o := range f.Owners {
			out.Owners = append(out.Owners, o[:])
		}
		w.Flows[i] = out
	}
	for id, content := range d.Groups {
		w.Groups[id] = []byte(content)
	}
	return json.Marshal(w)
}

// Decode reads what Encode wrote, of whatever agent: matches and actions that are
// not well formed are errors.
func Decode(b []byte) (*ofbundle.Desired, error) {
	var w wireDesired
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("desired flows: %w", err)
	}
	d := &ofbundle.Desired{Groups: map[uint32]string{}, Meters: w.Meters, Aside: w.Aside}
	for i := range w.Flows {
		in := &w.Flows[i]
		m, err := openflow.DecodeMatch(in.Match)
		if err != nil {
			return nil, fmt.Errorf("desired flow %d: match: %w", i, err)
		}
		a, err := openflow.DecodeActions(in.Actions)
		if err != nil {
			return nil, fmt.Errorf("desired flow %d: actions: %w", i, err)
		}
		f := ofbundle.DesiredFlow{Refused: in.Refused, Flow: openflow.Flow{
			Table: in.Table, Priority: in.Priority, Cookie: in.Cookie, Match: m, Actions: a}}
		for _, o := range in.Owners {
			if len(o) != 16 {
				return nil, fmt.Errorf("desired flow %d: owner of %d bytes", i, len(o))
			}
			f.Owners = append(f.Owners, [16]byte(o))
		}
		if len(f.Owners) > 0 {
			f.Flow.Owner = f.Owners[0]
		}
		d.Flows = append(d.Flows, f)
	}
	for id, content := range w.Groups {
		if _, err := openflow.DecodeGroup(content); err != nil {
			return nil, fmt.Errorf("desired group %d: %w", id, err)
		}
		d.Groups[id] = string(content)
	}
	return d, nil
}

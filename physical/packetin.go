package physical

import (
	"encoding/binary"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// reasonAction is OFPR_ACTION, OpenFlow 1.3's reason for packets that an action
// sends to the controller.
const reasonAction = 1

// packetInData is userdata of action controller: the opcode, four bytes of
// padding and, for some, actions.
func packetInData(op pipeline.Opcode, actions openflow.Actions) []byte {
	data := binary.BigEndian.AppendUint32(nil, uint32(op))
	return append(append(data, 0, 0, 0, 0), actions...)
}

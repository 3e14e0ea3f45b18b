package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// errNotForUs is why a packet goes on as it was without anything being wrong: it
// is not one that the action answers.
var errNotForUs = errors.New("not a packet that this action answers")

// maxAnswer bounds an answer in bytes: with all that belongs to it, it has to fit
// into an OpenFlow message.
const maxAnswer = 1 << 15

// resultBit reads where an action of the form "R = action(...)" wants its result:
//
//	+-------------------+-----+-----------
//	| header of a field | bit | arguments
//	|       4, 8        |  4  |
//	+-------------------+-----+-----------
func resultBit(args []byte) (openflow.Subfield, []byte, error) {
	f, n, ok := openflow.DecodeHeader(args)
	if !ok {
		return openflow.Subfield{}, nil, errors.New("the result is not in a field")
	}
	args = args[n:]
	if len(args) < 4 {
		return openflow.Subfield{}, nil, errors.New("userdata without the bit of the result")
	}
	bit := binary.BigEndian.Uint32(args)
	if int64(bit) >= int64(f.Width()) || !f.Writable() {
		return openflow.Subfield{}, nil, fmt.Errorf("bit %d of %s cannot be written", bit, f)
	}
	return openflow.Bits(f, int(bit), 1), args[4:], nil
}

// replace is the body of the actions that turn a packet into its answer and say
// in a bit whether they have: make gets the arguments behind the result and
// returns the answer. Whatever becomes of it, the packet continues; flags are
// bits of pipeline.RegFlags to set on it.
func (l *Loop) replace(in *openflow.PacketIn, args []byte, flags uint64,
	make func(h *headers, args []byte) ([]byte, error)) error {
	dst, args, err := resultBit(args)
	resume := in.Resume()
	if err == nil {
		var packet []byte
		var ok bool
		h := &l.headers
		if *h, ok = extract(in.Packet); ok {
			if packet, err = make(h, args); err == nil && len(packet) > maxAnswer {
				err = fmt.Errorf("the answer has %d bytes", len(packet))
			}
		} else {
			err = errShort
		}
		var success uint64
		if err == nil {
			success = 1
			resume.Packet = packet
		}
		if e := setBits(resume, dst, success, flags); e != nil {
			err = errors.Join(err, e)
		}
	}
	if len(in.Continuation) == 0 {
		return errors.Join(err, errors.New("the packet was not paused"))
	}
	if _, e := l.conn.Send(resume); e != nil {
		return e
	}
	op := opcode(in)
	switch {
	case err == nil:
		l.stats.replies.answer(op)
	case errors.Is(err, errNotForUs):
		l.stats.replies.pass(op)
		return nil
	}
	return err
}

// setBits writes the result of an action into the packet's metadata.
func setBits(r *openflow.Resume, dst openflow.Subfield, v, flags uint64) error {
	b, err := r.Metadata.Builder()
	if err != nil {
		return err
	}
	b.SetSub(dst, v)
	if flags != 0 {
		m := openflow.U128{Lo: flags}
		b.SetMasked(pipeline.RegFlags, m, m)
	}
	r.Metadata = b.Match()
	return nil
}

// opcode is the action that sent a packet up; its userdata is long enough.
func opcode(in *openflow.PacketIn) pipeline.Opcode {
	return pipeline.Opcode(binary.BigEndian.Uint32(in.Userdata))
}

package openflow

import "errors"

// DecodeActions makes canonical actions of those of an OpenFlow 1.5
// instruction, bucket or packet-out, whoever wrote them.
func DecodeActions(b []byte) (Actions, error) {
	if len(b)%8 != 0 {
		return "", errors.New("openflow: actions: length not a multiple of 8")
	}
	return Actions(b), nil
}

package openflow

import (
	"errors"
	"syscall"
)

// NobodyListens tells of an error of Dial whether the switch is not there: asking
// again soon costs nobody anything.
func NobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}

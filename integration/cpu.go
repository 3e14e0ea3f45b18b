package integration

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time that the running process used so far, all of its
// threads together, to the nanosecond.
func (p *Process) CPU() (time.Duration, error) {
	// The clock of another process: its id in complement, above the kind of clock
	// (CPUCLOCK_SCHED); linux/include/linux/posix-timers.h.
	const sched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.Pid()<<3|sched), &ts); err != nil {
		return 0, fmt.Errorf("%s: processor time: %w", p.Name, err)
	}
	return time.Duration(ts.Nano()), nil
}

// RSS is the resident memory of the running process in bytes.
func (p *Process) RSS() (int64, error) { return p.status("VmRSS") }

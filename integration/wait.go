package integration

import (
	"errors"
	"net"
	"time"
)

// pollInterval is how often WaitFor looks. Shorter only takes processor time
// from what is waited for.
const pollInterval = 30 * time.Millisecond

// WaitFor waits until cond returns nil. After the timeout the test ends with
// cond's last error.
func WaitFor(t T, timeout time.Duration, what string, cond func() error) {
	t.Helper()
	if err := waitFor(timeout, cond); err != nil {
		t.Fatalf("%s: not within %v: %v", what, timeout, err)
	}
}

func waitFor(timeout time.Duration, cond func() error) error {
	deadline := time.Now().Add(timeout)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := cond()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-tick.C
	}
}

// waitSocket waits until a daemon accepts connections on its socket. That the file
// is there is not enough: it is before the daemon listens.
func waitSocket(t T, p *Process, path string) {
	t.Helper()
	ended := false
	err := waitFor(20*time.Second, func() error {
		if !p.Running() {
			ended = true
			return nil
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if ended {
		err = errors.New("it has ended")
	}
	if err != nil {
		t.Fatalf("%s does not listen: %v\n%s", p.Name, err, p.Tail(20))
	}
}

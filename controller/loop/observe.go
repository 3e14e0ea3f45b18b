package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ofbundle"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// Observe makes a loop that does what a freshly started agent would do, but for
// writing: no transaction is ever sent, nothing changes on the switch, packets are
// not looked at. It tells what the switch should hold, given what the databases
// say.
type Observe struct {
	// Southbound replaces ovn-remote if it is not "".
	Southbound string
	// Switch replaces the target of the bridge's management socket if not "".
	Switch string
}

// Observed is what an observing loop has found.
type Observed struct {
	Chassis string // name
	Bridge  string
	Switch  string // target
	Desired *ofbundle.Desired
	// Problems are the rows that were not translated, or not completely.
	Problems []string
	// Describe names the row behind a flow. It may be used after the loop has ended.
	Describe func(owner [16]byte) string
}

// ErrUnsettled is why an observation did not come about in time.
var ErrUnsettled = errors.New("the contents did not settle")

// RunObserver runs a loop made with Options.Observe until everything is translated
// that the databases hold, and ends it.
func RunObserver(ctx context.Context, o Options) (*Observed, error) {
	if o.Observe == nil {
		o.Observe = &Observe{}
	}
	o.NewWriter = func(c ofbundle.Config) Writer {
		c.Observe = true
		return ofbundle.New(c)
	}
	l := New(o)
	l.quiet = make(chan struct{}, 1)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.Run(run) }()
	defer func() {
		cancel()
		<-ended
	}()
	for {
		select {
		case <-l.quiet:
		case <-ctx.Done():
			why := "the loop has ended"
			l.Do(run, func() { why = l.unsettledBecause() })
			return nil, fmt.Errorf("%w: %s", ErrUnsettled, why)
		}
		d, err := l.writer.Desired(ctx)
		if errors.Is(err, ofbundle.ErrNotReady) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found := &Observed{Desired: d, Describe: l.describe}
		still := false
		l.Do(ctx, func() {
			still = l.isQuiet()
			found.Chassis, found.Switch, found.Problems = l.cfg.SystemID, l.fed.target, l.problems
			if l.bridge != nil {
				found.Bridge = l.bridge.Name
			}
		})
		if still {
			return found, nil
		}
	}
}

// isQuiet: all that is known has been translated, with everything monitored that
// counts.
func (l *Loop) isQuiet() bool {
	return l.settledOnce && l.featured && l.settled() && !l.running && !l.stale && !l.fed.scope && l.conds.Due().IsZero() && l.seq > 0 && l.acked >= l.seq
}

// noteQuiet tells the observer, if there is one.
func (l *Loop) noteQuiet() {
	if l.quiet == nil || !l.isQuiet() {
		return
	}
	select {
	case l.quiet <- struct{}{}:
	default:
	}
}

// unsettledBecause says what an observer still waits for.
func (l *Loop) unsettledBecause() string {
	var missing []string
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{l.local.ready, "no contents of the local database"},
		{l.cfg.SystemID != "", "no system-id"},
		{l.sbSide.ready, "no contents of the southbound database " + l.cfg.Remote},
		{!l.sbSide.ready || l.chassis != nil, "no row of table Chassis is named " + l.cfg.SystemID},
		{l.bridge != nil, "no bridge " + l.cfg.Bridge},
		{!l.mismatched, "northd has another version"},
		{l.bridge == nil || l.featured, "no answer of the switch " + l.fed.target},
		{l.condInForce >= l.condSeq, "conditions are not in effect"},
		{!l.running && !l.stale, "translation is not done"},
	} {
		if !c.ok {
			missing = append(missing, c.what)
		}
	}
	return strings.Join(missing, "; ")
}

// Files are the options as sessions take them.
func (o TLSOptions) Files() ovsdb.TLSFiles { return o.files(nil) }

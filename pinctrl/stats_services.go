package pinctrl

// ServiceStats counts, since New, what is sent for services of this host and not
// in answer to a packet.
type ServiceStats struct {
	Probes uint64 // of services, with the resets that end them
}

// ServiceStats returns the counters. It may be called from any goroutine.
func (l *Loop) ServiceStats() (s ServiceStats) {
	l.prober.mu.Lock()
	s.Probes = l.prober.sent
	l.prober.mu.Unlock()
	return s
}

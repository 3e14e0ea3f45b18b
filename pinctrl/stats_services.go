package pinctrl

// ServiceStats counts, since New, what is sent for services of this host and not
// in answer to a packet.
type ServiceStats struct {
	Probes uint64 // of services, with the resets that end them
	BFD    uint64 // control packets, with answers to polls
	DHCPv6 uint64 // messages that ask for prefixes
}

// ServiceStats returns the counters. It may be called from any goroutine.
func (l *Loop) ServiceStats() (s ServiceStats) {
	l.prober.mu.Lock()
	s.Probes = l.prober.sent
	l.prober.mu.Unlock()
	l.bfd.mu.Lock()
	s.BFD = l.bfd.sent
	l.bfd.mu.Unlock()
	l.delegations.mu.Lock()
	s.DHCPv6 = l.delegations.sent
	l.delegations.mu.Unlock()
	return s
}

package openflow

// DecTTLSilent is DecTTL without the packet-in for packets whose TTL is used up:
// the list of controllers to tell is empty.
func (b *ActionBuilder) DecTTLSilent() {
	b.nx(nxDecTTLCntIDs, 16)
	b.zeros(6) // number of controllers, padding
}

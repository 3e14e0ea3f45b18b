package openflow

// DecTTLSilent is DecTTL without the packet-in for packets whose TTL is used up:
// the list of controllers to tell is empty.
func (b *ActionBuilder) DecTTLSilent() {
	b.nx(nxDecTTLCntIDs, 16)
	b.zeros(6) // number of controllers, padding
}

// decTTLControllers writes dec_ttl with the controllers to tell.
func (t *actionText) decTTLControllers(c *cursor) {
	n := c.u16()
	c.take(4)
	t.str("dec_ttl(")
	for i := range n {
		if i > 0 {
			t.str(",")
		}
		t.num("", uint64(c.u16()))
		if c.err != nil {
			break
		}
	}
	t.str(")")
}

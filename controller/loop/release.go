package loop

import "time"

// What goes through the agent when much changes leaves memory behind that nothing
// uses: what was decoded, translated and sent, and, when much is gone, most of what
// there was. Go's runtime keeps it for later, and looks what is unused only when as
// much again has been allocated, which at rest takes hours. So the loop has it given
// back after such a time. This takes a collection, which is why small changes, of
// which there may be one every second for days, do not count, and neither does what
// they add up to.
const (
	// releaseDelay is how long after the last large change: another may follow at once.
	releaseDelay = 5 * time.Second
	// releasePatience is how long it waits for the loop to be at rest: the collection
	// delays changes that meet it.
	releasePatience = time.Minute
	// largeChange is how large a change must be to count, and releaseAfter how much
	// large changes must add up to, in bytes.
	largeChange  = 256 << 10
	releaseAfter = 2 << 20
	// flowBytes is about what a flow takes, in the units, in what is sent and on the
	// wire.
	flowBytes = 256
)

// release knows when memory is to be given back. The zero value is ready.
type release struct {
	at  time.Time // zero when there is no reason to
	by  time.Time // whether at rest or not
	sum int64     // of large changes since the last time
	seq uint64    // of the translation that the last of them went into
}

// note takes note of a change of about so many bytes, part of translation seq.
func (r *release) note(seq uint64, bytes int64) {
	if bytes < largeChange {
		return
	}
	r.at = time.Time{}
	r.sum += bytes
	r.seq = seq
}

// acked takes note that the switch has what came of translation seq: what it took to
// get there is over.
func (r *release) acked(now time.Time, seq uint64) {
	if r.at.IsZero() && r.sum >= releaseAfter && seq >= r.seq {
		r.at = now.Add(releaseDelay)
		r.by = r.at.Add(releasePatience)
	}
}

// due reports, once, that it is time.
func (r *release) due(now time.Time, atRest bool) bool {
	if r.at.IsZero() || now.Before(r.at) {
		return false
	}
	if !atRest && now.Before(r.by) {
		r.at = now.Add(restAfter)
		return false
	}
	*r = release{}
	return true
}

// Package ctzone gives conntrack zones to logical ports and datapaths: which
// number each has, when a number has to be flushed, and what of it stands in the
// database so that a restart changes nothing.
//
//	users ──► Update ──► zones for flows
//	                └──► Flushes ──► switch ──► Flushed ──► Write (database)
//
// A number newly given or taken away is flushed once, and only then recorded:
// what the database says about a zone is always true of the switch.
package ctzone

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const keyPrefix = "ct-zone-"

// NoLimit says that a zone's number of connections is not limited.
const NoLimit = -1

// User wants a zone.
type User struct {
	// Limit is the most connections the zone may hold, NoLimit for any number.
	Limit int64
	// Requested is the number the user must have, if it is set. 0 is a number as
	// any other: it shares the default zone with what is not OVN's.
	Requested ovsdb.Optional[uint16]
}

// zone is a number in use.
type zone struct {
	number uint16
	limit  int64
}

// State is the zones of this agent.
//
// Invariants:
//  1. byNumber is the inverse of current, requested numbers shared by several
//     users apart: there it names one of them.
//  2. A number in flushing is not in the database under a name that got it since
//     the flush was asked for.
type State struct {
	log      *slog.Logger
	restored bool
	current  map[string]zone
	byNumber map[uint16]string
	// flushing counts the flushes asked for and not yet done.
	flushing map[uint16]int
	ask      []uint16
	asked    map[uint16]bool // the numbers in ask
	// leaving are names that still stand in the database, and the zone whose flush
	// their removal waits for.
	leaving map[string]uint16
	// limited are the numbers whose limit this process wrote.
	limited map[uint16]bool
	changed map[string]bool
	// written is the bridge row the database was last found in line with.
	written *vswitchdb.Bridge
	dirty   bool
}

// New returns a state without zones.
func New(log *slog.Logger) *State {
	return &State{
		log: log, current: map[string]zone{}, byNumber: map[uint16]string{}, flushing: map[uint16]int{},
		asked: map[uint16]bool{}, leaving: map[string]uint16{}, limited: map[uint16]bool{}, changed: map[string]bool{},
	}
}

// Restored tells whether Restore was called.
func (s *State) Restored() bool { return s.restored }

// Restore takes over the zones in the bridge's external_ids. Names that begin
// with a datapath's UUID, as versions before 23.09 wrote, are replaced by
// datapathName's. Of several names with one number the first in order keeps it.
func (s *State) Restore(ids ovsdb.Map, datapathName func(ovsdb.UUID) string) {
	s.restored = true
	s.dirty = true
	for key, value := range ids.All() {
		name, ok := strings.CutPrefix(key, keyPrefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 || name == "" {
			s.log.Warn(fmt.Sprintf("Bridge external_ids: %s: not a conntrack zone: %q", key, value))
			continue
		}
		if renamed := rename(name, datapathName); renamed != name {
			s.log.Debug(fmt.Sprintf("ct zone %d replace uuid name '%s' with '%s'", n, name, renamed))
			name = renamed
		}
		if other, taken := s.byNumber[uint16(n)]; taken {
			if other != name {
				s.log.Info(fmt.Sprintf("ct zone %d of '%s' is also '%s': dropping the latter", n, other, name))
			}
			continue
		}
		if _, dup := s.current[name]; dup {
			continue
		}
		s.log.Debug(fmt.Sprintf("restoring ct zone %d for '%s'", n, name))
		s.set(name, zone{uint16(n), NoLimit})
	}
}

const uuidLen = 36

func rename(name string, datapathName func(ovsdb.UUID) string) string {
	if len(name) < uuidLen {
		return name
	}
	id, err := ovsdb.ParseUUID(name[:uuidLen])
	if err != nil {
		return name
	}
	if n := datapathName(id); n != "" {
		return n + name[uuidLen:]
	}
	return name
}

func (s *State) set(name string, z zone) {
	s.current[name] = z
	s.byNumber[z.number] = name
	s.changed[name] = true
	s.dirty = true
}

// flush asks for a flush of a number; one that was asked for and not yet handed
// out serves twice.
func (s *State) flush(n uint16) {
	if s.asked[n] {
		return
	}
	s.asked[n] = true
	s.flushing[n]++
	s.ask = append(s.ask, n)
}

func (s *State) give(name string, n uint16, limit int64) {
	s.log.Debug(fmt.Sprintf("assigning ct zone %d for '%s'", n, name))
	delete(s.leaving, name)
	s.set(name, zone{n, limit})
	s.flush(n)
}

func (s *State) take(name string) {
	z, ok := s.current[name]
	if !ok {
		return
	}
	s.log.Debug(fmt.Sprintf("removing ct zone %d for '%s'", z.number, name))
	delete(s.current, name)
	if s.byNumber[z.number] == name {
		delete(s.byNumber, z.number)
	}
	s.leaving[name] = z.number
	s.changed[name] = true
	s.dirty = true
	s.flush(z.number)
}

// Update makes the zones those of users, numbers between lo and hi. It is not to be
// called before all users are known: a zone without a user is taken away.
func (s *State) Update(users map[string]User, lo, hi uint16) {
	for _, name := range sortedKeys(s.current) {
		u, used := users[name]
		z := s.current[name]
		switch {
		case !used:
			s.take(name)
		case u.Requested.IsSet():
			if z.number != u.Requested.Value() {
				s.take(name)
			}
		case z.number < lo || z.number > hi:
			s.take(name)
		}
	}
	names := sortedKeys(users)
	for _, name := range names {
		if n, ok := users[name].Requested.Get(); ok {
			s.giveRequested(name, n, users)
		}
	}
	next := uint32(lo)
	for _, name := range names {
		u := users[name]
		z, has := s.current[name]
		if has {
			if z.limit != u.Limit {
				s.log.Debug(fmt.Sprintf("setting ct zone %d limit to %d", z.number, u.Limit))
				z.limit = u.Limit
				s.current[name] = z
				s.dirty = true
			}
			continue
		}
		for next <= uint32(hi) && s.byNumber[uint16(next)] != "" {
			next++
		}
		if next > uint32(hi) {
			s.log.Warn("exhausted all ct zones")
			return
		}
		s.give(name, uint16(next), u.Limit)
	}
}

// giveRequested gives a user the number it must have. Whoever had the number
// without asking for it gets another.
func (s *State) giveRequested(name string, n uint16, users map[string]User) {
	if z, has := s.current[name]; has && z.number == n {
		return
	}
	for other, z := range s.current {
		if z.number == n && users[other].Requested != ovsdb.Some(n) {
			s.take(other)
		}
	}
	s.give(name, n, users[name].Limit)
}

// Flushes returns the numbers to flush now, each once; the caller reports each
// with Flushed when the switch has done it.
func (s *State) Flushes() []uint16 {
	out := s.ask
	s.ask = nil
	clear(s.asked)
	return out
}

// Flushed says that the switch has flushed the number once.
func (s *State) Flushed(n uint16) {
	if s.flushing[n]--; s.flushing[n] <= 0 {
		delete(s.flushing, n)
		s.dirty = true
	}
}

// Changes returns the names whose zone changed since the last call, with their
// number, 0 for those that lost it.
func (s *State) Changes() map[string]uint16 {
	out := make(map[string]uint16, len(s.changed))
	for name := range s.changed {
		out[name] = s.current[name].number
	}
	clear(s.changed)
	return out
}

// Zone returns a name's number, 0 when it has none.
func (s *State) Zone(name string) uint16 { return s.current[name].number }

// List is the reply to ct-zone-list.
func (s *State) List() string {
	var b strings.Builder
	for _, name := range sortedKeys(s.current) {
		fmt.Fprintf(&b, "%s %d\n", name, s.current[name].number)
	}
	return b.String()
}

// Write adds to tx what the database should say and does not: names in the
// bridge's external_ids, limits in the datapath's CT_Zone rows.
func (s *State) Write(br *vswitchdb.Bridge, dp *vswitchdb.Datapath, l *vswitchdb.DB, tx *ovsdb.Txn) {
	if tx == nil || br == nil || !s.restored || (!s.dirty && s.sameZones(br)) {
		return
	}
	s.written, s.dirty = br, false
	put := map[string]string{}
	for name, z := range s.current {
		if s.flushing[z.number] > 0 {
			continue
		}
		if text := strconv.Itoa(int(z.number)); br.ExternalIDs.Get(keyPrefix+name) != text {
			put[keyPrefix+name] = text
		}
	}
	var gone []string
	for key := range br.ExternalIDs.All() {
		name, ok := strings.CutPrefix(key, keyPrefix)
		if !ok {
			continue
		}
		if _, has := s.current[name]; has {
			continue
		}
		if n, leaving := s.leaving[name]; leaving && s.flushing[n] > 0 {
			continue
		}
		gone = append(gone, key)
	}
	for name, n := range s.leaving {
		if s.flushing[n] == 0 {
			delete(s.leaving, name)
		}
	}
	if len(put) > 0 {
		vswitchdb.UpdateBridge(tx, br.UUID).MutateExternalIDsPut(ovsdb.MapFrom(put))
	}
	if len(gone) > 0 {
		vswitchdb.UpdateBridge(tx, br.UUID).MutateExternalIDsDelete(gone...)
	}
	if dp != nil {
		s.writeLimits(dp, l, tx)
	}
}

// sameZones tells whether the bridge still has the zones it was last seen with.
// Other marks on it change all the time.
func (s *State) sameZones(br *vswitchdb.Bridge) bool {
	if s.written == br {
		return true
	}
	if s.written == nil || s.written.UUID != br.UUID {
		return false
	}
	for key := range s.written.ExternalIDs.Differing(br.ExternalIDs) {
		if strings.HasPrefix(key, keyPrefix) {
			return false
		}
	}
	s.written = br
	return true
}

func (s *State) writeLimits(dp *vswitchdb.Datapath, l *vswitchdb.DB, tx *ovsdb.Txn) {
	want := map[uint16]int64{}
	for _, z := range s.current {
		if z.limit >= 0 && s.flushing[z.number] == 0 {
			want[z.number] = z.limit
		}
	}
	for n, limit := range want {
		s.limited[n] = true
		id, ok := dp.CTZones.Lookup(int64(n))
		if row := l.CTZone.Get(id); ok && row != nil {
			if v, set := row.Limit.Get(); !set || v != limit {
				vswitchdb.UpdateCTZone(tx, id).SetLimit(limit)
			}
			continue
		}
		id = vswitchdb.InsertCTZone(tx).SetLimit(limit).UUID()
		vswitchdb.UpdateDatapath(tx, dp.UUID).MutateCTZonesPut(ovsdb.MapFrom(map[int64]ovsdb.UUID{int64(n): id}))
	}
	var gone []int64
	for n := range s.limited {
		if _, wanted := want[n]; wanted {
			continue
		}
		delete(s.limited, n)
		if _, ok := dp.CTZones.Lookup(int64(n)); ok {
			gone = append(gone, int64(n))
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		vswitchdb.UpdateDatapath(tx, dp.UUID).MutateCTZonesDelete(gone...)
	}
}

// Unwritten says that the last Write did not reach the database.
func (s *State) Unwritten() { s.dirty = true }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

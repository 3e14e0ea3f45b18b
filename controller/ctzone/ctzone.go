// Package ctzone gives conntrack zones to logical ports and datapaths: which
// number each has, when a number has to be flushed, and what of it stands in the
// database so that a restart changes nothing.
//
//	users ──► Update ──► zones for flows
//	                └──► Flushes ──► switch ──► Flushed ──► Write (database)
//
// A number newly given or taken away is flushed once, and only then recorded:
// what the database says about a zone is always true of the switch.
//
// After the first Update it is told only of users that changed, and it looks at their
// names and numbers only. What a change of the bridge's external_ids costs beyond is one
// comparison of each pair with what it was.
package ctzone

import (
	"fmt"
	"log/slog"
	"maps"
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
//  1. byNumber is the inverse of current; only requested numbers have several users.
//  2. Numbers from lo to below next are in use.
//  3. wanting are the users that have no zone because there was none left.
//  4. A name that current and the bridge row written disagree on, or that waits for a
//     flush, is in check, a number with an unwritten limit in limits; or all is set.
//  5. A number in flushing is not in the database under a name that got it since
//     the flush was asked for.
type State struct {
	log      *slog.Logger
	restored bool
	current  map[string]zone
	byNumber map[uint16][]string
	users    map[string]User
	wanting  map[string]bool
	lo, hi   uint16
	next     uint32
	// flushing counts the flushes asked for and not yet done.
	flushing map[uint16]int
	ask      []uint16
	asked    map[uint16]bool // the numbers in ask
	// leaving are names that still stand in the database, and the zone whose flush
	// their removal waits for.
	leaving map[string]uint16
	// shared are names that were restored with a number that another has, until the
	// first Update tells whether they ask for it.
	shared map[string]uint16
	// limited are the numbers whose limit this process wrote.
	limited map[uint16]bool
	changed map[string]bool
	// written is the bridge row the database was last found in line with.
	written *vswitchdb.Bridge
	check   map[string]bool
	limits  map[uint16]bool
	all     bool
}

// New returns a state without zones.
func New(log *slog.Logger) *State {
	return &State{
		log: log, current: map[string]zone{}, byNumber: map[uint16][]string{}, flushing: map[uint16]int{},
		asked: map[uint16]bool{}, leaving: map[string]uint16{}, limited: map[uint16]bool{}, changed: map[string]bool{},
		wanting: map[string]bool{}, check: map[string]bool{}, limits: map[uint16]bool{},
		shared: map[string]uint16{},
	}
}

// Restored tells whether Restore was called.
func (s *State) Restored() bool { return s.restored }

// Restore takes over the zones in the bridge's external_ids. Names that begin
// with a datapath's UUID, as versions before 23.09 wrote, are replaced by
// datapathName's. Of several names with one number the first in order keeps it, and
// those that ask for it.
func (s *State) Restore(ids ovsdb.Map, datapathName func(ovsdb.UUID) string) {
	s.restored = true
	s.all = true
	for key, value := range ids.All() {
		name, ok := strings.CutPrefix(key, keyPrefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || name == "" {
			s.log.Warn(fmt.Sprintf("Bridge external_ids: %s: not a conntrack zone: %q", key, value))
			continue
		}
		if renamed := rename(name, datapathName); renamed != name {
			s.log.Debug(fmt.Sprintf("ct zone %d replace uuid name '%s' with '%s'", n, name, renamed))
			name = renamed
		}
		if holders := s.byNumber[uint16(n)]; len(holders) > 0 {
			if holders[0] != name {
				s.shared[name] = uint16(n)
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
	s.byNumber[z.number] = append(s.byNumber[z.number], name)
	s.changed[name], s.check[name], s.limits[z.number] = true, true, true
}

// flush asks for a flush of a number; one that was asked for and not yet handed
// out serves twice.
func (s *State) flush(n uint16) {
	if s.asked[n] {
		return
	}
	s.asked[n], s.limits[n] = true, true
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
	if others := slices.DeleteFunc(s.byNumber[z.number], func(n string) bool { return n == name }); len(others) > 0 {
		s.byNumber[z.number] = others
	} else {
		delete(s.byNumber, z.number)
		if z.number >= s.lo {
			s.next = min(s.next, uint32(z.number))
		}
	}
	s.leaving[name] = z.number
	s.changed[name], s.check[name] = true, true
	s.flush(z.number)
}

// Update makes the zones those of users, which it takes over, numbers between lo and
// hi. It is not to be called before all users are known: a zone without a user is taken
// away.
func (s *State) Update(users map[string]User, lo, hi uint16) {
	s.users, s.lo, s.hi, s.next = users, lo, hi, uint32(lo)
	names := make(map[string]bool, len(users))
	for name := range s.current {
		names[name] = true
	}
	for name := range users {
		names[name] = true
	}
	clear(s.wanting)
	s.settle(names)
	for _, name := range sortedKeys(s.shared) {
		if n := s.shared[name]; !slices.Contains(s.byNumber[n], name) {
			s.log.Info(fmt.Sprintf("ct zone %d of '%s' is another's: it is not kept", n, name))
		}
	}
	clear(s.shared)
}

// Change is Update for the users with the given names; user tells whether one wants a
// zone.
func (s *State) Change(names map[string]bool, user func(name string) (u User, wants bool)) {
	for name := range names {
		if u, wants := user(name); wants {
			s.users[name] = u
		} else {
			delete(s.users, name)
			delete(s.wanting, name)
		}
	}
	s.settle(names)
}

// InRange tells whether the last Update was for numbers between lo and hi.
func (s *State) InRange(lo, hi uint16) bool { return s.users != nil && s.lo == lo && s.hi == hi }

// settle brings the zones of the names in line with the users.
func (s *State) settle(changed map[string]bool) {
	names := sortedKeys(changed)
	for _, name := range names {
		u, used := s.users[name]
		z, has := s.current[name]
		switch {
		case !has:
		case !used:
			s.take(name)
		case u.Requested.IsSet():
			if z.number != u.Requested.Value() {
				s.take(name)
			}
		case z.number < s.lo || z.number > s.hi || len(s.byNumber[z.number]) > 1:
			s.take(name)
		}
	}
	for _, name := range names {
		if u := s.users[name]; u.Requested.IsSet() {
			s.giveRequested(name, u)
		}
	}
	for _, name := range names {
		u, used := s.users[name]
		z, has := s.current[name]
		if !has && used {
			s.wanting[name] = true
		}
		if has && z.limit != u.Limit {
			s.log.Debug(fmt.Sprintf("setting ct zone %d limit to %d", z.number, u.Limit))
			z.limit = u.Limit
			s.current[name] = z
			s.limits[z.number] = true
		}
	}
	for _, name := range sortedKeys(s.wanting) {
		for s.next <= uint32(s.hi) && len(s.byNumber[uint16(s.next)]) > 0 {
			s.next++
		}
		if s.next > uint32(s.hi) {
			s.log.Warn("exhausted all ct zones")
			return
		}
		delete(s.wanting, name)
		s.give(name, uint16(s.next), s.users[name].Limit)
	}
}

// giveRequested gives a user the number it must have. Whoever had the number
// without asking for it gets another.
func (s *State) giveRequested(name string, u User) {
	n := u.Requested.Value()
	if z, has := s.current[name]; has && z.number == n {
		return
	}
	for _, other := range slices.Sorted(slices.Values(s.byNumber[n])) {
		if o, used := s.users[other]; o.Requested != u.Requested {
			s.take(other)
			if used {
				s.wanting[other] = true
			}
		}
	}
	delete(s.wanting, name)
	if kept, restored := s.shared[name]; restored && kept == n {
		s.set(name, zone{n, u.Limit})
		return
	}
	s.give(name, n, u.Limit)
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
		s.limits[n] = true
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
	if tx == nil || br == nil || !s.restored {
		return
	}
	s.noteBridge(br)
	var put map[string]string
	var gone []string
	for name := range s.check {
		key := keyPrefix + name
		text, there := br.ExternalIDs.Lookup(key)
		z, has := s.current[name]
		n, leaves := s.leaving[name]
		if has {
			n = z.number
		}
		if (has || leaves) && s.flushing[n] > 0 {
			continue
		}
		delete(s.leaving, name)
		// What is written here is looked at again: the row will say so, or not.
		want := strconv.Itoa(int(n))
		switch {
		case has == there && (!has || text == want):
			delete(s.check, name)
		case has:
			if put == nil {
				put = map[string]string{}
			}
			put[key] = want
		default:
			gone = append(gone, key)
		}
	}
	if len(put) > 0 {
		vswitchdb.UpdateBridge(tx, br.UUID).MutateExternalIDsPut(ovsdb.MapFrom(put))
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		vswitchdb.UpdateBridge(tx, br.UUID).MutateExternalIDsDelete(gone...)
	}
	if dp != nil {
		s.writeLimits(dp, l, tx)
	}
}

// noteBridge has the names looked at whose zone is another on the bridge than when it
// was last seen, all of them when that may be anything. Other marks on it change all
// the time.
func (s *State) noteBridge(br *vswitchdb.Bridge) {
	if s.written == nil || s.written.UUID != br.UUID {
		s.all = true
	}
	switch {
	case s.all:
		for key := range br.ExternalIDs.All() {
			s.checkKey(key)
		}
		for name, z := range s.current {
			s.check[name], s.limits[z.number] = true, true
		}
		for name := range s.leaving {
			s.check[name] = true
		}
		for n := range s.limited {
			s.limits[n] = true
		}
	case s.written != br:
		for key := range s.written.ExternalIDs.Differing(br.ExternalIDs) {
			s.checkKey(key)
		}
	}
	s.written, s.all = br, false
}

func (s *State) checkKey(key string) {
	if name, ok := strings.CutPrefix(key, keyPrefix); ok {
		s.check[name] = true
	}
}

func (s *State) writeLimits(dp *vswitchdb.Datapath, l *vswitchdb.DB, tx *ovsdb.Txn) {
	var gone []int64
	for _, n := range slices.Sorted(maps.Keys(s.limits)) {
		limit, wanted := s.limitOf(n)
		id, there := dp.CTZones.Lookup(int64(n))
		if !wanted {
			if there && s.limited[n] {
				gone = append(gone, int64(n))
				continue
			}
			delete(s.limited, n)
			delete(s.limits, n)
			continue
		}
		s.limited[n] = true
		if row := l.CTZone.Get(id); there && row != nil {
			if v, set := row.Limit.Get(); !set || v != limit {
				vswitchdb.UpdateCTZone(tx, id).SetLimit(limit)
			} else {
				delete(s.limits, n)
			}
			continue
		}
		id = vswitchdb.InsertCTZone(tx).SetLimit(limit).UUID()
		vswitchdb.UpdateDatapath(tx, dp.UUID).MutateCTZonesPut(ovsdb.MapFrom(map[int64]ovsdb.UUID{int64(n): id}))
	}
	if len(gone) > 0 {
		vswitchdb.UpdateDatapath(tx, dp.UUID).MutateCTZonesDelete(gone...)
	}
}

// limitOf is the limit that the database is to have for a number now.
func (s *State) limitOf(n uint16) (limit int64, wanted bool) {
	if s.flushing[n] > 0 {
		return 0, false
	}
	for _, name := range slices.Sorted(slices.Values(s.byNumber[n])) {
		if limit := s.current[name].limit; limit >= 0 {
			return limit, true
		}
	}
	return 0, false
}

// Unwritten says that the last Write did not reach the database.
func (s *State) Unwritten() { s.all = true }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

package vlog

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

const limitKey = "ratelimit"

// Limit bounds what one call site logs: a token bucket.
type Limit struct {
	PerMinute int
	Burst     int
}

// RateLimit is the attribute that gives a call site its own limit.
func RateLimit(perMinute, burst int) slog.Attr {
	return slog.Any(limitKey, Limit{perMinute, burst})
}

// Unlimited is the attribute that exempts a call site of level WARN or ERR.
func Unlimited() slog.Attr { return slog.Bool(limitKey, false) }

// defaultLimit applies to call sites that say nothing. Warnings and errors are
// about rows and peers, of which there may be tens of thousands, so they are
// limited everywhere; the burst is wide enough to name each bad row of an
// ordinary mistake.
func defaultLimit(l Level) (Limit, bool) {
	return Limit{PerMinute: 30, Burst: 60}, l == Warn || l == Err
}

// limiter keeps one bucket per call site.
type limiter struct {
	mu    sync.Mutex // guards sites
	sites map[site]*bucket
}

// site is a line of source. Program counters will not do: a call that the compiler
// inlined in two places has two.
type site struct {
	file string
	line int
}

func siteOf(pc uintptr) site {
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return site{f.File, f.Line}
}

type bucket struct {
	tokens       float64
	last         time.Time
	dropped      int
	firstDropped time.Time
	lastDropped  time.Time
}

// allow takes a token of call site pc. When messages were dropped since the last
// one that passed, note is the line that says so.
func (l *limiter) allow(pc uintptr, lim Limit, now time.Time) (ok bool, note string) {
	if pc == 0 {
		return true, ""
	}
	at := siteOf(pc)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.sites[at]
	if b == nil {
		if l.sites == nil {
			l.sites = map[site]*bucket{}
		}
		b = &bucket{tokens: float64(lim.Burst), last: now}
		l.sites[at] = b
	}
	b.tokens = min(float64(lim.Burst), b.tokens+now.Sub(b.last).Minutes()*float64(lim.PerMinute))
	b.last = now
	if b.tokens < 1 {
		if b.dropped == 0 {
			b.firstDropped = now
		}
		b.lastDropped = now
		b.dropped++
		return false, ""
	}
	b.tokens--
	if b.dropped > 0 {
		note = fmt.Sprintf("Dropped %d log messages in last %d seconds (most recently, %d seconds ago) due to excessive rate",
			b.dropped, int(now.Sub(b.firstDropped).Seconds()), int(now.Sub(b.lastDropped).Seconds()))
		b.dropped = 0
	}
	return true, note
}

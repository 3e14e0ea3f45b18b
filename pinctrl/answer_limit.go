package pinctrl

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Bounds of errors, resets and aborts that are sent in answer to the packets of
// one ingress port (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 f). They are
// well above what a host needs to learn that it is not wanted, and below what
// makes this host a source of traffic.
const (
	answersPerSecond = 1000
	answersBurst     = 1000
	maxLimitedPorts  = 4096
)

// replies is what the handlers that answer keep from packet to packet.
type replies struct {
	limit     answerLimit
	dhcpLines *rate.Limiter // of the log
}

func newReplies() replies {
	return replies{newAnswerLimit(), rate.NewLimiter(rate.Limit(infoPerMinute)/60, infoBurst)}
}

// answerLimit has a token bucket for each ingress port that was answered lately.
//
// Invariant: it has at most maxLimitedPorts buckets; ports beyond share one.
type answerLimit struct {
	ports map[PortKey]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time
}

func newAnswerLimit() answerLimit {
	return answerLimit{ports: map[PortKey]*rate.Limiter{}, rest: rate.NewLimiter(answersPerSecond, answersBurst)}
}

func (a *answerLimit) allow(k PortKey, now time.Time) bool {
	b := a.ports[k]
	if b == nil {
		if len(a.ports) >= maxLimitedPorts && now.Sub(a.swept) >= time.Second {
			// A full bucket is as good as none.
			a.swept = now
			for k, b := range a.ports {
				if b.TokensAt(now) >= answersBurst {
					delete(a.ports, k)
				}
			}
		}
		if len(a.ports) >= maxLimitedPorts {
			return a.rest.AllowN(now, 1)
		}
		b = rate.NewLimiter(answersPerSecond, answersBurst)
		a.ports[k] = b
	}
	return b.AllowN(now, 1)
}

// mayAnswer takes a token of the port that in came in at.
func (l *Loop) mayAnswer(in *openflow.PacketIn) bool {
	k := PortKey{
		uint32(register(in.Metadata, pipeline.RegDatapath).Lo),
		uint32(register(in.Metadata, pipeline.RegInport).Lo),
	}
	if l.replies.limit.allow(k, l.cfg.Now()) {
		return true
	}
	l.stats.replies.limited.Add(1)
	l.stats.drop(opcode(in), dropLimited)
	return false
}

// Limits of what packets can make the log say: lines a minute, and at once.
const (
	infoPerMinute = 20
	infoBurst     = 40
)

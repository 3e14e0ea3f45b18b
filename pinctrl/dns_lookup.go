package pinctrl

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// DNSRecord is what a name has on a logical datapath.
type DNSRecord struct {
	// Data is addresses between spaces, or the name that a PTR record gives.
	Data string
	// Owned names are the logical network's alone: no other server has to be asked
	// for addresses of a kind that Data lacks.
	Owned bool
}

// Names looks up DNS records by the tunnel key of a logical datapath and a name
// in lower case, without the dot at its end. It is called from the Loop's
// goroutine.
type Names interface {
	DNS(datapath uint64, name string) (DNSRecord, bool)
}

// DNS header and question, RFC 1035 section 4.1.
const (
	dnsHeader   = 12
	dnsFlags    = 2 // offsets
	dnsQDCount  = 4
	dnsANCount  = 6
	dnsARCount  = 10
	dnsTypeLen  = 4 // type and class
	dnsResponse = 0x80
	dnsRefused  = 5
	dnsMaxLabel = 63
	dnsMaxName  = 255

	dnsA    = 1
	dnsPTR  = 12
	dnsAAAA = 28
	dnsANY  = 255

	dnsClassIN = 1
	dnsTTL     = 3600 // seconds
)

// handleDNSLookup is R = dns_lookup(): a question that the southbound database
// has an answer to becomes that answer.
func (l *Loop) handleDNSLookup(in *openflow.PacketIn, args []byte) error {
	l.count("dns_query_total")
	datapath := register(in.Metadata, pipeline.RegDatapath).Lo
	return l.replace(in, args, pipeline.FlagFromCtrl, func(h *headers, _ []byte) ([]byte, error) {
		b, err := l.dnsAnswer(h, datapath)
		if err == nil {
			l.count("dns_response_sent")
		}
		return b, err
	})
}

func (l *Loop) count(event string) {
	if l.cfg.Count != nil {
		l.cfg.Count(event)
	}
}

// dnsQuestion is the first question of a packet.
type dnsQuestion struct {
	name string // lower case, without the dot at its end
	wire []byte // of the name
	typ  uint16
	size int // bytes of header and question
}

func (l *Loop) dnsAnswer(h *headers, datapath uint64) ([]byte, error) {
	q, err := l.parseDNS(h)
	if err != nil {
		return nil, err
	}
	switch q.typ {
	case dnsA:
		l.count("dns_query_type_a")
	case dnsAAAA:
		l.count("dns_query_type_aaaa")
	case dnsPTR:
		l.count("dns_query_type_ptr")
	case dnsANY:
		l.count("dns_query_type_any")
	default:
		l.count("dns_query_type_other")
		return nil, errNotForUs
	}
	var r DNSRecord
	known := false
	if l.cfg.Names != nil {
		r, known = l.cfg.Names.DNS(datapath, q.name)
	}
	if !known {
		l.count("dns_cache_miss")
		return nil, errNotForUs
	}
	l.count("dns_cache_hit")
	room := maxAnswer - h.l4Ofs - udpLen - q.size
	answers, n := q.answers(r.Data, room)
	refuse := n == 0 && r.Owned && hasAddresses(r.Data) && (q.typ == dnsA || q.typ == dnsAAAA)
	if refuse {
		l.count("dns_unsupported_ovn_owned")
	}
	if n == 0 && !refuse {
		return nil, errNotForUs
	}
	b := h.withL4(udpLen + q.size + len(answers))
	b = append(b, h.l4[:udpLen+q.size]...)
	b = append(b, answers...)
	d := b[h.l4Ofs+udpLen:]
	d[dnsFlags] |= dnsResponse
	if refuse {
		d[dnsFlags+1] |= dnsRefused
	}
	// One question is answered, and what else was asked left out.
	binary.BigEndian.PutUint16(d[dnsQDCount:], 1)
	binary.BigEndian.PutUint16(d[dnsANCount:], uint16(n))
	binary.BigEndian.PutUint16(d[dnsARCount:], 0)
	h.finishUDP(b)
	return b, nil
}

func (l *Loop) parseDNS(h *headers) (q dnsQuestion, err error) {
	p := h.udpPayload()
	if len(p) < dnsHeader {
		l.count("dns_error_truncated")
		return q, errors.New("the DNS message is cut short")
	}
	if n := int(binary.BigEndian.Uint16(h.l4[4:])) - udpLen; n >= dnsHeader && n < len(p) {
		p = p[:n]
	}
	if p[dnsFlags]&dnsResponse != 0 {
		l.count("dns_skipped_not_request")
		return q, errNotForUs
	}
	if binary.BigEndian.Uint16(p[dnsQDCount:]) == 0 {
		l.count("dns_error_no_query")
		return q, errNotForUs
	}
	var name []byte
	at := dnsHeader
	for at < len(p) && p[at] != 0 {
		n := int(p[at])
		if n > dnsMaxLabel || at+1+n > len(p) || at-dnsHeader+1+n > dnsMaxName {
			l.count("dns_error_parse_failure")
			return q, errors.New("a name in the DNS message is malformed")
		}
		if len(name) > 0 {
			name = append(name, '.')
		}
		for _, c := range p[at+1 : at+1+n] {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			name = append(name, c)
		}
		at += 1 + n
	}
	at++
	if at+dnsTypeLen > len(p) {
		return q, errors.New("the question in the DNS message is cut short")
	}
	q.name, q.wire, q.size = string(name), p[dnsHeader:at], at+dnsTypeLen
	q.typ = binary.BigEndian.Uint16(p[at:])
	return q, nil
}

// answers are the records of a name, addresses in random order so that load is
// spread; no more bytes than there is room for. n is how many there are.
func (q *dnsQuestion) answers(data string, room int) (b []byte, n int) {
	put := func(typ uint16, rdata []byte) {
		if len(b)+len(q.wire)+10+len(rdata) > room {
			return
		}
		b = append(b, q.wire...)
		b = binary.BigEndian.AppendUint16(b, typ)
		b = binary.BigEndian.AppendUint16(b, dnsClassIN)
		b = binary.BigEndian.AppendUint32(b, dnsTTL)
		b = binary.BigEndian.AppendUint16(b, uint16(len(rdata)))
		b = append(b, rdata...)
		n++
	}
	if q.typ == dnsPTR {
		put(dnsPTR, appendName(nil, data))
		return b, n
	}
	var v4, v6 [][]byte
	for a := range addresses(data) {
		if a.Is4() {
			v4 = append(v4, a.AsSlice())
		} else {
			v6 = append(v6, a.AsSlice())
		}
	}
	for _, s := range [...][][]byte{v4, v6} {
		rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	}
	if q.typ == dnsA || q.typ == dnsANY {
		for _, a := range v4 {
			put(dnsA, a)
		}
	}
	if q.typ == dnsAAAA || q.typ == dnsANY {
		for _, a := range v6 {
			put(dnsAAAA, a)
		}
	}
	return b, n
}

// appendName writes the labels of a name with their lengths, and the root.
func appendName(b []byte, name string) []byte {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label != "" && len(label) <= dnsMaxLabel {
			b = append(append(b, byte(len(label))), label...)
		}
	}
	return append(b, 0)
}

// addresses goes through the addresses at the start of data; a prefix length
// behind one is ignored. What is not an address ends them.
func addresses(data string) func(yield func(netip.Addr) bool) {
	return func(yield func(netip.Addr) bool) {
		for s := range strings.FieldsSeq(data) {
			s, _, _ = strings.Cut(s, "/")
			a, err := netip.ParseAddr(s)
			if err != nil || a.Zone() != "" || !yield(a) {
				return
			}
		}
	}
}

func hasAddresses(data string) bool {
	for range addresses(data) {
		return true
	}
	return false
}

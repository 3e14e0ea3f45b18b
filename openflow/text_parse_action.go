package openflow

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ParseActions reads actions as Actions.String writes them.
func ParseActions(s string) (Actions, error) {
	p := actionParser{}
	if err := p.list(s); err != nil {
		return "", fmt.Errorf("openflow: actions %q: %w", s, err)
	}
	return p.b.Actions(), nil
}

type actionParser struct {
	b     ActionBuilder
	depth int
}

func (p *actionParser) list(s string) error {
	if p.depth > maxActionDepth {
		return errors.New("nested too deep")
	}
	for _, part := range splitTop(s) {
		if err := p.one(part); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

func parseUint(s string, bits int, err *error) uint64 {
	v, e := strconv.ParseUint(s, 0, bits)
	if e != nil && *err == nil {
		*err = e
	}
	return v
}

func parseSub(s string, err *error) Subfield {
	v, e := ParseSubfield(s)
	if e != nil && *err == nil {
		*err = e
	}
	return v
}

// inParens is what stands between the parentheses that s ends in.
func inParens(s string) (name, inner string, ok bool) {
	i := strings.IndexByte(s, '(')
	if i < 0 || !strings.HasSuffix(s, ")") {
		return s, "", false
	}
	return s[:i], s[i+1 : len(s)-1], true
}

func (p *actionParser) one(s string) (err error) {
	b := &p.b
	switch s {
	case "drop":
		return nil
	case "dec_ttl":
		b.DecTTL()
		return nil
	case "dec_ttl()":
		b.DecTTLSilent()
		return nil
	case "pop_vlan", "strip_vlan":
		b.PopVLAN()
		return nil
	case "pop_queue":
		b.PopQueue()
		return nil
	case "exit":
		b.Exit()
		return nil
	case "ct_clear":
		b.CtClear()
		return nil
	case "nat":
		b.NAT(&NATSpec{})
		return nil
	case "ct":
		b.Ct(CtSpec{})
		return nil
	}
	if port, ok := portNumbers[s]; ok {
		b.Output(uint32(port))
		return nil
	}
	if name, arg, ok := strings.Cut(s, ":"); ok && !strings.Contains(name, "(") {
		return p.colon(name, arg)
	}
	if max, ok := strings.CutPrefix(s, "check_pkt_larger("); ok {
		max, dst, _ := strings.Cut(max, ")->")
		d := parseSub(dst, &err)
		n := uint16(parseUint(max, 16, &err))
		if err == nil {
			b.CheckPktLarger(n, d)
		}
		return err
	}
	name, arg, ok := inParens(s)
	if !ok {
		return errors.New("unknown action")
	}
	return p.parens(name, arg)
}

func (p *actionParser) colon(name, arg string) (err error) {
	b := &p.b
	switch name {
	case "output":
		if strings.Contains(arg, "[") {
			if s := parseSub(arg, &err); err == nil {
				b.OutputReg(s)
			}
			return err
		}
		port, err := parsePort(arg)
		b.Output(uint32(port))
		return err
	case "CONTROLLER":
		b.Controller(ControllerSpec{Reason: ReasonAction, MaxLen: uint16(parseUint(arg, 16, &err))})
	case "group":
		b.Group(uint32(parseUint(arg, 32, &err)))
	case "meter":
		b.Meter(uint32(parseUint(arg, 32, &err)))
	case "set_queue":
		b.SetQueue(uint32(parseUint(arg, 32, &err)))
	case "push_vlan":
		b.PushVLAN(uint16(parseUint(arg, 16, &err)))
	case "resubmit":
		port, err := parsePort(arg)
		b.ResubmitPort(uint32(port), NoTable)
		return err
	case "push":
		if s := parseSub(arg, &err); err == nil {
			b.Push(s)
		}
	case "pop":
		if s := parseSub(arg, &err); err == nil {
			b.Pop(s)
		}
	case "move":
		from, to, _ := strings.Cut(arg, "->")
		src, dst := parseSub(from, &err), parseSub(to, &err)
		if err == nil && src.Bits != dst.Bits {
			err = errors.New("different widths")
		}
		if err == nil {
			b.Move(src, dst)
		}
	case "load":
		value, to, _ := strings.Cut(arg, "->")
		dst := parseSub(to, &err)
		v, e := parseNumber(value)
		if err = errors.Join(err, e); err == nil {
			b.LoadSub128(dst, v)
		}
	case "set_field":
		value, to, _ := strings.Cut(arg, "->")
		f, ok := FieldByName(to)
		if !ok {
			return errors.New("unknown field")
		}
		v, m, err := parseFieldValue(f, value)
		if !strings.ContainsAny(value, "/+-") {
			m = MaskN(8 * f.Bytes())
		}
		if err == nil {
			b.SetFieldMasked(f, v, m)
		}
		return err
	case "delete_field":
		f, ok := FieldByName(arg)
		if !ok {
			return errors.New("unknown field")
		}
		b.DeleteField(f)
	case "note":
		data, err := hex.DecodeString(strings.ReplaceAll(arg, ".", ""))
		b.Note(data)
		return err
	default:
		return errors.New("unknown action")
	}
	return err
}

func (p *actionParser) parens(name, arg string) (err error) {
	b := &p.b
	nested := func(s string) func(*ActionBuilder) {
		return func(*ActionBuilder) {
			p.depth++
			err = errors.Join(err, p.list(s))
			p.depth--
		}
	}
	switch name {
	case "clone":
		if arg == "drop" {
			arg = ""
		}
		b.Clone(nested(arg))
	case "resubmit":
		parts := strings.Split(arg, ",")
		port, table := uint64(PortInPort), uint64(NoTable)
		if parts[0] != "" {
			port, err = parsePort(parts[0])
		}
		if len(parts) > 1 && parts[1] != "" {
			table = parseUint(parts[1], 8, &err)
		}
		if len(parts) > 2 && parts[2] == "ct" {
			b.ResubmitPortCT(uint32(port), uint8(table))
		} else {
			b.ResubmitPort(uint32(port), uint8(table))
		}
	case "conjunction":
		id, rest, _ := strings.Cut(arg, ",")
		k, n, _ := strings.Cut(rest, "/")
		b.Conjunction(uint32(parseUint(id, 32, &err)), uint8(parseUint(strings.TrimSpace(k), 8, &err)-1), uint8(parseUint(n, 8, &err)))
	case "output":
		port, maxLen := uint64(0), uint64(0)
		for _, a := range splitTop(arg) {
			key, value, _ := strings.Cut(a, "=")
			if key == "port" {
				port, err = parsePort(value)
			} else {
				maxLen = parseUint(value, 32, &err)
			}
		}
		b.OutputTrunc(uint32(port), uint32(maxLen))
	case "dec_ttl":
		ids := splitTop(arg)
		at := b.nx(nxDecTTLCntIDs, 0)
		b.u16(uint16(len(ids)))
		b.zeros(4)
		for _, id := range ids {
			b.u16(uint16(parseUint(id, 16, &err)))
		}
		b.end(at)
	case "fin_timeout":
		var timeout [2]uint16
		for _, a := range splitTop(arg) {
			key, value, _ := strings.Cut(a, "=")
			if i := slices.Index([]string{"idle_timeout", "hard_timeout"}, key); i >= 0 {
				timeout[i] = uint16(parseUint(value, 16, &err))
			}
		}
		b.finTimeout(timeout[0], timeout[1])
	case "controller":
		return p.controller(arg)
	case "ct":
		return p.ct(arg, nested)
	case "nat":
		n, err := parseNAT(arg)
		b.NAT(&n)
		return err
	case "learn":
		return p.learn(arg)
	case "bundle", "bundle_load":
		return p.bundle(arg, name == "bundle_load")
	case "sample":
		return p.sample(arg)
	default:
		return errors.New("unknown action")
	}
	return err
}

func (p *actionParser) controller(arg string) (err error) {
	c := ControllerSpec{Reason: ReasonAction}
	for _, a := range splitTop(arg) {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "reason":
			found := false
			for i, name := range reasonNames {
				if name == value {
					c.Reason, found = uint8(i), true
				}
			}
			if !found {
				c.Reason = uint8(parseUint(value, 8, &err))
			}
		case "max_len":
			c.MaxLen = uint16(parseUint(value, 16, &err))
		case "id":
			c.ControllerID = uint16(parseUint(value, 16, &err))
		case "userdata":
			var e error
			c.UserData, e = hex.DecodeString(strings.ReplaceAll(value, ".", ""))
			err = errors.Join(err, e)
		case "pause":
			c.Pause = true
		case "meter_id":
			c.Meter = uint32(parseUint(value, 32, &err))
		default:
			return fmt.Errorf("unknown %s", key)
		}
	}
	p.b.Controller(c)
	return err
}

func (p *actionParser) ct(arg string, nested func(string) func(*ActionBuilder)) (err error) {
	var c CtSpec
	var inner []string
	for _, a := range splitTop(arg) {
		key, value, _ := strings.Cut(a, "=")
		switch {
		case a == "commit":
			c.Commit = true
		case a == "force":
			c.Force = true
		case key == "table":
			c.Table, c.HasTable = uint8(parseUint(value, 8, &err)), true
		case key == "zone" && strings.Contains(value, "["):
			c.ZoneSrc = parseSub(value, &err)
		case key == "zone":
			c.Zone = uint16(parseUint(value, 16, &err))
		case a == "alg=ftp":
			c.ALG = 21
		case a == "alg=tftp":
			c.ALG = 69
		case key == "alg":
			c.ALG = uint16(parseUint(value, 16, &err))
		case a == "nat", strings.HasPrefix(a, "nat("):
			inner = append(inner, a)
		case strings.HasPrefix(a, "exec("):
			_, in, _ := inParens(a)
			inner = append(inner, in)
		default:
			return fmt.Errorf("unknown %s", a)
		}
	}
	if err != nil {
		return err
	}
	var innerErr error
	c.Exec = func(b *ActionBuilder) {
		p.depth++
		innerErr = p.list(strings.Join(inner, ","))
		p.depth--
	}
	p.b.Ct(c)
	return innerErr
}

// parseNAT reads "src=1.2.3.4-1.2.3.9:80-90,random" and the like.
func parseNAT(arg string) (n NATSpec, err error) {
	for _, a := range splitTop(arg) {
		key, value, _ := strings.Cut(a, "=")
		switch key {
		case "src":
			n.Src = true
		case "dst":
			n.Dst = true
		case "persistent":
			n.Persistent = true
		case "hash":
			n.Hash = true
		case "random":
			n.Random = true
		default:
			return n, fmt.Errorf("unknown %s", a)
		}
		if value == "" {
			continue
		}
		addrs, ports := value, ""
		switch {
		case strings.HasPrefix(value, "["): // [v6]-[v6]:ports
			if i := strings.LastIndex(value, "]"); i >= 0 {
				addrs, ports = value[:i+1], strings.TrimPrefix(value[i+1:], ":")
			}
		case strings.Contains(value, "."):
			addrs, ports, _ = strings.Cut(value, ":")
		}
		from, to, two := strings.Cut(addrs, "-")
		if n.AddrMin, err = netip.ParseAddr(strings.Trim(from, "[]")); err != nil {
			return n, err
		}
		if two {
			if n.AddrMax, err = netip.ParseAddr(strings.Trim(to, "[]")); err != nil {
				return n, err
			}
		}
		if ports != "" {
			from, to, two := strings.Cut(ports, "-")
			n.PortMin = uint16(parseUint(from, 16, &err))
			if two {
				n.PortMax = uint16(parseUint(to, 16, &err))
			}
		}
	}
	return n, err
}

func (p *actionParser) learn(arg string) (err error) {
	l := LearnSpec{Priority: defaultPriority, Table: 1}
	for _, a := range splitTop(arg) {
		key, value, _ := strings.Cut(a, "=")
		num := func(bits int) uint64 { return parseUint(value, bits, &err) }
		switch key {
		case "table":
			l.Table = uint8(num(8))
		case "idle_timeout":
			l.IdleTimeout = uint16(num(16))
		case "hard_timeout":
			l.HardTimeout = uint16(num(16))
		case "fin_idle_timeout":
			l.FinIdleTimeout = uint16(num(16))
		case "fin_hard_timeout":
			l.FinHardTimeout = uint16(num(16))
		case "priority":
			l.Priority = uint16(num(16))
		case "cookie":
			l.Cookie = num(64)
		case "limit":
			l.Limit = uint32(num(32))
		case "send_flow_rem":
			l.Flags |= LearnSendFlowRem
		case "delete_learned":
			l.Flags |= LearnDeleteLearned
		case "result_dst":
			l.Result = parseSub(value, &err)
		default:
			f, e := parseLearnField(a)
			err = errors.Join(err, e)
			l.Fields = append(l.Fields, f)
		}
	}
	if err == nil {
		p.b.Learn(l)
	}
	return err
}

func parseLearnField(a string) (f LearnField, err error) {
	if src, ok := strings.CutPrefix(a, "output:"); ok {
		return LearnField{To: LearnOutput, Src: parseSub(src, &err)}, err
	}
	if s, ok := strings.CutPrefix(a, "load:"); ok {
		from, to, _ := strings.Cut(s, "->")
		f.To = LearnLoad
		f.Dst = parseSub(to, &err)
		if strings.Contains(from, "[") {
			f.Src = parseSub(from, &err)
			return f, err
		}
		var e error
		f.Value, e = parseNumber(from)
		return f, errors.Join(err, e)
	}
	to, from, hasFrom := strings.Cut(a, "=")
	if !strings.Contains(to, "[") { // a whole field and a value in its own form
		field, ok := FieldByName(to)
		if !ok || !hasFrom {
			return f, fmt.Errorf("unknown %s", a)
		}
		f.Dst = Whole(field)
		f.Value, _, err = parseFieldValue(field, from)
		return f, err
	}
	f.Dst = parseSub(to, &err)
	switch {
	case !hasFrom:
		f.Src = f.Dst
	case strings.Contains(from, "["):
		f.Src = parseSub(from, &err)
	default:
		var e error
		f.Value, e = parseNumber(from)
		err = errors.Join(err, e)
	}
	return f, err
}

func (p *actionParser) bundle(arg string, load bool) (err error) {
	head, members, ok := strings.Cut(arg, "members:")
	parts := splitTop(head)
	if !ok || len(parts) < 4 || load && len(parts) < 5 {
		return errors.New("ill-formed bundle")
	}
	var s BundleSpec
	found := false
	for i, name := range bundleFieldNames {
		if name == parts[0] {
			s.Fields, found = uint16(i), true
		}
	}
	if !found {
		return fmt.Errorf("unknown %s", parts[0])
	}
	s.Basis = uint16(parseUint(parts[1], 16, &err))
	switch parts[2] {
	case "active_backup":
		s.Algorithm = BundleActiveBackup
	case "hrw":
		s.Algorithm = BundleHRW
	default:
		return fmt.Errorf("unknown %s", parts[2])
	}
	if load {
		s.Dst = parseSub(parts[4], &err)
	}
	for _, m := range splitTop(members) {
		port, e := parsePort(m)
		err = errors.Join(err, e)
		s.Members = append(s.Members, uint16(port))
	}
	if err == nil {
		p.b.Bundle(s)
	}
	return err
}

func (p *actionParser) sample(arg string) (err error) {
	var s SampleSpec
	for _, a := range splitTop(arg) {
		key, value, _ := strings.Cut(a, "=")
		source := func(imm *uint32, src *Subfield) {
			if strings.Contains(value, "[") {
				*src = parseSub(value, &err)
			} else {
				*imm = uint32(parseUint(value, 32, &err))
			}
		}
		switch key {
		case "probability":
			s.Probability = uint16(parseUint(value, 16, &err))
		case "collector_set_id":
			s.CollectorSet = uint32(parseUint(value, 32, &err))
		case "obs_domain_id":
			source(&s.ObsDomain, &s.ObsDomainSrc)
		case "obs_point_id":
			source(&s.ObsPoint, &s.ObsPointSrc)
		case "sampling_port":
			port, e := parsePort(value)
			err = errors.Join(err, e)
			s.Port = uint16(port)
		case "ingress":
			s.Direction = 1
		case "egress":
			s.Direction = 2
		default:
			return fmt.Errorf("unknown %s", key)
		}
	}
	if err == nil {
		p.b.Sample(s)
	}
	return err
}

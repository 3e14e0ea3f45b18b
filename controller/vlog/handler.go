package vlog

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// Handler is the slog handler of a hub. Three attributes mean something to it:
// "module" (which Module's levels apply), "thread" (written in parentheses after
// the module, as OVN names the packet-in loop) and "ratelimit" (a Limit for this
// call site). All others follow the text as " (key=value, key=value)".
type Handler struct {
	hub    *Hub
	module *Module
	thread string
	attrs  string // preformatted "key=value, …"
	group  string // "a.b." prefix of later keys
}

// Handler returns the root handler, of module "main".
func (h *Hub) Handler() *Handler {
	return &Handler{hub: h, module: h.Module("main")}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool {
	return h.module.wants(levelOf(l))
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	var b strings.Builder
	b.WriteString(n.attrs)
	for _, a := range attrs {
		n.absorb(&b, a)
	}
	n.attrs = b.String()
	return &n
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	n := *h
	n.group += name + "."
	return &n
}

// absorb takes a meaningful attribute into the handler and appends any other to b.
func (h *Handler) absorb(b *strings.Builder, a slog.Attr) {
	switch a.Key {
	case "module":
		h.module = h.hub.Module(a.Value.String())
		return
	case "thread":
		h.thread = a.Value.String()
		return
	}
	appendAttr(b, h.group, a)
}

func appendAttr(b *strings.Builder, group string, a slog.Attr) {
	a.Value = a.Value.Resolve()
	if a.Equal(slog.Attr{}) {
		return
	}
	if a.Value.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, m := range a.Value.Group() {
			appendAttr(b, group, m)
		}
		return
	}
	if b.Len() > 0 {
		b.WriteString(", ")
	}
	b.WriteString(group)
	b.WriteString(a.Key)
	b.WriteByte('=')
	if a.Value.Kind() == slog.KindTime {
		b.WriteString(a.Value.Time().Format(time.RFC3339Nano))
	} else {
		b.WriteString(a.Value.String())
	}
}

// Handle implements slog.Handler.
func (h *Handler) Handle(_ context.Context, r slog.Record) error {
	level := levelOf(r.Level)
	limit, limited := defaultLimit(level)
	t := *h
	var b strings.Builder
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == limitKey {
			limit, limited = a.Value.Any().(Limit)
			return true
		}
		t.absorb(&b, a)
		return true
	})
	if !t.module.wants(level) {
		return nil
	}
	if limited && t.module.rateLimits.Load() {
		ok, note := h.hub.limits.allow(r.PC, limit, h.hub.now())
		if !ok {
			return nil
		}
		if note != "" {
			h.hub.emit(t.module, t.thread, level, note)
		}
	}
	msg := strings.TrimRight(r.Message, "\n")
	if b.Len() > 0 {
		msg += " (" + b.String() + ")"
	}
	h.hub.emit(t.module, t.thread, level, msg)
	return nil
}

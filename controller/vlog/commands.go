package vlog

import "github.com/ovn-chassis/ovn-chassis/controller/unixctl"

// RegisterCommands offers the vlog/* commands on a control socket.
func (h *Hub) RegisterCommands(s *unixctl.Server) {
	s.Register("vlog/set", "{spec | PATTERN:destination:pattern}", 0, unixctl.Unlimited,
		func(req *unixctl.Request) (string, error) {
			if len(req.Args) == 0 {
				h.setLevel(nil, AnyDestination, Dbg)
			}
			for _, spec := range req.Args {
				if err := h.SetLevels(spec); err != nil {
					return "", err
				}
			}
			return "", nil
		})
	s.Register("vlog/list", "", 0, 0, func(*unixctl.Request) (string, error) { return h.Levels(), nil })
	s.Register("vlog/list-pattern", "", 0, 0, func(*unixctl.Request) (string, error) { return h.Patterns(), nil })
	s.Register("vlog/enable-rate-limit", "[module]...", 0, unixctl.Unlimited,
		func(req *unixctl.Request) (string, error) { return "", h.setRateLimits(req.Args, true) })
	s.Register("vlog/disable-rate-limit", "[module]...", 0, unixctl.Unlimited,
		func(req *unixctl.Request) (string, error) { return "", h.setRateLimits(req.Args, false) })
	s.Register("vlog/reopen", "", 0, 0, func(*unixctl.Request) (string, error) { return "", h.Reopen() })
	s.Register("vlog/close", "", 0, 0, func(*unixctl.Request) (string, error) {
		h.CloseLogFile()
		return "", nil
	})
	s.RegisterHidden("vlog/message", 1, 1, func(req *unixctl.Request) (string, error) {
		h.Logger("vlog").Info(req.Args[0])
		return "", nil
	})
}

package daemon

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// keptCaps survive --user: the agent changes kernel routes, neighbours and
// conntrack, and may bind low ports, as any other user.
var keptCaps = []uint{
	unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_BROADCAST, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_IPC_LOCK,
}

// lookupUser resolves USER[:GROUP]. The group must be the user's own or list it.
func lookupUser(spec string) (uid, gid int, err error) {
	name, group, hasGroup := strings.Cut(strings.TrimSpace(spec), ":")
	var u *user.User
	if name == "" {
		u, err = user.Current()
	} else {
		u, err = user.Lookup(name)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("user %s not found: %w", name, err)
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, fmt.Errorf("user %s: uid %q: %w", name, u.Uid, err)
	}
	gidText := u.Gid
	if group = strings.TrimSpace(group); hasGroup && group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return 0, 0, fmt.Errorf("group %s not found: %w", group, err)
		}
		if g.Gid != u.Gid {
			of, err := u.GroupIds()
			if err != nil {
				return 0, 0, fmt.Errorf("groups of user %s: %w", name, err)
			}
			if !slices.Contains(of, g.Gid) {
				return 0, 0, fmt.Errorf("invalid --user option %s (user %s is not in group %s)", spec, u.Username, group)
			}
		}
		gidText = g.Gid
	}
	if gid, err = strconv.Atoi(gidText); err != nil {
		return 0, 0, fmt.Errorf("user %s: gid %q: %w", name, gidText, err)
	}
	return uid, gid, nil
}

// becomeUser changes user and group of all threads for good, keeping keptCaps.
func becomeUser(spec string, chownLog func(uid, gid int) error) error {
	if os.Geteuid() != 0 || os.Getuid() != 0 {
		return fmt.Errorf("only root can use --user option")
	}
	uid, gid, err := lookupUser(spec)
	if err != nil {
		return err
	}
	if chownLog != nil {
		if err := chownLog(uid, gid); err != nil {
			return err
		}
	}
	// The whole thread group has to keep its capabilities, and AllThreadsSyscall
	// is how Go reaches every thread.
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); errno != 0 {
		return fmt.Errorf("--user %s: keeping capabilities: %w", spec, errno)
	}
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("--user %s: setgroups: %w", spec, err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return fmt.Errorf("--user %s: setresgid %d: %w", spec, gid, err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return fmt.Errorf("--user %s: setresuid %d: %w", spec, uid, err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range keptCaps {
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
		data[c/32].Inheritable |= 1 << (c % 32)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0); errno != 0 {
		return fmt.Errorf("--user %s: capset: %w", spec, errno)
	}
	// Ambient capabilities carry over to the worker that a monitor executes.
	for _, c := range keptCaps {
		if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT,
			unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0, 0); errno != 0 {
			return fmt.Errorf("--user %s: ambient capability %d: %w", spec, c, errno)
		}
	}
	return nil
}

package integration

import (
	"fmt"
	"net"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// connect makes a veth pair with one end in each namespace, both up, with
// offloads off and the given MTU. mac is the address of b's end, nil for any.
func connect(a *Namespace, aName string, b *Namespace, bName string, mac net.HardwareAddr, mtu int) error {
	err := a.Do(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.MTU = aName, mtu
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:        attrs,
			PeerName:         bName,
			PeerMTU:          uint32(mtu),
			PeerHardwareAddr: mac,
			PeerNamespace:    netlink.NsFd(b.fd),
		})
		if err != nil {
			return fmt.Errorf("veth %s to %s: %w", aName, bName, err)
		}
		return plainUp(aName)
	})
	if err != nil {
		return err
	}
	return b.Do(func() error { return plainUp(bName) })
}

// plainUp turns off whatever makes a veth pass packets that would not exist on a
// wire and sets it up. The userspace datapath drops packets longer than the MTU,
// which segmentation offload yields, and forwards those without a checksum, which
// checksum offload yields.
func plainUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, cmd := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_SSG, unix.ETHTOOL_STSO,
		unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
		if err := ethtoolOff(fd, name, cmd); err != nil {
			return fmt.Errorf("offload %#x of %s: %w", cmd, name, err)
		}
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func ethtoolOff(fd int, name string, cmd uint32) error {
	// struct ethtool_value: the command, then the new value.
	value := struct{ cmd, data uint32 }{cmd, 0}
	// struct ifreq: 16 bytes of name, then a union that holds the pointer.
	var req struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(req.name[:unix.IFNAMSIZ-1], name)
	req.data = unsafe.Pointer(&value)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno == unix.EOPNOTSUPP {
		return nil
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// addBridge makes a Linux bridge that is up. To be called on the namespace's
// thread.
func addBridge(name string, mtu int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	// Snooping would need a querier for multicast to pass.
	off := false
	br := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &off}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("bridge %s: %w", name, err)
	}
	if err := sysctl("ipv6/conf/"+name+"/accept_dad", "0"); err != nil {
		return err
	}
	return plainUp(name)
}

func enslave(name, bridge string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	br, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	return netlink.LinkSetMaster(link, br)
}

// addAddresses gives an interface its addresses ("10.0.0.2/24", "fd00::2/64").
// They are usable at once: duplicate address detection would cost a second.
func addAddresses(name string, addrs ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, s := range addrs {
		addr, err := netlink.ParseAddr(s)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags |= unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s on %s: %w", s, name, err)
		}
	}
	return nil
}

// addGateways adds a default route by each address.
func addGateways(name string, gateways ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, s := range gateways {
		gw := net.ParseIP(s)
		dst := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
		if gw.To4() == nil {
			dst = &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: gw}); err != nil {
			return fmt.Errorf("default route by %s: %w", s, err)
		}
	}
	return nil
}

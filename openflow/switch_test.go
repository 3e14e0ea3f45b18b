package openflow

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// realSwitch is an ovs-vswitchd of its own, with a bridge br0 on the dummy
// datapath. It is spoken to by a codec as small as can be, so that what is
// compared owes nothing to the package under test.
type realSwitch struct {
	t    *testing.T
	root string // "" or the root directory its programs live in
	dir  string // as seen inside root
	conn net.Conn
	xid  uint32
}

// ovsRoot names a directory to use as root for Open vSwitch's programs: that
// tries another version than the host's.
const ovsRoot = "OVS_ROOT"

func startSwitch(t *testing.T) *realSwitch {
	t.Helper()
	s := &realSwitch{t: t, root: os.Getenv(ovsRoot)}
	// Unix sockets have 108 bytes for their name: no t.TempDir.
	base := filepath.Join(s.root, "/tmp")
	dir, err := os.MkdirTemp(base, "of-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = strings.TrimPrefix(dir, strings.TrimSuffix(s.root, "/"))

	db := s.dir + "/conf.db"
	s.run("ovsdb-tool", "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
	s.start("ovsdb-server", db, "--remote=punix:"+s.dir+"/db.sock", "--unixctl="+s.dir+"/ovsdb.ctl", "-vconsole:off")
	s.waitFor("db.sock", func() error {
		c, err := net.Dial("unix", filepath.Join(s.root, s.dir, "db.sock"))
		if err == nil {
			c.Close()
		}
		return err
	})
	s.run("ovs-vsctl", "--no-wait", "--db=unix:"+s.dir+"/db.sock", "--", "init",
		"--", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure",
		"protocols=OpenFlow14,OpenFlow15")
	s.start("ovs-vswitchd", "unix:"+s.dir+"/db.sock", "--enable-dummy", "--disable-system",
		"--unixctl="+s.dir+"/vswitchd.ctl", "-vconsole:off")
	s.waitFor("br0.mgmt", func() (err error) {
		s.conn, err = net.Dial("unix", filepath.Join(s.root, s.dir, "br0.mgmt"))
		return err
	})
	t.Cleanup(func() { s.conn.Close() })
	s.send(0, nil) // hello
	if typ, _, _ := s.recv(); typ != 0 {
		t.Fatalf("message of type %d, not hello", typ)
	}
	return s
}

func (s *realSwitch) command(name string, args ...string) *exec.Cmd {
	var path string
	for _, dir := range [...]string{"/usr/sbin/", "/usr/bin/", "/usr/lib/openvswitch-switch/"} {
		if _, err := os.Stat(s.root + dir + name); err == nil {
			path = dir + name
			break
		}
	}
	if path == "" {
		s.t.Fatalf("%s is missing: apt-get install openvswitch-switch", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root}
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+s.dir, "OVS_LOGDIR="+s.dir, "OVS_DBDIR="+s.dir, "OVS_SYSCONFDIR="+s.dir)
	return cmd
}

func (s *realSwitch) run(name string, args ...string) string {
	s.t.Helper()
	out, err := s.command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// start runs a daemon in the foreground until the test ends or this process
// dies.
func (s *realSwitch) start(name string, args ...string) {
	s.t.Helper()
	cmd := s.command(name, args...)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		// The signal comes when the thread that started the child dies.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(started)
		}
	}()
	if err := <-started; err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		<-started
	})
}

// waitFor tries until it works.
func (s *realSwitch) waitFor(what string, try func() error) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %v", what, err)
		}
	}
}

// send writes a message and returns its xid.
func (s *realSwitch) send(typ byte, body []byte) uint32 {
	s.t.Helper()
	s.xid++
	b := []byte{6, typ}
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(body)))
	b = binary.BigEndian.AppendUint32(b, s.xid)
	s.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := s.conn.Write(append(b, body...)); err != nil {
		s.t.Fatal(err)
	}
	return s.xid
}

func (s *realSwitch) recv() (typ byte, xid uint32, body []byte) {
	s.t.Helper()
	var h [8]byte
	s.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(s.conn, h[:]); err != nil {
		s.t.Fatal(err)
	}
	body = make([]byte, binary.BigEndian.Uint16(h[2:])-8)
	if _, err := io.ReadFull(s.conn, body); err != nil {
		s.t.Fatal(err)
	}
	return h[1], binary.BigEndian.Uint32(h[4:]), body
}

// barrier returns the errors that earlier messages met, by xid.
func (s *realSwitch) barrier() map[uint32]string {
	s.t.Helper()
	errs := make(map[uint32]string)
	want := s.send(20, nil)
	for {
		typ, xid, body := s.recv()
		switch {
		case typ == 1:
			errs[xid] = fmt.Sprintf("error type %d code %d", binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:]))
		case typ == 21 && xid == want:
			return errs
		}
	}
}

// addFlow sends a flow-mod whose match and actions are raw bytes.
func (s *realSwitch) addFlow(table uint8, priority uint16, cookie uint64, match, actions string) uint32 {
	s.t.Helper()
	b := make([]byte, 40)
	binary.BigEndian.PutUint64(b, cookie)
	b[16] = table
	binary.BigEndian.PutUint16(b[22:], priority)
	binary.BigEndian.PutUint32(b[24:], 0xffffffff)
	binary.BigEndian.PutUint32(b[28:], 0xffffffff)
	binary.BigEndian.PutUint32(b[32:], 0xffffffff)
	b = binary.BigEndian.AppendUint16(b, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(match)))
	b = append(b, match...)
	b = append(b, make([]byte, -len(b)&7)...)
	if actions != "" {
		b = binary.BigEndian.AppendUint16(b, 4)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(actions)))
		b = append(b, 0, 0, 0, 0)
		b = append(b, actions...)
	}
	return s.send(14, b)
}

type rawFlow struct {
	table          uint8
	priority       uint16
	cookie         uint64
	match, actions string
}

// dump is the flows by cookie, taken off a flow description.
func (s *realSwitch) dump() map[uint64]rawFlow {
	s.t.Helper()
	req := make([]byte, 8+32)
	binary.BigEndian.PutUint16(req, 1)
	req[8] = 0xff
	binary.BigEndian.PutUint32(req[12:], 0xffffffff)
	binary.BigEndian.PutUint32(req[16:], 0xffffffff)
	req = append(req, 0, 1, 0, 4, 0, 0, 0, 0)
	s.send(18, req)
	flows := make(map[uint64]rawFlow)
	for {
		typ, _, body := s.recv()
		if typ != 19 {
			s.t.Fatalf("message of type %d: %x", typ, body)
		}
		more := body[3]&1 != 0
		for body = body[8:]; len(body) > 0; {
			n := binary.BigEndian.Uint16(body)
			e := body[:n]
			body = body[n:]
			f := rawFlow{table: e[4], priority: binary.BigEndian.Uint16(e[6:]), cookie: binary.BigEndian.Uint64(e[16:])}
			e = e[24:]
			m := int(binary.BigEndian.Uint16(e[2:]))
			f.match = string(e[4:m])
			e = e[(m+7)&^7:]
			if len(e) >= 4 && binary.BigEndian.Uint16(e) != 4 { // OXS
				e = e[(int(binary.BigEndian.Uint16(e[2:]))+7)&^7:]
			}
			if len(e) > 0 {
				f.actions = string(e[8:binary.BigEndian.Uint16(e[2:])])
			}
			flows[f.cookie] = f
		}
		if !more {
			return flows
		}
	}
}

// ofctl is the lines that ovs-ofctl prints.
func (s *realSwitch) ofctl(args ...string) []string {
	s.t.Helper()
	out := s.run("ovs-ofctl", append([]string{"-O", "OpenFlow15", "--no-names"}, args...)...)
	var lines []string
	for sc := bufio.NewScanner(strings.NewReader(out)); sc.Scan(); {
		lines = append(lines, strings.TrimPrefix(sc.Text(), " "))
	}
	return lines
}

// mapOption maps Geneve option (class, type), four bytes long, to
// tun_metadata<index>.
func (s *realSwitch) mapOption(class uint16, typ uint8, index uint16) {
	s.t.Helper()
	b := []byte{0, 0, 0x23, 0x20, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, class)
	b = append(b, typ, 4)
	b = binary.BigEndian.AppendUint16(b, index)
	b = append(b, 0, 0)
	s.send(4, b)
}

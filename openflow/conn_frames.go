package openflow

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// frameRoom is how much is read at once, in bytes: several times the largest
// message, so that a switch in a hurry is not held up by system calls.
const frameRoom = 4 * (MaxMessage + 1)

// readFrames hands messages to the option Frames until the connection ends. It
// works in one buffer and allocates nothing for a message.
func (c *Conn) readFrames(in *frameReader) error {
	buf := append(make([]byte, 0, frameRoom), in.buf...)
	for silent := 0; ; {
		rest, err := c.handFrames(buf)
		if err != nil {
			return err
		}
		buf = append(buf[:0], rest...)
		if in.c != nil {
			_ = in.c.SetReadDeadline(time.Now().Add(in.interval))
		}
		n, err := in.r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case n > 0:
			silent = 0
		case err == nil:
		case in.idle != nil && errors.Is(err, os.ErrDeadlineExceeded):
			silent++
			if err := in.idle(silent); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// handFrames hands over the whole messages that b starts with and returns what
// follows them.
func (c *Conn) handFrames(b []byte) (rest []byte, err error) {
	some := false
	for len(b) >= headerLen {
		h, err := ParseHeader(b)
		if err != nil {
			return nil, err
		}
		n := int(h.Length)
		if h.Version != c.version {
			return nil, fmt.Errorf("out of step, message of version 0x%02x", uint8(h.Version))
		}
		if len(b) < n {
			break
		}
		if frame := b[:n:n]; !c.echo(frame) {
			c.opts.Frames(frame)
			some = true
		}
		b = b[n:]
	}
	if some {
		c.opts.Frames(nil)
	}
	return b, nil
}

package ovsdb

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// UUID identifies a row. The zero UUID stands for "no row" in optional
// references.
type UUID [16]byte

// NewUUID returns a random (version 4) UUID.
func NewUUID() UUID {
	var u UUID
	rand.Read(u[:]) // never fails, crypto/rand
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// IsZero tells whether u is the zero UUID.
func (u UUID) IsZero() bool { return u == UUID{} }

// First32 returns the first 32 bits of u, which OVN uses as the cookie of the
// flows that come from the row.
func (u UUID) First32() uint32 { return binary.BigEndian.Uint32(u[:4]) }

// Compare orders UUIDs as ovsdb-server does, by their text.
func (u UUID) Compare(v UUID) int { return bytes.Compare(u[:], v[:]) }

// String returns the canonical text, 36 characters.
func (u UUID) String() string { return string(u.AppendText(nil)) }

// AppendText appends the canonical text of u to b.
func (u UUID) AppendText(b []byte) []byte {
	for i, part := range [...][]byte{u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return b
}

// ParseUUID parses the canonical text of a UUID.
func ParseUUID(s string) (UUID, error) {
	u, ok := parseUUID(s)
	if !ok {
		return UUID{}, fmt.Errorf("%q is not a UUID", s)
	}
	return u, nil
}

// uuidNibbles is where each of the 32 digits stands in the text.
var uuidNibbles = [32]uint8{
	0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17,
	19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
}

func parseUUID[S string | []byte](s S) (u UUID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UUID{}, false
	}
	for i := range u {
		hi, lo := unhex(s[uuidNibbles[2*i]]), unhex(s[uuidNibbles[2*i+1]])
		if hi > 15 || lo > 15 {
			return UUID{}, false
		}
		u[i] = hi<<4 | lo
	}
	return u, true
}

// unhex returns the value of a hexadecimal digit, more than 15 for other bytes.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

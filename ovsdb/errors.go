package ovsdb

import (
	"errors"
	"fmt"
)

// Errors of transactions that never got an answer.
var (
	// ErrNotConnected: nothing was sent.
	ErrNotConnected = errors.New("not connected to the database")
	// ErrUnknownOutcome: the connection was lost before the reply came; the
	// transaction may or may not have been committed. Rows tell, once reconnected.
	ErrUnknownOutcome = errors.New("connection lost while the transaction was under way")
)

// ErrorKind classifies errors that a server reports.
type ErrorKind uint8

const (
	// Other errors are not worth trying again with the same rows.
	Other ErrorKind = iota
	// Conflict: a verified value has changed. Evaluate again.
	Conflict
	// Constraint: a unique index, number of rows or immutable column stands
	// against it, often because of what another client did.
	Constraint
	// Referential: a referred row is gone.
	Referential
	// NotOwner: a lock is not held.
	NotOwner
	// Permission: role-based access control forbids it.
	Permission
	// ReadOnly: the server takes no changes on this connection.
	ReadOnly
	// Unavailable: the server or its cluster cannot take it now.
	Unavailable
)

var errorKinds = map[string]ErrorKind{
	"timed out":                       Conflict,
	"constraint violation":            Constraint,
	"referential integrity violation": Referential,
	"not owner":                       NotOwner,
	"permission error":                Permission,
	"not allowed":                     ReadOnly,
	"cluster error":                   Unavailable,
	"not leader":                      Unavailable,
	"unknown database":                Unavailable,
	"canceled":                        Unavailable,
	"I/O error":                       Unavailable,
	"resources exhausted":             Unavailable,
}

var kindNames = [...]string{"error", "conflict", "constraint", "referential integrity", "not owner", "permission", "read-only", "unavailable"}

// String names the kind.
func (k ErrorKind) String() string { return kindNames[k] }

// Error is an error that the server reported.
type Error struct {
	Kind ErrorKind
	// Name and Details are the server's own words.
	Name, Details string
	// Op is the operation it is about, nil for the transaction as a whole.
	Op *Op
}

func (e *Error) Error() string {
	s := e.Name
	if e.Details != "" {
		s += ": " + e.Details
	}
	if e.Op != nil {
		return fmt.Sprintf("%s of table %s row %s: %s", e.Op.Kind, e.Op.Table, e.Op.ID, s)
	}
	return s
}

// Retriable tells whether evaluating the rows again, and building a transaction
// anew, may help.
func Retriable(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		switch e.Kind {
		case Conflict, Constraint, Referential, Unavailable:
			return true
		}
		return false
	}
	return errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrNotConnected)
}

// IsKind tells whether err is a server's error of a kind.
func IsKind(err error, kind ErrorKind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

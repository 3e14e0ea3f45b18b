package ovsdb

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Result is what became of a transaction.
type Result struct {
	Txn *Txn
	// Err is nil when the transaction was committed. Otherwise it is an *Error,
	// ErrNotConnected, ErrUnknownOutcome or a context's error.
	Err error
	// Ops has an entry for each operation of the transaction, in order; empty when
	// there was no answer.
	Ops []OpResult
	// Dropped counts columns and operations that were left out because the server
	// lacks the column or table.
	Dropped int
}

// OpResult is what became of one operation.
type OpResult struct {
	Op *Op
	// Count is the number of rows changed. Zero for an update or deletion means
	// that the row was gone, which does not make the transaction fail.
	Count int
	Err   *Error
}

// Gone returns the updates and deletions whose row did not exist any more.
func (r *Result) Gone() []*Op {
	var gone []*Op
	for _, o := range r.Ops {
		if r.Err == nil && (o.Op.Kind == OpUpdate || o.Op.Kind == OpDelete) && o.Count == 0 {
			gone = append(gone, o.Op)
		}
	}
	return gone
}

// serverResult is one element of the reply to transact, RFC 7047 section 4.1.3.
type serverResult struct {
	Count   *int    `json:"count"`
	Error   *string `json:"error"`
	Details string  `json:"details"`
}

func (s *serverResult) asError(op *Op) *Error {
	return &Error{Kind: errorKinds[*s.Error], Name: *s.Error, Details: s.Details, Op: op}
}

// parseResult reads the reply to a transaction.
func parseResult(tx *Txn, e encodedTxn, reply *message) Result {
	r := Result{Txn: tx, Dropped: e.dropped}
	if reply.err != nil {
		r.Err = parseError(reply.err)
		return r
	}
	var list []*serverResult
	if err := json.Unmarshal(reply.result, &list); err != nil {
		r.Err = fmt.Errorf("reply to a transaction: %w", err)
		return r
	}
	r.Ops = make([]OpResult, len(tx.ops))
	for i, o := range tx.ops {
		r.Ops[i].Op = o
	}
	for i, s := range list {
		if s == nil { // not reached because of an earlier error
			continue
		}
		var op *OpResult
		if i < len(e.of) && e.of[i] >= 0 {
			op = &r.Ops[e.of[i]]
		}
		switch {
		case s.Error != nil && op != nil:
			op.Err = s.asError(op.Op)
			if r.Err == nil {
				r.Err = op.Err
			}
		case s.Error != nil:
			// After the last operation: the commit as a whole failed.
			if r.Err == nil {
				r.Err = s.asError(nil)
			}
		case op != nil && s.Count != nil:
			op.Count = max(op.Count, *s.Count)
		case op != nil && op.Op.Kind == OpInsert:
			op.Count = 1
		}
	}
	if len(list) < len(e.of) && r.Err == nil {
		r.Err = errors.New("reply to a transaction: fewer results than operations")
	}
	return r
}

// parseError reads the "error" member of a reply: an object of RFC 7047 or any
// other value.
func parseError(text []byte) error {
	var s serverResult
	if json.Unmarshal(text, &s) == nil && s.Error != nil {
		return s.asError(nil)
	}
	var name string
	if json.Unmarshal(text, &name) == nil {
		return &Error{Kind: errorKinds[name], Name: name}
	}
	return &Error{Name: string(text)}
}

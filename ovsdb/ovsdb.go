// Package ovsdb is a client of the OVSDB protocol (RFC 7047 and the extensions of
// ovsdb-server(7)) that keeps typed replicas of databases and sends typed
// transactions. It knows the wire, not what the tables mean.
//
//	server ──► Session ──► Event{Update} ──► DB.Apply ──► Changes
//	           (decodes      (a queue)        (the loop;   (old row, new row,
//	            rows)                          generated)   mask of columns)
//	server ◄── Session ◄── Txn
//
// Row types, the decoder of each table and the DB that holds the tables are
// generated from a schema by ovsdbgen (packages sbdb and vswitchdb). A Session
// decodes JSON straight into those rows on its own goroutine; whoever consumes
// its events owns the DB and applies one update at a time.
//
// Rows are immutable once published: an update replaces a row by a changed copy.
// Between two calls of Apply everything in a DB is frozen and may be read from
// any goroutine.
//
// A column or table that the server's schema lacks stays at its zero value or
// empty, and DB.Has and DB.HasColumn say so. A row that cannot be understood is
// reported with its table and UUID, counted and skipped; the rest goes on.
package ovsdb

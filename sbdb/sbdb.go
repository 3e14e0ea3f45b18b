// Package sbdb holds the row types, replica and transaction builders of OVN's
// southbound database, ovn-sb(5), generated from the newest supported schema by
// ovsdbgen. Older and newer servers may lack tables and columns: DB.Has and
// DB.HasColumn tell.
//
// Columns that hold sets are sorted slices, columns that hold at most one element
// are ovsdb.Optional or, for references, a UUID that is zero when unset.
package sbdb

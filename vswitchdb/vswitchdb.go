// Package vswitchdb holds the row types, replica and transaction builders of the
// local Open vSwitch database, ovs-vswitchd.conf.db(5), generated from the newest
// supported schema by ovsdbgen. Older and newer servers may lack tables and
// columns: DB.Has and DB.HasColumn tell.
package vswitchdb

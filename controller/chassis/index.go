package chassis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// indexPrefix begins the keys of Open_vSwitch.other_config that give each agent
// on this host a character of its own for the names of its tunnel ports.
const indexPrefix = "ovn-chassis-idx-"

// ErrNoIndex says that all 37 indexes are taken.
var ErrNoIndex = errors.New("all unique controller indices consumed")

// Index returns the index of the chassis; ok is false while none is stored.
func Index(root *vswitchdb.OpenVSwitch, name string) (index string, ok bool) {
	if root == nil {
		return "", false
	}
	return root.OtherConfig.Lookup(indexPrefix + name)
}

// StoreIndex chooses an index for the chassis when it has none: the empty one for
// the first agent of a host, then a digit or letter.
func StoreIndex(root *vswitchdb.OpenVSwitch, name string, tx *ovsdb.Txn) error {
	if root == nil || tx == nil || name == "" {
		return nil
	}
	if _, ok := Index(root, name); ok {
		return nil
	}
	used := map[string]bool{}
	for k, v := range root.OtherConfig.All() {
		if strings.HasPrefix(k, indexPrefix) {
			used[v] = true
		}
	}
	const characters = "0123456789abcdefghijklmnopqrstuvwxyz"
	candidates := append([]string{""}, strings.Split(characters, "")...)
	for _, c := range candidates {
		if !used[c] {
			vswitchdb.VerifyOpenVSwitch(tx, root, vswitchdb.OpenVSwitchColOtherConfig)
			vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateOtherConfigInsert(ovsdb.NewMap(indexPrefix+name, c))
			return nil
		}
	}
	return ErrNoIndex
}

// RemoveIndex gives the index back on exit, and reports whether there was one.
func RemoveIndex(root *vswitchdb.OpenVSwitch, name string, tx *ovsdb.Txn) bool {
	if _, ok := Index(root, name); !ok {
		return false
	}
	tx.AddComment(fmt.Sprintf("ovn-controller: unregistering chassis index for '%s'", name))
	vswitchdb.UpdateOpenVSwitch(tx, root.UUID).MutateOtherConfigDelete(indexPrefix + name)
	return true
}

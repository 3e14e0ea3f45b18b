package loop

import (
	"testing"

	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

func TestPacketStats(t *testing.T) {
	got := packetStats(
		pinctrl.Stats{Received: map[string]uint64{"reject": 7, "log": 0, "arp": 2}, Dropped: map[string]uint64{"reject": 1}, Panics: 3},
		pinctrl.ReplyStats{Answered: map[string]uint64{"reject": 4}, Forbidden: map[string]uint64{"reject": 2}, Limited: 9},
		pinctrl.ServiceStats{Probes: 5})
	const want = "" +
		"action                 received   answered     passed  forbidden    dropped\n" +
		"arp                           2          0          0          0          0\n" +
		"reject                        7          4          0          2          1\n" +
		"answers limited: 9\n" +
		"probes of services: 5\n" +
		"panics: 3\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

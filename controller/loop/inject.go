package loop

import (
	"errors"

	"github.com/ovn-chassis/ovn-chassis/controller/microflow"
)

// inject sends the packet that a microflow describes into the switch, by the port of
// the interface it names.
func (l *Loop) inject(args []string) (string, error) {
	if l.bridge == nil || l.chassis == nil {
		return "", errors.New("ovn-controller not ready")
	}
	port, match, err := microflow.Parse(args[0], microflow.World{
		Port: l.binding.Ofport, AddressSet: l.addressSet, Template: l.template,
	})
	if err != nil {
		return "", err
	}
	packet, err := microflow.Compose(match)
	if err != nil {
		return "", err
	}
	return "", l.packets.loop.Enter(packet, port)
}

func (l *Loop) addressSet(name string) ([]string, bool) {
	for s := range l.sb.AddressSet.All() {
		if s.Name == name {
			return s.Addresses, true
		}
	}
	return nil, false
}

// template is a template variable of this chassis.
func (l *Loop) template(name string) (string, bool) {
	for row := range l.sb.ChassisTemplateVar.All() {
		if row.Chassis == l.cfg.SystemID {
			return row.Variables.Lookup(name)
		}
	}
	return "", false
}

package conditions

import (
	"slices"

	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// SBTables are the southbound tables to replicate with their columns, nil for
// all. Left out is what no chassis uses, and what is large and only for people:
// the external_ids of logical flows and ports, or changes without mattering to others:
// every chassis' Chassis.nb_cfg.
func SBTables() map[string][]string {
	m := map[string][]string{
		sbdb.TableChassis: {"name", "hostname", "encaps", "other_config", "transport_zones", "vtep_logical_switches"},
		sbdb.TableLogicalFlow: {
			"logical_datapath", "logical_dp_group", "pipeline", "table_id", "priority", "match", "actions", "tags",
			"controller_meter", "flow_desc",
		},
	}
	for _, t := range []string{
		sbdb.TableACLID, sbdb.TableAddressSet, sbdb.TableAdvertisedMACBinding, sbdb.TableAdvertisedRoute, sbdb.TableBFD,
		sbdb.TableChassisPrivate, sbdb.TableChassisTemplateVar, sbdb.TableControllerEvent, sbdb.TableDatapathBinding,
		sbdb.TableDHCPOptions, sbdb.TableDHCPv6Options, sbdb.TableDNS, sbdb.TableECMPNexthop, sbdb.TableEncap,
		sbdb.TableFDB, sbdb.TableGatewayChassis, sbdb.TableHAChassis, sbdb.TableHAChassisGroup, sbdb.TableIGMPGroup,
		sbdb.TableIPMulticast, sbdb.TableLearnedRoute, sbdb.TableLoadBalancer, sbdb.TableLogicalDPGroup,
		sbdb.TableMACBinding, sbdb.TableMeter, sbdb.TableMeterBand, sbdb.TableMirror, sbdb.TableMulticastGroup,
		sbdb.TablePortGroup, sbdb.TableSBGlobal, sbdb.TableServiceMonitor,
		sbdb.TableStaticMACBinding,
	} {
		m[t] = nil
	}
	for _, t := range sbdb.Model().Tables {
		if t.Name == sbdb.TablePortBinding {
			m[t.Name] = slices.DeleteFunc(slices.Clone(t.Columns), func(c string) bool { return c == "external_ids" })
		}
	}
	return m
}

// LocalTables are the tables and columns of the local database to replicate.
// Statistics, which change every few seconds, are left out.
func LocalTables() map[string][]string {
	return map[string][]string{
		vswitchdb.TableOpenVSwitch: {"bridges", "datapaths", "external_ids", "other_config", "iface_types", "ssl"},
		vswitchdb.TableBridge:      {"name", "ports", "fail_mode", "datapath_type", "external_ids", "other_config", "flow_tables", "mirrors"},
		vswitchdb.TablePort:        {"name", "interfaces", "external_ids", "qos"},
		vswitchdb.TableInterface: {
			"name", "type", "options", "other_config", "external_ids", "ofport", "bfd", "bfd_status", "mtu",
			"link_speed", "status",
		},
		vswitchdb.TableDatapath:               {"capabilities", "ct_zones"},
		vswitchdb.TableCTZone:                 {"limit"},
		vswitchdb.TableFlowTable:              {"prefixes"},
		vswitchdb.TableFlowSampleCollectorSet: {"id", "bridge"},
		vswitchdb.TableSSL:                    {"private_key", "certificate", "ca_cert", "bootstrap_ca_cert"},
		vswitchdb.TableQoS:                    nil,
		vswitchdb.TableQueue:                  nil,
		vswitchdb.TableMirror:                 {"name", "external_ids", "output_port", "select_src_port", "select_dst_port"},
	}
}

package lflow

// Settings that say what the switch can do, besides those of northd.
const (
	// FlagCtZeroSNAT: the datapath takes an all-zero SNAT for "keep the address
	// and resolve collisions of tuples" (Datapath capability ct_zero_snat).
	FlagCtZeroSNAT EnvFlag = FlagRegisterConsolidation + 1 + iota
	// FlagHashL4Sym: the datapath can hash addresses and ports symmetrically for
	// select groups (Datapath capability max_hash_alg).
	FlagHashL4Sym
	// FlagMeters: the switch has meters.
	FlagMeters
)

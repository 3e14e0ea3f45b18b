package ovsdb

// Model is what a generated package tells a Session about its database: U is the
// package's Update.
type Model[U any] struct {
	// Name of the database, for instance "OVN_Southbound".
	Name string
	// Version and checksum of the schema the package was generated from.
	Version, Cksum string
	Tables         []TableModel[U]
	New            func() *U
	// Meta returns the part of an update that is the same in all databases.
	Meta func(*U) *Meta
}

// TableModel is one table of a Model.
type TableModel[U any] struct {
	Name string
	// Columns are in the order of the bits of a ColumnSet.
	Columns []string
	// Add decodes one row that d has been reset to and appends it to u. Its error
	// says what was wrong with the row's columns.
	Add func(u *U, d *RowDecoder, id UUID, kind RowKind) error
	// Unpack reads n packed rows and adds them to u; nil in packages that no
	// snapshots are made of.
	Unpack func(u *U, p *Unpacker, n int)
}

// FullSchema returns the schema of a server that has every table and column.
func (m *Model[U]) FullSchema() *ServerSchema {
	s := &ServerSchema{Name: m.Name, Version: m.Version, Tables: make(map[string]map[string]bool, len(m.Tables))}
	for _, t := range m.Tables {
		columns := make(map[string]bool, len(t.Columns))
		for _, c := range t.Columns {
			columns[c] = true
		}
		s.Tables[t.Name] = columns
	}
	return s
}

// ColumnSet is a set of columns of one table: one bit for each, by the generated
// constants.
type ColumnSet uint64

// Has tells whether s and any have a column in common.
func (s ColumnSet) Has(any ColumnSet) bool { return s&any != 0 }

// AllColumns is the set of every column.
const AllColumns ColumnSet = 1<<64 - 1

// Meta is what every update carries besides rows.
type Meta struct {
	// Replace says that the update is the whole contents of the database, not a
	// difference: rows it does not hold are gone.
	Replace bool
	// Schema is set in the first update of a connection: what the server has.
	Schema *ServerSchema
}

// ServerSchema is the part of a server's schema that matters to a client: which
// tables and columns there are.
type ServerSchema struct {
	Name    string
	Version string
	// Tables maps the name of a table to the names of its columns.
	Tables map[string]map[string]bool
}

// Has tells whether the server has the table.
func (s *ServerSchema) Has(table string) bool {
	return s != nil && s.Tables[table] != nil
}

// HasColumn tells whether the server has the column.
func (s *ServerSchema) HasColumn(table, column string) bool {
	return s != nil && s.Tables[table][column]
}

package ovsdb

import "fmt"

// RowKind says what a row update means.
type RowKind uint8

const (
	// RowInsert holds all columns of a row that is new to the client, or, in an
	// update that replaces everything, of any row.
	RowInsert RowKind = iota
	// RowModify holds the columns that changed; sets and maps as differences.
	RowModify
	// RowFull holds all columns of a row that may or may not be new.
	RowFull
	// RowDelete holds no columns.
	RowDelete
	// RowSkipped stands for a row that could not be understood.
	RowSkipped
)

// RowUpdate is one row of an update.
type RowUpdate[R any] struct {
	ID   UUID
	Kind RowKind
	Cols ColumnSet // of RowModify
	Row  *R        // nil for RowDelete and RowSkipped
}

// RowType is what is generated for the rows of one table.
type RowType[R any] struct {
	Table string
	// ID returns where the row keeps its UUID.
	ID func(*R) *UUID
	// Decode reads the columns that d has into the row and returns which.
	Decode func(*R, *RowDecoder) ColumnSet
	// Diff returns the columns in which two rows differ.
	Diff func(a, b *R) ColumnSet
	// Patch applies to the row the columns of diff, sets and maps as differences.
	Patch func(row, diff *R, cols ColumnSet)
	// PackRow writes the columns in packed form and UnpackRow reads them. They are
	// nil in packages that no snapshots are made of.
	PackRow   func(*R, *Packer)
	UnpackRow func(*R, *Unpacker)
}

// Add decodes the row that d has been reset to and appends it to list. A new row
// with a bad column is skipped as a whole; of a changed one only that column is.
func (t *RowType[R]) Add(list *[]RowUpdate[R], d *RowDecoder, id UUID, kind RowKind) error {
	u := RowUpdate[R]{ID: id, Kind: kind}
	var err error
	if kind != RowDelete {
		row := new(R)
		*t.ID(row) = id
		u.Cols = t.Decode(row, d)
		u.Row = row
		if err = d.Err(); err == nil {
			err = d.Note()
		}
		if err != nil {
			err = fmt.Errorf("table %s: row %s: %w", t.Table, id, err)
			if kind != RowModify && d.Err() != nil {
				u = RowUpdate[R]{ID: id, Kind: RowSkipped}
			}
		}
	}
	*list = append(*list, u)
	return err
}

package lflow

// parseActions parses the actions of a logical flow; text is src.Actions with
// templates expanded. prereqs is what the match must demand besides, or nil.
//
// Actions always use the ordinary symbols, whatever those of the match are: the
// tag acl_ct_translation is about what is tested, not about what is changed.
func parseActions(text string, src Source, env Env, syms *Symtab) (list *actionList, prereqs *Expr, err error) {
	list, es, err := parseActionList(text, src, env, syms)
	if err != nil {
		return nil, nil, err
	}
	return list, combine(exprAnd, es...), nil
}

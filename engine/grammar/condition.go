package grammar

import "slices"

// branchConditions gives the schemas with if, then and else branches that a grammar can have,
// where the opposite of if has a schema: if compares properties with constants, or is a
// boolean. The keywords stay for the library that checks values.
func (d *document) branchConditions(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			d.branchConditions(e)
		}
	case *object:
		for _, k := range v.keys {
			if k != "enum" && k != "const" {
				d.branchConditions(v.values[k])
			}
		}
		d.branchCondition(v)
	}
}

func (d *document) branchCondition(o *object) {
	if o.get("if") == nil || o.get("then") == nil && o.get("else") == nil {
		return
	}
	opposite := oppositeOf(o.get("if"))
	if opposite == nil {
		return
	}
	branch := func(condition any, then string) any {
		all := []any{condition}
		if v, ok := o.values[then]; ok {
			all = append(all, v)
		}
		return newObject("allOf", all)
	}
	all := append(slices.Clone(list(o.get("allOf"))), newObject("anyOf", []any{branch(o.get("if"), "then"), branch(opposite, "else")}))
	if _, ok := o.values["allOf"]; !ok {
		o.keys = append(o.keys, "allOf")
	}
	o.values["allOf"] = all
	d.branched[o] = true
}

// oppositeOf returns the schema of the objects that do not satisfy a schema, or nil if
// that has other keywords than properties with const or enum, and required.
func oppositeOf(v any) any {
	if b, ok := v.(bool); ok {
		return !b
	}
	o, ok := v.(*object)
	if !ok {
		return nil
	}
	required := stringList(o.get("required"))
	var branches []any
	for _, k := range o.keys {
		switch k {
		case "required", "title", "description", "$comment":
		case "type":
			if o.values[k] != "object" {
				return nil
			}
		case "properties":
			properties, ok := o.values[k].(*object)
			if !ok {
				return nil
			}
			for _, name := range properties.keys {
				p, ok := properties.values[name].(*object)
				if _, isList := constants(p); !ok || !isList {
					return nil
				}
				other := newObject("type", "object", "properties", newObject(name, newObject("not", p)))
				if !slices.Contains(required, name) { // without the property, the schema is satisfied
					other = newObject("type", "object", "properties", newObject(name, newObject("not", p)), "required", []any{name})
				}
				branches = append(branches, other)
			}
		default:
			return nil
		}
	}
	properties, _ := o.get("properties").(*object)
	for _, name := range required {
		if properties == nil || properties.get(name) == nil {
			branches = append(branches, newObject("type", "object", "properties", newObject(name, false)))
		}
	}
	if len(branches) == 0 {
		return nil
	}
	return newObject("anyOf", branches)
}

// constants returns the values of a schema that only has const or enum.
func constants(o *object) (values []any, ok bool) {
	if o == nil || len(o.keys) != 1 {
		return nil, false
	}
	if v, ok := o.values["const"]; ok {
		return []any{v}, true
	}
	values, ok = o.get("enum").([]any)
	return values, ok
}

func newObject(pairs ...any) *object {
	o := &object{values: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		key := pairs[i].(string)
		o.keys = append(o.keys, key)
		o.values[key] = pairs[i+1]
	}
	return o
}

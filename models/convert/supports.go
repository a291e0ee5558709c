package convert

// Supports is the error of a model that cannot be converted, as far as its configuration
// tells: the text of a config.json or a params.json. It can be called before there are
// weights. The error is a [*fault.Error].
func Supports(name string, config []byte) error {
	var err error
	switch name {
	case "config.json":
		_, err = parseHF(name, config)
	case "params.json":
		_, err = parseNative(name, config)
	default:
		err = fileErrorf(name, "is not a configuration of a model")
	}
	return err
}

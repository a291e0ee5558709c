package convert

// Supports returns an error if a model with this config.json or params.json cannot be
// converted. The error is a [*fault.Error].
func Supports(name string, config []byte) error {
	var err error
	switch name {
	case "config.json":
		_, err = parseHF(name, config)
	case "params.json":
		_, err = parseNative(name, config)
	default:
		err = fileErrorf(name, "is not a model configuration")
	}
	return err
}

package engine

import "github.com/bise-sh/bise/fault"

// NoVision is the error of a request with images to a model without a vision encoder.
func NoVision(model string) error {
	return &fault.Error{
		Kind: fault.Unsupported, Param: "messages", Msg: model + " has no vision encoder",
		Advice: "Choose a model with one, such as pixtral-12b.",
	}
}

// NoHearing is the error of a request with audio to a model without an audio encoder.
func NoHearing(model string) error {
	return &fault.Error{
		Kind: fault.Unsupported, Param: "messages", Msg: model + " cannot hear",
		Advice: "Choose a model that can, such as voxtral-mini.",
	}
}

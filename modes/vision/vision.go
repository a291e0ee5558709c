// Package vision is the mode for questions about images. [Tokens] counts what an image
// costs before it is sent, and a [Fitting] makes images smaller when the context has
// no room for them, which nothing else does.
//
// A request is that of package chat, with the images before the question: a second
// question about them finds them evaluated.
package vision

// Package kit has the parts of screens that do not depend on models or conversations: the contracts [Screen], [Dialog]
// and [Outcome], the [Look] (theme and keys), a list, a text editor with vi keys,
// a one-line prompt, and drawing of styled text.
//
// A screen holds a *Look and the services it uses in named fields. It shows a
// notice through [Notify] and starts work in the background through [Tasks]. What it
// cannot do itself it returns in an Outcome, as a message or a dialog to open.
//
// Values here belong to the goroutine that runs the program, except for Tasks.
package kit

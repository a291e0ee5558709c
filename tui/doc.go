// Package tui is what people see: the interface in which they talk to a model.
//
// # The frame
//
// [Model] is the one tea.Model. It owns the frame (one line above, one below),
// the size of what is between them, and who is there: the current mode, or the
// dialog that lies on top of it. It turns what happens into method calls and
// decides nothing else.
//
//	bise   chat  review  code  math  vision              Ministral 3 8B   head
//
//	  …                                                                   body
//
//	4.1k of 32k ━━───────   31 tok/s · first 0.4 s            ? keys      foot
//
// What fills the body is a [screen]: it is told its size, gets the keys, draws
// lines and says what stands in the foot. Everything screens have in common (the
// context, colours, keys, settings, engines, conversations) is in one [*desk] that
// they are made with. Colours come from desk.theme, which is replaced when the
// person picks another: look it up when drawing, and draw again what was kept for
// another desk.theme. Text from outside goes through term.Clean before it is
// drawn.
//
// # Adding a mode
//
// A mode is a type with the methods of [mode], in files of its own (math.go,
// math_view.go), its name in modes and a line in newMode. A mode whose screen is a
// conversation has a *conversation, which has all the methods it needs (see
// chatMode), and gives it the space that it does not need itself; a mode that makes
// more of answers than texts gives it a [craft]. A mode that
// asks a model by itself takes one from desk.engines.use, and reads the answer
// with desk.start, whose events come as [eventsCame] messages.
//
// # Adding a dialog
//
// A dialog is a type with the methods of [dialog]. It is opened by an outcome that
// tells [opened], or by a case in Model.act; it covers the body, and closes with
// an answer from its press method: a message in the past tense such as
// modelChosen, or nil when nothing was decided. The root carries the answer out
// (Model.carryOut). Most dialogs embed a [list] and set its rows; commandsDialog is
// an example, settingsDialog one in which letters are keys, promptDialog asks for
// one line. What is undone with u is told by desk.sayUndo.
//
// # Models and downloads
//
// What is known of models is on desk.shelf, which reads it from the [library.Library] that
// the program gives: what is here, what could be, and how that fits the machine. It
// has the downloads, too, which go on whatever is shown: a line of the frame says how
// they are. A model that is here is opened through desk.engines.
//
// # Adding a command
//
// What can be done by a key is a binding in [keymap], and is then in the list of
// keys and can be remapped in config.toml. What has a name is a [command] of the
// mode, or one of desk.globals.
//
// # Messages
//
// All input and output happens in commands, whose results come back as messages
// in the past tense. A message that the root does not know goes to every mode and
// every open dialog; each takes those of its own types, so answers find who asked
// also when another mode is shown. A message that can come late carries the
// number of what it belongs to.
package tui

// Package review is the mode in which a model reviews a change: a list of changes,
// then a list of findings with the code of the selected one.
package review

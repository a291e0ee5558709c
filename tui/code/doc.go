// Package code is the mode in which the user writes a file and a model suggests
// what comes next, after the cursor.
package code

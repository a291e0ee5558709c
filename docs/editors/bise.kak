# Fills in code at the cursor with bise, in Kakoune: <a-l> while inserting, and the
# command bise-complete.
#
# Put this file at ~/.config/kak/autoload/bise.kak.

declare-option -docstring 'what completes' str bise_command 'bise complete'

define-command bise-complete -docstring 'fill in code at the cursor' %{
    evaluate-commands -draft -save-regs '|"b' %{
        set-register b %sh{ mktemp }
        # The whole buffer goes to a file as it is; the cursor stays.
        evaluate-commands -draft %{
            execute-keys '%<a-|>cat >"$kak_main_reg_b"<ret>'
        }
        set-register dquote %sh{
            $kak_opt_bise_command --cursor "$kak_cursor_byte_offset" <"$kak_main_reg_b" 2>"$kak_main_reg_b.log" ||
                cat "$kak_main_reg_b.log" >&2
            rm -f "$kak_main_reg_b" "$kak_main_reg_b.log"
        }
        execute-keys ';P'
    }
}

map global insert <a-l> '<a-;>: bise-complete<ret>' -docstring 'fill in with bise'

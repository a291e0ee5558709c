" Fills in code at the cursor with bise, in Vim and Neovim: <C-L> while inserting.
"
" Put this file at ~/.vim/plugin/bise.vim.

let g:bise_command = get(g:, 'bise_command', 'bise complete')

function! BiseComplete() abort
  let l:before = join(getline(1, line('.') - 1) + [strpart(getline('.'), 0, col('.') - 1)], "\n")
  let l:text = join(getline(1, '$'), "\n") . "\n"
  let l:errors = tempname()
  let l:filled = system(g:bise_command . ' --cursor ' . strlen(l:before) . ' 2>' . shellescape(l:errors), l:text)
  if v:shell_error
    echohl ErrorMsg | echomsg join(readfile(l:errors), ' ') | echohl None
    let l:filled = ''
  endif
  call delete(l:errors)
  return l:filled
endfunction

" Two control keys: the text is put in as it is, without indenting it again.
inoremap <silent> <C-L> <C-R><C-O>=BiseComplete()<CR>

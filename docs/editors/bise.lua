-- Completions of bise as ghost text in Neovim 0.10 and 0.11. (Neovim 0.12 does it
-- by itself: vim.lsp.inline_completion.enable().)
--
-- Put this file at ~/.config/nvim/plugin/bise.lua. <Tab> takes all, <C-Right> a
-- word, <C-Down> a line, <M-]> another suggestion; <C-]> puts it away.

local method = 'textDocument/inlineCompletion'
local namespace = vim.api.nvim_create_namespace('bise')
local wait = 75 -- milliseconds that nothing must be typed
local timer = assert(vim.uv.new_timer())
local shown -- { buf, row, col, texts, at }: what is suggested, and where
local cancel = function() end

local function clear()
  cancel()
  timer:stop()
  if shown and vim.api.nvim_buf_is_valid(shown.buf) then
    vim.api.nvim_buf_clear_namespace(shown.buf, namespace, 0, -1)
  end
  shown = nil
end

local function draw()
  vim.api.nvim_buf_clear_namespace(shown.buf, namespace, 0, -1)
  local lines = {}
  for i, line in ipairs(vim.split(shown.texts[shown.at], '\n')) do
    lines[i] = { { (line:gsub('\t', (' '):rep(vim.bo[shown.buf].tabstop))), 'Comment' } }
  end
  vim.api.nvim_buf_set_extmark(shown.buf, namespace, shown.row, shown.col, {
    virt_text = table.remove(lines, 1),
    virt_text_pos = 'inline',
    virt_lines = lines,
  })
end

-- Asks for completions at the cursor: kind 2 is "while typing", 1 "somebody asked".
local function ask(kind)
  local buf = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ bufnr = buf, name = 'bise' })[1]
  if not client then
    return
  end
  cancel()
  local before = shown
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local row, col = unpack(vim.api.nvim_win_get_cursor(0))
  local tick = vim.api.nvim_buf_get_changedtick(buf)
  local _, id = client:request(method, params, function(err, result)
    local pos = vim.api.nvim_win_get_cursor(0)
    local same = vim.api.nvim_get_current_buf() == buf
      and vim.api.nvim_buf_get_changedtick(buf) == tick
      and pos[1] == row
      and pos[2] == col
    if err or not result or #result.items == 0 or not same or vim.fn.mode() ~= 'i' then
      return
    end
    local texts = vim.tbl_map(function(item)
      return item.insertText
    end, result.items)
    -- The first one is what was suggested already.
    local at = before and before == shown and math.min(2, #texts) or 1
    shown = { buf = buf, row = row - 1, col = col, texts = texts, at = at }
    draw()
  end, buf)
  cancel = function()
    if id then
      client:cancel_request(id)
      id = nil
    end
  end
end

-- Puts the part of the suggestion in that a pattern matches. What is left is
-- suggested again at once.
local function accept(pattern)
  local s = shown
  local text = s.texts[s.at]:match(pattern)
  clear()
  local lines = vim.split(text, '\n')
  vim.api.nvim_buf_set_text(s.buf, s.row, s.col, s.row, s.col, lines)
  local col = #lines == 1 and s.col + #text or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { s.row + #lines, col })
end

-- Maps a key to what it does while something is suggested, and else to itself.
local function map(key, act)
  vim.keymap.set('i', key, function()
    if not shown then
      return key
    end
    vim.schedule(act)
    return ''
  end, { expr = true, desc = 'bise' })
end

map('<Tab>', function() accept('^.*$') end)
map('<C-Right>', function() accept('^%s*%S+') end)
map('<C-Down>', function() accept('^\n?[^\n]*') end)
map('<C-]>', clear)
vim.keymap.set('i', '<M-]>', function()
  if shown and #shown.texts > 1 then
    shown.at = shown.at % #shown.texts + 1
    draw()
  else
    ask(1)
  end
end, { desc = 'another suggestion of bise' })

vim.api.nvim_create_autocmd({ 'InsertEnter', 'CursorMovedI', 'TextChangedI' }, {
  callback = function()
    local s, pos = shown, vim.api.nvim_win_get_cursor(0)
    if s and s.buf == vim.api.nvim_get_current_buf() and s.row == pos[1] - 1 and s.col == pos[2] then
      return
    end
    clear()
    timer:start(wait, 0, vim.schedule_wrap(function() ask(2) end))
  end,
})
vim.api.nvim_create_autocmd('InsertLeave', { callback = clear })

vim.api.nvim_create_autocmd('FileType', {
  callback = function(event)
    if vim.bo[event.buf].buftype == '' then
      vim.lsp.start({
        name = 'bise',
        cmd = vim.g.bise_cmd or { 'bise', 'lsp' },
        root_dir = vim.fs.root(event.buf, '.git'),
        -- Neovim's own list of completions stays as it is.
        capabilities = vim.tbl_deep_extend('force', vim.lsp.protocol.make_client_capabilities(), {
          textDocument = { inlineCompletion = vim.empty_dict() },
        }),
      }, { bufnr = event.buf })
    end
  end,
})

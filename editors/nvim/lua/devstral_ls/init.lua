--- Accept suggestions whole or in pieces, apply proven fixes, and say what the server is doing.
local M = {}

local NAME = 'devstral_ls'
local FIX_ALL = 'source.fixAll.devstral'
local FIX_TIMEOUT_MS = 1500
-- A server that keeps dying is not started again and again.
local MAX_RESTARTS = 3
local RESTART_WINDOW_MS = 60000

local statuses = {} ---@type table<integer, { busy?: boolean, message?: string, kind?: string }>
local restarts_ms = {} ---@type integer[]
local is_enabled = true

--- Accept the whole suggestion; false when none is shown.
---@return boolean
function M.accept()
  return vim.lsp.inline_completion ~= nil and vim.lsp.inline_completion.get()
end

--- Accept the suggestion up to the end of its first word; false when none is shown.
---@return boolean
function M.accept_word()
  return M.accept_piece(function(text)
    return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w%s_]+') or text
  end)
end

--- Accept the suggestion up to the end of its first line; false when none is shown.
---@return boolean
function M.accept_line()
  return M.accept_piece(function(text)
    return text:match('^\n*[^\n]*')
  end)
end

--- Accept what `piece` keeps of the text that is shown after the cursor; false when none is shown.
---@param piece fun(text: string): string
---@return boolean
function M.accept_piece(piece)
  if not vim.lsp.inline_completion then
    return false
  end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local text = piece(M.after_cursor(item))
      -- The rest of the suggestion comes back with the request that this edit causes.
      vim.api.nvim_paste(text, false, -1)
      return nil
    end,
  })
end

--- The part of a suggestion that is not typed yet.
---@param item vim.lsp.inline_completion.Item
---@return string
function M.after_cursor(item)
  local text = type(item.insert_text) == 'string' and item.insert_text or item.insert_text.value
  if not item.range then
    return text
  end
  local start_row, start_column = item.range:to_extmark()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  if start_row ~= row - 1 then
    return text
  end
  local typed = vim.api.nvim_get_current_line():sub(start_column + 1, column)
  return vim.startswith(text, typed) and text:sub(#typed + 1) or text
end

--- Apply every proven fix to a buffer, and wait for it: made for `BufWritePre`.
---@param buffer? integer
---@param timeout_ms? integer
function M.fix(buffer, timeout_ms)
  buffer = vim._resolve_bufnr and vim._resolve_bufnr(buffer) or buffer or vim.api.nvim_get_current_buf()
  for _, client in ipairs(vim.lsp.get_clients({ bufnr = buffer, name = NAME })) do
    for _, action in ipairs(M.fix_actions(client, buffer, timeout_ms or FIX_TIMEOUT_MS)) do
      if action.edit then
        vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
      end
    end
  end
end

--- The fixes that are safe on save, with their edits.
---@param client vim.lsp.Client
---@param buffer integer
---@param timeout_ms integer
---@return lsp.CodeAction[]
function M.fix_actions(client, buffer, timeout_ms)
  local last = vim.api.nvim_buf_line_count(buffer)
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(buffer),
    range = { start = { line = 0, character = 0 }, ['end'] = { line = last, character = 0 } },
    context = {
      only = { FIX_ALL },
      diagnostics = vim.lsp.diagnostic.from(vim.diagnostic.get(buffer)),
      triggerKind = 2,
    },
  }
  local reply = client:request_sync('textDocument/codeAction', params, timeout_ms, buffer)
  return vim.tbl_map(function(action)
    return action.edit and action or M.resolved(client, action, timeout_ms, buffer)
  end, reply and reply.result or {})
end

--- A code action with its edit filled in, if the server could still do that.
---@param client vim.lsp.Client
---@param action lsp.CodeAction
---@param timeout_ms integer
---@param buffer integer
---@return lsp.CodeAction
function M.resolved(client, action, timeout_ms, buffer)
  if not client:supports_method('codeAction/resolve', buffer) then
    return action
  end
  local reply = client:request_sync('codeAction/resolve', action, timeout_ms, buffer)
  return reply and reply.result or action
end

--- Tell the server where the cursor stops, so that it has read the text around it before anybody types there.
---@param buffer integer
function M.tell_cursor(buffer)
  for _, client in ipairs(vim.lsp.get_clients({ bufnr = buffer, name = NAME })) do
    local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
    client:notify('devstral/didMoveCursor', place)
  end
end

--- Show ghost text in a buffer, unless it was switched off for the session.
---@param buffer integer
function M.attach(buffer)
  vim.api.nvim_create_autocmd({ 'BufEnter', 'CursorMoved' }, {
    group = vim.api.nvim_create_augroup('devstral_ls_cursor_' .. buffer, {}),
    buffer = buffer,
    desc = 'Tell devstral-ls where the cursor stops',
    callback = function()
      M.tell_cursor(buffer)
    end,
  })
  if buffer == vim.api.nvim_get_current_buf() then
    M.tell_cursor(buffer)
  end
  if vim.lsp.inline_completion and is_enabled then
    vim.lsp.inline_completion.enable(true, { bufnr = buffer })
  end
end

--- Whether ghost text is shown in this session.
---@return boolean
function M.is_enabled()
  return is_enabled
end

--- Show or hide ghost text in every buffer that the server serves, from now on.
---@param wanted boolean
function M.enable(wanted)
  is_enabled = wanted
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    for buffer in pairs(client.attached_buffers) do
      vim.lsp.inline_completion.enable(wanted, { bufnr = buffer })
    end
  end
end

--- Start the server afresh in every buffer that it serves.
function M.restart()
  restarts_ms = {}
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    client:stop(true)
  end
  M.start_soon()
end

--- Attach a new server to the open buffers, once the old one's exit is dealt with.
function M.start_soon()
  vim.defer_fn(function()
    vim.lsp.enable(NAME)
  end, 100)
end

--- Start a server that died; called when one exits.
---@param code integer
---@param signal integer
---@param client_id integer
function M.restart_after_crash(code, signal, client_id)
  statuses[client_id] = nil
  if vim.v.exiting ~= vim.NIL or (code == 0 and signal == 0) then
    return
  end
  local now_ms = vim.uv.now()
  restarts_ms = vim.tbl_filter(function(then_ms)
    return now_ms - then_ms < RESTART_WINDOW_MS
  end, restarts_ms)
  if #restarts_ms < MAX_RESTARTS then
    table.insert(restarts_ms, now_ms)
    vim.schedule(M.start_soon)
  end
end

--- Keep the server's last word about itself.
---@param status { busy?: boolean, message?: string, kind?: string }
---@param client_id integer
function M.remember_status(status, client_id)
  statuses[client_id] = status
  vim.schedule(function()
    vim.cmd.redrawstatus()
  end)
end

--- One short text for a status line; empty where the server is not attached.
---@return string
function M.status()
  local client = vim.lsp.get_clients({ bufnr = 0, name = NAME })[1]
  if not client then
    return ''
  end
  local status = statuses[client.id] or {}
  local message = status.message or ''
  if message == '' then
    message = status.busy and 'thinking' or 'ready'
  end
  return 'devstral: ' .. message
end

return M

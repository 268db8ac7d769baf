--- `:checkhealth devstral_ls`
local M = {}
local health = vim.health

function M.check()
  health.start('devstral-ls')
  M.check_neovim()
  M.check_server()
  M.check_clients()
end

function M.check_neovim()
  if vim.fn.has('nvim-0.12') == 1 then
    health.ok(('Neovim %s shows ghost text'):format(tostring(vim.version())))
  elseif vim.fn.has('nvim-0.11') == 1 then
    health.warn('Neovim 0.11 has hovers and fixes but no ghost text', { 'Update to Neovim 0.12' })
  else
    health.error('Neovim 0.11 or newer is needed', { 'Update Neovim' })
  end
end

function M.check_server()
  local command = vim.lsp.config.devstral_ls.cmd
  if type(command) ~= 'table' then
    health.info('`cmd` is a function, so the program cannot be checked')
    return
  end
  if vim.fn.executable(command[1]) == 0 then
    health.error(('`%s` is not a program on the PATH'):format(command[1]), {
      "Install devstral-ls, or vim.lsp.config('devstral_ls', { cmd = { '/path/to/devstral-ls', 'serve' } })",
    })
    return
  end
  health.ok('server: ' .. vim.fn.exepath(command[1]))
  local doctor = vim.system({ command[1], 'doctor' }, { text = true }):wait(20000)
  for line in vim.gsplit(vim.trim(doctor.stdout or ''), '\n') do
    health.info(line)
  end
  if doctor.code ~= 0 then
    health.warn(('`devstral-ls doctor` found problems (exit code %d)'):format(doctor.code))
  end
end

function M.check_clients()
  if not vim.lsp.is_enabled('devstral_ls') then
    health.warn('not enabled', { "vim.lsp.enable('devstral_ls')" })
    return
  end
  local clients = vim.lsp.get_clients({ name = 'devstral_ls' })
  if #clients == 0 then
    health.info('enabled; it starts with the first Python buffer')
  end
  for _, client in ipairs(clients) do
    local n_buffers = vim.tbl_count(client.attached_buffers)
    health.ok(('client %d serves %d buffer(s) below %s'):format(client.id, n_buffers, client.root_dir or 'no root'))
  end
  if not require('devstral_ls').is_enabled() then
    health.warn('ghost text is switched off', { ':Devstral enable' })
  end
end

return M

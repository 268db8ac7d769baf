--- `:checkhealth devstral_ls`
local M = {}
local health = vim.health

local DOCTOR_TIMEOUT_MS = 20000

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
    health.error(('`%s` is not a program'):format(command[1]), {
      "Install devstral-ls, or vim.lsp.config('devstral_ls', { cmd = { '/path/to/devstral-ls', 'serve' } })",
    })
    return
  end
  health.ok('server: ' .. vim.fn.exepath(command[1]))
  M.check_findings(command[1])
end

--- What the server's own doctor found, with its advice where something is amiss.
---@param program string
function M.check_findings(program)
  local doctor = vim.system({ program, 'doctor', '--json' }, { text = true }):wait(DOCTOR_TIMEOUT_MS)
  local is_json, report = pcall(vim.json.decode, doctor.stdout or '')
  if not is_json then
    local reason = vim.trim(doctor.stderr or '')
    health.error(('`%s doctor` failed (exit code %d) %s'):format(program, doctor.code, reason))
    return
  end
  for _, finding in ipairs(report.findings) do
    local line = ('%s: %s'):format(finding.topic, finding.words)
    if finding.level == 'good' then
      health.ok(line)
    else
      local tell = finding.level == 'broken' and health.error or health.warn
      tell(line, finding.advice ~= '' and { finding.advice } or nil)
    end
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
    local buffers = n_buffers == 1 and '1 buffer' or ('%d buffers'):format(n_buffers)
    local place = client.root_dir and 'below ' .. client.root_dir or 'outside of a project'
    health.ok(('running; it serves %s %s'):format(buffers, place))
  end
  if not require('devstral_ls').is_enabled() then
    health.warn('ghost text is switched off', { ':Devstral enable' })
  end
end

return M

-- Shows ghost text wherever the server is attached, and defines :Devstral. No key is mapped here.
if vim.g.loaded_devstral_ls then
  return
end
vim.g.loaded_devstral_ls = true

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('devstral_ls', {}),
  desc = 'Show what devstral-ls suggests as ghost text',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'devstral_ls' then
      require('devstral_ls').attach(event.buf)
    end
  end,
})

local subcommands = {
  enable = function()
    require('devstral_ls').enable(true)
  end,
  disable = function()
    require('devstral_ls').enable(false)
  end,
  fix = function()
    require('devstral_ls').fix()
  end,
  restart = function()
    require('devstral_ls').restart()
  end,
  status = function()
    vim.notify(require('devstral_ls').status())
  end,
}

vim.api.nvim_create_user_command('Devstral', function(command)
  local run = subcommands[command.args]
  if run then
    run()
  else
    local known = table.concat(vim.fn.sort(vim.tbl_keys(subcommands)), ', ')
    vim.notify(('Devstral: unknown subcommand "%s"; known are %s'):format(command.args, known), vim.log.levels.ERROR)
  end
end, {
  nargs = 1,
  desc = 'Control devstral-ls',
  complete = function(given)
    return vim.fn.sort(vim.tbl_filter(function(name)
      return vim.startswith(name, given)
    end, vim.tbl_keys(subcommands)))
  end,
})

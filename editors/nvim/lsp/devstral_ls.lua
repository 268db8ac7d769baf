-- What Neovim needs to know to start the server; `vim.lsp.config('devstral_ls', …)` changes any of it.
---@type vim.lsp.Config
return {
  cmd = { 'devstral-ls', 'serve' },
  filetypes = { 'python' },
  root_markers = { 'pyproject.toml', 'setup.cfg', 'setup.py', '.git' },
  handlers = {
    ['$/devstral/status'] = function(_, status, context)
      require('devstral_ls').remember_status(status, context.client_id)
    end,
  },
  on_exit = function(code, signal, client_id)
    require('devstral_ls').restart_after_crash(code, signal, client_id)
  end,
}

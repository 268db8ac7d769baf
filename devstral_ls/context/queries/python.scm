; What devstral-ls reads from Python. A symbol's signature runs from its start to its @body.

(function_definition name: (identifier) @name body: (block) @body) @function

(class_definition name: (identifier) @name superclasses: (argument_list)? @bases body: (block) @body) @class

(module (expression_statement (assignment left: (identifier) @name) @variable))
(module (if_statement consequence: (block (expression_statement (assignment left: (identifier) @name) @variable))))
(module (try_statement body: (block (expression_statement (assignment left: (identifier) @name) @variable))))
(module (type_alias_statement left: (type) @name) @variable)

(module (expression_statement (assignment left: (pattern_list (identifier) @name)) @variable))

(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @field)))

(assignment
  left: (attribute object: (identifier) @receiver attribute: (identifier) @name)
  (#eq? @receiver "self")) @field

(assignment
  left: (pattern_list (attribute object: (identifier) @receiver attribute: (identifier) @name) @field)
  (#eq? @receiver "self"))

(block . (expression_statement (string) @doc))
(module . (expression_statement (string) @doc))
(decorator) @decorator

(import_statement name: (dotted_name) @module) @import
(import_statement name: (aliased_import name: (dotted_name) @module alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module name: (dotted_name) @name) @import
(import_from_statement
  module_name: (_) @module
  name: (aliased_import name: (dotted_name) @name alias: (identifier) @alias)) @import
(import_from_statement module_name: (_) @module (wildcard_import) @name) @import

; JavaScript and JSX.

(function_declaration name: (identifier) @name body: (statement_block) @body) @function
(generator_function_declaration name: (identifier) @name body: (statement_block) @body) @function
(class_declaration name: (identifier) @name (class_heritage)? @bases body: (class_body) @body) @class
(method_definition name: (property_identifier) @name body: (statement_block) @body) @function
(field_definition property: (property_identifier) @name) @field

(program (lexical_declaration (variable_declarator name: (identifier) @name value: (arrow_function body: (_) @body)) @function))
(program (export_statement (lexical_declaration
  (variable_declarator name: (identifier) @name value: (arrow_function body: (_) @body)) @function)))
(program (lexical_declaration (variable_declarator name: (identifier) @name) @variable))
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name) @variable)))

(import_statement (import_clause (identifier) @name) source: (string) @module) @import
(import_statement
  (import_clause (named_imports (import_specifier name: (identifier) @name alias: (identifier)? @alias)))
  source: (string) @module) @import
(import_statement (import_clause (namespace_import (identifier) @alias)) source: (string) @module) @import

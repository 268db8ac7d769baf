; TypeScript and TSX.

(function_declaration name: (identifier) @name body: (statement_block) @body) @function
(function_signature name: (identifier) @name) @function
(class_declaration name: (type_identifier) @name (class_heritage)? @bases body: (class_body) @body) @class
(abstract_class_declaration name: (type_identifier) @name (class_heritage)? @bases body: (class_body) @body) @class
(interface_declaration name: (type_identifier) @name (extends_type_clause)? @bases body: (interface_body) @body) @class
(enum_declaration name: (identifier) @name body: (enum_body) @body) @class
(type_alias_declaration name: (type_identifier) @name) @variable
(method_definition name: (property_identifier) @name body: (statement_block) @body) @function
(abstract_method_signature name: (property_identifier) @name) @function
(method_signature name: (property_identifier) @name) @function
(public_field_definition name: (property_identifier) @name) @field
(property_signature name: (property_identifier) @name) @field

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

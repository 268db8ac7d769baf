; C. Declarations in headers count as much as definitions.

(function_definition declarator: (function_declarator declarator: (identifier) @name) body: (compound_statement) @body) @function
(function_definition
  declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))
  body: (compound_statement) @body) @function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @function
(declaration declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @function
(struct_specifier name: (type_identifier) @name body: (field_declaration_list) @body) @class
(union_specifier name: (type_identifier) @name body: (field_declaration_list) @body) @class
(enum_specifier name: (type_identifier) @name body: (enumerator_list) @body) @class
(field_declaration declarator: (field_identifier) @name) @field
(field_declaration declarator: (pointer_declarator declarator: (field_identifier) @name)) @field
(enumerator name: (identifier) @name) @field
(type_definition declarator: (type_identifier) @name) @variable
(preproc_def name: (identifier) @name) @variable
(preproc_function_def name: (identifier) @name) @variable

(preproc_include path: [(string_literal) (system_lib_string)] @module) @import

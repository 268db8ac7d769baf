; C++.

(function_definition
  declarator: (function_declarator declarator: [(identifier) (field_identifier)] @name)
  body: (compound_statement) @body) @function
(function_definition
  declarator: (function_declarator declarator: (qualified_identifier name: (identifier) @name))
  body: (compound_statement) @body) @function
(function_definition
  declarator: (_ (function_declarator declarator: [(identifier) (field_identifier)] @name))
  body: (compound_statement) @body) @function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @function
(field_declaration declarator: (function_declarator declarator: (field_identifier) @name)) @function
(field_declaration declarator: (_ (function_declarator declarator: (field_identifier) @name))) @function
(class_specifier name: (type_identifier) @name (base_class_clause)? @bases body: (field_declaration_list) @body) @class
(struct_specifier name: (type_identifier) @name (base_class_clause)? @bases body: (field_declaration_list) @body) @class
(enum_specifier name: (type_identifier) @name body: (enumerator_list) @body) @class
(field_declaration declarator: (field_identifier) @name) @field
(field_declaration declarator: (_ (field_identifier) @name)) @field
(enumerator name: (identifier) @name) @field
(alias_declaration name: (type_identifier) @name) @variable
(type_definition declarator: (type_identifier) @name) @variable
(preproc_def name: (identifier) @name) @variable
(preproc_function_def name: (identifier) @name) @variable

(preproc_include path: [(string_literal) (system_lib_string)] @module) @import

; Go. Methods stand at the top level; their receivers are in their signatures.

(function_declaration name: (identifier) @name body: (block) @body) @function
(method_declaration name: (field_identifier) @name body: (block) @body) @function
(type_declaration (type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @class)
(type_declaration (type_spec name: (type_identifier) @name type: (interface_type)) @class)
(type_declaration (type_alias name: (type_identifier) @name) @variable)
(source_file (type_declaration (type_spec name: (type_identifier) @name type: [(type_identifier) (function_type) (map_type) (slice_type) (pointer_type) (qualified_type) (channel_type) (array_type)]) @variable))
(field_declaration name: (field_identifier) @name) @field
(method_elem name: (field_identifier) @name) @function
(source_file (const_declaration (const_spec name: (identifier) @name) @variable))
(source_file (var_declaration (var_spec name: (identifier) @name) @variable))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable)))

(import_spec name: (package_identifier)? @alias path: (interpreted_string_literal) @module) @import

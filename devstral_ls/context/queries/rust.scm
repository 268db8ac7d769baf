; Rust. The methods of an `impl` belong to a block of the type's name.

(function_item name: (identifier) @name body: (block) @body) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name body: (field_declaration_list) @body) @class
(struct_item name: (type_identifier) @name !body) @class
(struct_item name: (type_identifier) @name body: (ordered_field_declaration_list)) @class
(enum_item name: (type_identifier) @name body: (enum_variant_list) @body) @class
(union_item name: (type_identifier) @name body: (field_declaration_list) @body) @class
(trait_item name: (type_identifier) @name bounds: (trait_bounds)? @bases body: (declaration_list) @body) @class
(impl_item trait: (_)? @bases type: (type_identifier) @name body: (declaration_list) @body) @class
(impl_item trait: (_)? @bases type: (generic_type type: (type_identifier) @name) body: (declaration_list) @body) @class
(field_declaration name: (field_identifier) @name) @field
(enum_variant name: (identifier) @name) @field
(const_item name: (identifier) @name) @variable
(static_item name: (identifier) @name) @variable
(type_item name: (type_identifier) @name) @variable
(macro_definition name: (identifier) @name) @variable

(use_declaration argument: (scoped_identifier path: (_) @module name: (identifier) @name)) @import
(use_declaration argument: (use_as_clause path: (scoped_identifier path: (_) @module name: (identifier) @name) alias: (identifier) @alias)) @import
(use_declaration argument: (scoped_use_list path: (_) @module list: (use_list (identifier) @name))) @import

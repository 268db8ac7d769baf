; PHP.

(function_definition name: (name) @name body: (compound_statement) @body) @function
(method_declaration name: (name) @name body: (compound_statement) @body) @function
(method_declaration name: (name) @name !body) @function
(class_declaration name: (name) @name (base_clause)? @bases body: (declaration_list) @body) @class
(interface_declaration name: (name) @name body: (declaration_list) @body) @class
(trait_declaration name: (name) @name body: (declaration_list) @body) @class
(enum_declaration name: (name) @name body: (enum_declaration_list) @body) @class
(property_declaration (property_element name: (variable_name) @name)) @field
(const_declaration (const_element (name) @name)) @variable

(namespace_use_clause (qualified_name (name) @name) @module) @import
